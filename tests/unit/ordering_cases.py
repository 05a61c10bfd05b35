"""Crystals with partial occupancies that tests share: rock salts whose cation sites are half vacant or mixed."""

from rock_salt_cif import HEADER

# Neutral: Mg2+ on half of the sites of Na+; Na+ and Al3+ in equal parts beside S2-.
HALF_VACANT = HEADER + "Mg1 Mg 0 0 0 0.5\nCl1 Cl 0.5 0.5 0.5 1\n"
MIXED_CHARGES = HEADER + "Na1 Na 0 0 0 0.5\nAl1 Al 0 0 0 0.5\nS1 S 0.5 0.5 0.5 1\n"
HALF_VACANT_CHARGES = {"Mg": 2, "Cl": -1}
MIXED_CHARGES_CHARGES = {"Na": 1, "Al": 3, "S": -2}
# Li on either side of the middle between two Cl: 1.0 Å apart, so that one of each pair is occupied.
SPLIT = """data_split
_cell_length_a 4
_cell_length_b 4
_cell_length_c 5
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'P 1'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Cl1 Cl 0 0 0 1
Li1 Li 0.5 0.5 0.4 {occupancy}
Li2 Li 0.5 0.5 0.6 {occupancy}
"""
