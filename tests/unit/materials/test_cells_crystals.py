"""Crystals: read back as supercells, refused when they are not what the table says."""

import numpy as np
import pytest
from ase.build import bulk
from ase.io import write

from saltflow.base.errors import InputError, SaltflowError
from saltflow.materials.cells import build_cell, read_crystal
from saltflow.materials.compositions import Composition
from saltflow.materials.density import density_g_cm3

ROCK_SALT_CIF = """data_NaCl
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
ORDERED = ROCK_SALT_CIF + "Na1 Na+ 0 0 0 1\nCl1 Cl- 0.5 0.5 0.5 1\n"
PARTIAL = ROCK_SALT_CIF + "Na1 Na+ 0 0 0 0.5\nCl1 Cl- 0.5 0.5 0.5 1\n"
MIXED = ROCK_SALT_CIF + "Na1 Na+ 0 0 0 0.5\nK1 K+ 0 0 0 0.5\nCl1 Cl- 0.5 0.5 0.5 1\n"


def rock_salt(start: str = "none") -> Composition:
    return Composition.from_identity({
        "id": "rock-salt", "formula": "NaCl", "host": "", "salt": "", "mobile_ion": "Na",
        "oxidation_states": {"Na": 1, "Cl": -1}, "start": start, "density_g_cm3": 2.17,
    })  # fmt: skip


@pytest.fixture
def cif(tmp_path):
    def write_cif(text):
        path = tmp_path / "rock-salt.cif"
        path.write_text(text)
        return path

    return write_cif


def test_rock_salt_is_read_as_a_cubic_supercell(cif):
    atoms = read_crystal(cif(ORDERED), rock_salt(), atoms=64)
    assert len(atoms) == 64
    assert atoms.cell.cellpar() == pytest.approx([11.28] * 3 + [90] * 3)
    assert atoms.symbols.formula.count() == {"Na": 32, "Cl": 32}
    assert density_g_cm3(atoms) == pytest.approx(2.164, abs=2e-3)
    distances = atoms.get_all_distances(mic=True)
    assert distances[distances > 0].min() == pytest.approx(2.82)
    assert (atoms.arrays["unit"] == -1).all()


@pytest.mark.parametrize("name", ["POSCAR", "crystal.vasp", "crystal.extxyz"])
def test_other_formats_and_primitive_cells(tmp_path, name):
    primitive = bulk("NaCl", "rocksalt", a=5.64)
    write(tmp_path / name, primitive, format="extxyz" if name.endswith("xyz") else "vasp")
    atoms = read_crystal(tmp_path / name, rock_salt(), atoms=64)
    assert len(atoms) == pytest.approx(64, rel=0.1)
    lengths, angles = np.split(atoms.cell.cellpar(), 2)
    assert np.ptp(lengths) / lengths.mean() < 0.1
    assert np.abs(angles - 90).max() < 15
    assert density_g_cm3(atoms) == pytest.approx(density_g_cm3(primitive))


def test_a_long_cell_becomes_near_cubic(tmp_path):
    long = bulk("NaCl", "rocksalt", a=5.64, cubic=True).repeat((4, 1, 1))
    write(tmp_path / "POSCAR", long, format="vasp")
    atoms = read_crystal(tmp_path / "POSCAR", rock_salt(), atoms=500)
    assert atoms.cell.cellpar() == pytest.approx([22.56] * 3 + [90] * 3)


@pytest.mark.parametrize(("text", "site"), [(PARTIAL, "Na1 with Na:0.5"), (MIXED, "K1 with K:0.5, Na:0.5")])
def test_partial_occupancy_is_refused_with_the_remedy(cif, text, site):
    with pytest.raises(InputError, match=rf"rock-salt.*{site}.*OrderDisorderedStructureTransformation"):
        read_crystal(cif(text), rock_salt(), atoms=64)


def test_overlapping_sites_are_refused(cif):
    with pytest.raises(InputError, match=r"rock-salt.*overlap"):
        read_crystal(cif(ORDERED + "Na2 Na+ 0.05 0 0 1\n"), rock_salt(), atoms=64)


def test_another_stoichiometry_is_refused(cif):
    with pytest.raises(InputError, match=r"rock-salt.*KCl, not NaCl"):
        read_crystal(cif(ORDERED.replace("Na", "K")), rock_salt(), atoms=64)


def test_a_missing_element_is_refused(tmp_path):
    write(tmp_path / "POSCAR", bulk("Na", "bcc", a=4.29), format="vasp")
    with pytest.raises(InputError, match="not NaCl"):
        read_crystal(tmp_path / "POSCAR", rock_salt(), atoms=64)


def test_an_unreadable_file_is_named(cif, tmp_path):
    with pytest.raises(InputError, match=r"rock-salt.*cannot be read"):
        read_crystal(cif("this is no CIF"), rock_salt(), atoms=64)
    with pytest.raises(InputError, match=r"rock-salt.*missing\.cif"):
        read_crystal(tmp_path / "missing.cif", rock_salt(), atoms=64)


def test_build_cell_scales_the_crystals_density(cif):
    atoms = build_cell(
        rock_salt(str(cif(ORDERED))), atoms=64, density_scale=0.9, seed=4, min_separation_factor=0.8,
        min_separations_A={},
    )  # fmt: skip
    assert density_g_cm3(atoms) == pytest.approx(0.9 * 2.164, abs=2e-3)
    assert atoms.info == {
        "composition": "rock-salt", "formula_units": 32, "seed": 4,
        "start_density_g_cm3": pytest.approx(density_g_cm3(atoms)),
    }  # fmt: skip


def test_build_cell_refuses_a_composition_without_start():
    with pytest.raises(SaltflowError, match=r"rock-salt.*column start"):
        build_cell(
            rock_salt("none"),
            atoms=64,
            density_scale=1.0,
            seed=1,
            min_separation_factor=0.8,
            min_separations_A={},
        )
