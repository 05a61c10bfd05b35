"""Relaxation of many configurations at once, at fixed cells or with them."""
