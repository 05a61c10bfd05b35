"""Potentials: MACE and loops compiled for it, dispersion, neighbour lists, export. Imports base to campaign."""
