"""Potentials: MACE and its kernels, dispersion, neighbour lists, export. Imports base to campaign."""
