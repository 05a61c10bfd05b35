"""Crystals: read back as supercells, refused when they are not what the table says."""

from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.io import write
from ordering_cases import HALF_VACANT
from rock_salt_cif import MIXED, ORDERED, PARTIAL

from saltflow.base.errors import InputError, SaltflowError
from saltflow.materials.cells import build_cell, read_crystal
from saltflow.materials.cells.crystals import check_crystal
from saltflow.materials.compositions import Composition
from saltflow.materials.density import density_g_cm3
from saltflow.materials.frame_info import FrameInfo


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


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (PARTIAL, r"rock-salt, column start: the occupancies of .* \(Na0\.5 Cl1 .*do not give the formula"),
        (MIXED, r"rock-salt, column start: .* have different elements: K \(the file only\)"),
    ],
)
def test_partial_occupancy_of_another_formula_is_refused(cif, text, sentence):
    for refuse in (read_crystal, check_crystal):
        with pytest.raises(InputError, match=sentence):
            refuse(cif(text), rock_salt(), atoms=64)


def half_vacant(start: Path) -> Composition:
    return Composition.from_identity({
        "id": "half-vacant", "formula": "MgCl2", "host": "", "salt": "", "mobile_ion": "Mg",
        "oxidation_states": {"Mg": 2, "Cl": -1}, "start": str(start), "density_g_cm3": 2.3,
    })  # fmt: skip


def test_partial_occupancies_are_ordered_anew_for_each_replica(cif):
    composition = half_vacant(cif(HALF_VACANT))
    settings = {"atoms": 90, "density_scale": 1.0, "min_separation_factor": 0.8, "min_separations_A": {}}
    cells = [build_cell(composition, seed=seed, **settings) for seed in (1, 1, 2)]
    assert len(cells[0]) == pytest.approx(90, rel=0.1)
    assert cells[0].symbols.formula.reduce()[0].count() == {"Mg": 1, "Cl": 2}
    assert FrameInfo.of(cells[0]).formula_units == len(cells[0]) / 3
    assert (cells[0].arrays["unit"] == -1).all()
    assert np.array_equal(cells[0].positions, cells[1].positions)
    magnesium = [cell[cell.symbols == "Mg"].positions for cell in cells]
    assert not np.allclose(magnesium[0], magnesium[2])
    distances = cells[0].get_all_distances(mic=True)
    assert distances[distances > 0].min() == pytest.approx(2.82)


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
