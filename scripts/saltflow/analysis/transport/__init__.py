"""Transport: displacements, diffusive window, conductivities and their errors."""
