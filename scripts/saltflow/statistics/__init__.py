"""Means, jackknives, time blocks and rank correlations: every estimate with its error. Imports base."""
