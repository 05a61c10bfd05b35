"""What crystals that survive the hull are studied by: phonons, moduli, barriers, dynamics."""
