"""Density of the mobile ions, and its percolation through the periodic cell."""
