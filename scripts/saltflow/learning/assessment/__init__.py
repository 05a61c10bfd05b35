"""Errors of a generation on held-out frames, its calibration, and whether it converged."""
