"""Trajectories in memory, on disk as H5MD, and of other programs. Imports base and statistics."""
