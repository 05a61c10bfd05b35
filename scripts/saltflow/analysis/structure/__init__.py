"""Structure: pair distributions, scattering, angles, polyhedra and their network, order, phases."""
