"""Transport: displacements, the diffusive window, conductivities and their errors."""
