"""Trajectory files of other programs, frame by frame: one module per family of formats."""
