"""Measures of a host and stages of a layered one, on structures in which they were planted."""

from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from layered_hosts import SPACING_A, graphite, layered_oxide

from saltflow.base.errors import SaltflowError
from saltflow.materials.structure_files import read_structure
from saltflow.studies.electrodes.degradation import Degradation
from saltflow.studies.electrodes.host import host_of
from saltflow.studies.electrodes.moved_sites import free_sites_A, moved_sites_A
from saltflow.studies.electrodes.staging import (
    find_layers,
    ions_of_galleries,
    layered_measures,
    registry,
    stage_order,
)

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def host():
    return host_of(layered_oxide(), "Li", repeats=(2, 2, 1))


def test_a_sound_host_has_lost_nothing(host):
    full = host.filled(np.ones(host.sites))
    full.positions += [3.0, 1.0, 0.2]  # drift
    full.set_cell(full.cell * 1.03, scale_atoms=True)
    found = Degradation(host).of(full)
    assert found["coordination"] == 6
    lost = ("displaced_fraction", "cation_disorder", "oxygen_dimers", "bare_oxygen", "broken_bonds")
    assert [found[name] for name in lost] == [0] * 5
    assert len(free_sites_A(host, full)) == 0


def test_a_cobalt_in_the_lithium_layer_is_cation_disorder(host):
    atoms = host.filled(np.arange(host.sites) > 0)
    cobalt = int(np.flatnonzero(atoms.symbols == "Co")[0])
    atoms.positions[cobalt] = host.sites_A[0]
    found = Degradation(host).of(atoms)
    assert found["cation_disorder"] == pytest.approx(1 / 12)
    assert found["displaced_fraction"] == pytest.approx(1 / 36)
    aside = host.filled(np.zeros(host.sites))
    aside.positions[cobalt] += [0, 0, 0.4]  # in its own octahedron
    assert Degradation(host).of(aside)["cation_disorder"] == 0


def test_oxygen_that_leaves_its_metals_is_found(host):
    atoms = host.filled(np.zeros(host.sites))
    first, second = np.flatnonzero(atoms.symbols == "O")[:2]
    middle = host.sites_A[0]
    atoms.positions[first], atoms.positions[second] = middle - [0.6, 0, 0], middle + [0.6, 0, 0]
    found = Degradation(host).of(atoms)
    assert found["oxygen_dimers"] == 1
    assert found["bare_oxygen"] == 2
    assert found["coordination"] == pytest.approx(6 - 2 * 3 / 12)  # each O had three Co
    assert found["broken_bonds"] > 0
    assert found["species"] == {"O": 22, "O2": 1}


def test_units_of_nonmetals_are_those_of_the_formula():
    phosphate = host_of(read_structure(ROOT / "benchmarks/barriers/LiFePO4.cif"), "Li", repeats=(1, 1, 1))
    assert Degradation(phosphate).of(phosphate.filled(phosphate.given))["species"] == {"O4P": 4}


def test_a_crack_is_a_hole(host):
    whole = host.filled(np.ones(host.sites))
    cracked = whole.copy()
    above = cracked.positions[:, 2] > whole.cell[2, 2] / 2
    cracked.positions[above, 2] += 4.0
    cracked.cell[2, 2] += 4.0
    holes = [Degradation(host).of(atoms)["largest_hole_A"] for atoms in (whole, cracked)]
    assert holes[1] > holes[0] + 0.7


def test_sites_move_with_the_atoms_around_them(host):
    atoms = host.filled(np.arange(host.sites) == 0)
    atoms.positions += 0.7
    atoms.set_cell(atoms.cell * [1.0, 1.02, 1.1], scale_atoms=True)
    expected = host.filled(np.ones(host.sites))
    expected.positions += 0.7
    expected.set_cell(atoms.cell, scale_atoms=True)
    ions = expected.positions[len(host.framework) :]
    assert moved_sites_A(host, atoms) == pytest.approx(ions, abs=1e-6)
    assert len(free_sites_A(host, atoms)) == host.sites - 1


@pytest.mark.parametrize("stage", [1, 2, 3, 4])
def test_a_planted_stage_has_the_order_parameter_of_its_period(stage):
    atoms = graphite([0.0] * 12, filled=list(range(0, 12, stage)))
    ions = ions_of_galleries(atoms, "Li", find_layers(atoms, "C"))
    assert ions.tolist() == [3 if gallery % stage == 0 else 0 for gallery in range(12)]
    order = stage_order(ions)
    assert order[stage] == pytest.approx(1)
    assert all(order[other] < 1e-9 for other in order if stage % other)
    assert layered_measures(atoms, "Li", "C")["stage"] == stage


def test_ions_without_order_have_no_stage():
    atoms = graphite([0.0] * 4, filled=[0, 1])
    measures = layered_measures(atoms, "Li", "C")
    assert measures["stage_order"]["2"] == pytest.approx(0, abs=1e-9)
    assert measures["stage_order"]["4"] == pytest.approx(2**-0.5)
    assert measures["stage"] == 1
    assert layered_measures(graphite([0.0] * 4), "Li", "C")["stage"] is None


def test_stacking_is_told_by_the_registry():
    for shifts, expected in (
        ([0, 0], [1, 1]),
        ([0, 1], [-0.5, -0.5]),
        ([0, 1, 2], [-0.5, -0.5, -0.5]),  # ABC
        ([0, 1, 0, 0], [-0.5, -0.5, 1, 1]),  # a stacking fault
    ):
        atoms = graphite(shifts)
        atoms.positions[:, 2] += 0.5
        atoms.rattle(1e-3, seed=1)
        assert registry(atoms, find_layers(atoms, "C")) == pytest.approx(expected, abs=0.01)
    sliding = graphite([0, 0.5])
    assert -0.5 < registry(sliding, find_layers(sliding, "C"))[0] < 1
    leaning = graphite([0])  # ABC with one layer in the cell
    leaning.cell[2] += leaning.positions[1] - leaning.positions[0]
    assert registry(leaning, find_layers(leaning, "C")) == pytest.approx([-0.5])
    cut = leaning * (1, 1, 3)
    cut.rattle(1e-3, seed=2)
    cut.wrap()
    assert registry(cut, find_layers(cut, "C")) == pytest.approx([-0.5] * 3, abs=0.01)


def test_layers_that_a_face_cuts_are_whole():
    atoms = graphite([0, 1], filled=[1])
    atoms.positions[:, 2] += np.where(np.arange(len(atoms)) % 2, 0.05, -0.05)
    atoms.wrap()
    layers = find_layers(atoms, "C")
    assert [len(each) for each in layers.members] == [18, 18]
    assert layers.spacings_A == pytest.approx([SPACING_A, SPACING_A], abs=0.02)
    assert sorted(ions_of_galleries(atoms, "Li", layers).tolist()) == [0, 3]


def test_what_has_no_layers_is_refused():
    with pytest.raises(SaltflowError, match="makes no layers across c"):
        find_layers(bulk("C", cubic=True).repeat(2), "C")
    with pytest.raises(SaltflowError, match="Pt makes no layers"):
        find_layers(bulk("Cu", cubic=True), "Pt")
