"""Means, jackknives, blocks of time and rank correlations: every estimate with its error. Imports base."""
