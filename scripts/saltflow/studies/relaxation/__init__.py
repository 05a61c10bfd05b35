"""Relaxation of many configurations at once, with their cells or without."""
