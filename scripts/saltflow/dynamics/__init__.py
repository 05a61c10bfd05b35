"""Molecular dynamics of a batch of independent cells: schedules, integrators, resuming. Imports base to labels."""
