"""Molecular dynamics of a batch of independent cells: schedules, integrators, runs that resume. Imports base to labels."""
