"""What a material is: compositions, ions, cells, groups of atoms. Imports base, statistics, trajectory."""
