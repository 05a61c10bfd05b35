"""Gas above a slab: the ideal gas, no overlaps, molecules of the right shape; what is refused."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.data import covalent_radii
from interface_models import rock_salt

from saltflow.base.errors import InputError
from saltflow.studies.interfaces.crystal_slabs import conventional, cut_slabs, widened
from saltflow.studies.interfaces.gas import (
    counts_of,
    free_volume_A3,
    molecule_of,
    parse_gas,
    pressure_bar_of,
    put_gas,
)


@pytest.fixture(scope="module")
def slab():
    (found,) = cut_slabs(conventional(rock_salt()), (1, 0, 0), thickness_A=8, vacuum_A=20)
    return widened(found.atoms, width_A=10)


def test_a_mole_fills_24_8_litres_at_1_bar_and_25_degrees():
    volume_A3 = 24.789570e27 / 6.02214076e23 * 30  # 30 molecules of the molar volume of the ideal gas
    counts = counts_of({"CO2": 2, "O2": 1}, pressure_bar=1.0, temperature_K=298.15, volume_A3=volume_A3)
    assert counts == {"CO2": 20, "O2": 10}
    assert pressure_bar_of(30, temperature_K=298.15, volume_A3=volume_A3) == pytest.approx(1.0, rel=1e-6)


def test_numbers_are_taken_as_they_are():
    assert counts_of(parse_gas("CO2:20, O2:10,N2:0"), pressure_bar=None, temperature_K=300, volume_A3=1) == {
        "CO2": 20,
        "O2": 10,
    }


@pytest.mark.parametrize("name", ["CO2", "O2", "H2O", "N2", "H2S", "SO2", "CO", "HCl", "NH3"])
def test_a_molecule_has_its_formula_and_the_lengths_of_the_tables(name):
    found = molecule_of(name)
    assert found.symbols.formula.count() == Atoms(name).symbols.formula.count()
    lengths_A = {"CO2": 1.16, "O2": 1.21, "H2O": 0.96, "N2": 1.10, "H2S": 1.34, "SO2": 1.43, "CO": 1.13, "HCl": 1.27}
    distances_A = found.get_all_distances()
    shortest_A = distances_A[distances_A > 0].min()
    assert shortest_A == pytest.approx(lengths_A.get(name, 1.01), abs=0.05)


def test_molecules_are_whole_and_overlap_nothing(slab):
    found = put_gas(slab, {"CO2": 12, "O2": 6}, seed=3)
    assert found[: len(slab)] == slab
    group = np.concatenate([np.zeros(len(slab), int), 1 + np.repeat(np.arange(18), [3] * 12 + [2] * 6)])
    apart = group[:, None] != group
    distances_A = found.get_all_distances(mic=True)
    radii_A = covalent_radii[found.numbers]
    assert np.all(distances_A[apart] >= 2.0)
    assert np.all((distances_A / (radii_A[:, None] + radii_A))[apart] >= 1.6)
    for index in range(1, 13):
        own = found[group == index]
        assert own.get_all_distances() == pytest.approx(molecule("CO2").get_all_distances())
    assert put_gas(slab, {"CO2": 12, "O2": 6}, seed=3) == found
    assert put_gas(slab, {"CO2": 12, "O2": 6}, seed=4) != found
    heights = found.positions[len(slab) :, 2]
    assert heights.min() > slab.positions[:, 2].max()
    assert np.ptp(heights) > 10  # not in one layer


def test_the_gas_has_the_room_between_the_slab_and_its_image(slab):
    area = np.linalg.norm(np.cross(*slab.cell.array[:2]))
    assert free_volume_A3(slab) == pytest.approx(20 * area)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("CO2", r"^--gas: 'CO2' is no molecule with its number; give such as CO2:20,O2:10\.$"),
        ("CO2:many", r"^--gas: 'CO2:many' is no molecule with its number"),
        ("CO2:-3", r"^--gas: CO2:-3 cannot be; a number of molecules is 0 or more\.$"),
        ("Xy7:2", r"^--gas: the molecule 'Xy7' is unknown; give such as CO2, O2, H2O or N2\.$"),
        ("C2H6O:2", r"^--gas: the molecule 'C2H6O' is one of CH3CH2OH, CH3OCH3; name which\.$"),
    ],
)
def test_a_gas_that_is_none_is_refused(text, sentence):
    with pytest.raises(InputError, match=sentence):
        parse_gas(text)


def test_a_gas_that_does_not_fit_is_refused(slab):
    with pytest.raises(InputError, match=r"^--gas: molecule \d+ of 200 CO2 finds no place without overlap; raise"):
        put_gas(slab, {"CO2": 200}, seed=1)
    with pytest.raises(InputError, match=r"^--pressure 1 bar at 300 K is 0\.048 molecules in 2000 Å³; raise it"):
        counts_of({"CO2": 1}, pressure_bar=1.0, temperature_K=300.0, volume_A3=2000)
    with pytest.raises(InputError, match="^--pressure has to be above 0 and needs the parts of --gas"):
        counts_of({}, pressure_bar=1.0, temperature_K=300.0, volume_A3=2000)
    with pytest.raises(InputError, match="^--gas: the number of O2 is no whole one"):
        counts_of({"O2": 1.5}, pressure_bar=None, temperature_K=300.0, volume_A3=2000)
