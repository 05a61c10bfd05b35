"""Molecular dynamics of a batch of independent cells: schedules, integrators, and a runner that resumes."""
