"""Migration barriers: sites and hops by symmetry, nudged elastic bands in one batch, percolation and kinetics."""
