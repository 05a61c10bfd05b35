"""Analyses of trajectories, from transport to the ranking. Imports base to operations."""
