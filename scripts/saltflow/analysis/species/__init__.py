"""Molecular units of a trajectory: which there are, how long, and what becomes of them."""
