"""What ions are, wherever they stand: radii, and the geometry of polyanions."""
