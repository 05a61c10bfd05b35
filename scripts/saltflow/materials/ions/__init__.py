"""Ions: radii, and the geometry of polyanions."""
