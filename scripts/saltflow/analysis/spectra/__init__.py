"""Vibrations, scattering functions and rotations of polyanions."""
