"""Universal potentials, and any other ASE calculator: found by an import path, checked, and kept off the network."""
