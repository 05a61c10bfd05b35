"""A CIF of rock salt, whole and with partial occupancies, that tests of structure files share."""

HEADER = """data_NaCl
_cell_length_a 5.64
_cell_length_b 5.64
_cell_length_c 5.64
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'F m -3 m'
_symmetry_Int_Tables_number 225
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
"""
ORDERED = HEADER + "Na1 Na+ 0 0 0 1\nCl1 Cl- 0.5 0.5 0.5 1\n"
PARTIAL = HEADER + "Na1 Na+ 0 0 0 0.5\nCl1 Cl- 0.5 0.5 0.5 1\n"
MIXED = HEADER + "Na1 Na+ 0 0 0 0.5\nK1 K+ 0 0 0 0.5\nCl1 Cl- 0.5 0.5 0.5 1\n"
