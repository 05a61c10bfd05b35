"""Activation energies, extrapolation to the target temperature, and the glass transition."""
