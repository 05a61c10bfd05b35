"""Assessment of a generation: held-out errors, calibration, convergence, figure."""
