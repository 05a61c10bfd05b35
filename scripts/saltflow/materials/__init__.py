"""Materials: compositions, ions, cells, groups of atoms, keys of frames. Imports base, statistics, trajectory."""
