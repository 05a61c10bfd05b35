"""What gives energies and forces: MACE, its kernels, dispersion, neighbour lists. Imports base to campaign."""
