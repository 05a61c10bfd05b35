"""Voronoi cells and short-range order of crystals whose answer is exact, and of random alloys."""

import json

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.spacegroup import crystal
from click.testing import CliRunner

from saltflow.studies.alloys.alloy_structure import study_structure
from saltflow.studies.alloys.voronoi_cells import voronoi_cells
from saltflow.studies.alloys.voronoi_command import command

FCC, BCC, CUBE, ICOSAHEDRON = (0, 12, 0, 0), (0, 6, 0, 8), (0, 6, 0, 0), (0, 0, 12, 0)


def cubic(symbols, places, group, edge_A, **more) -> Atoms:
    return crystal(symbols, places, spacegroup=group, cellpar=[edge_A] * 3 + [90] * 3, **more)


CHROMIUM_SILICIDE = cubic(["Si", "Cr"], [(0, 0, 0), (0.25, 0, 0.5)], 223, 4.56)
LAVES = cubic(["Mg", "Cu"], [(0.125,) * 3, (0.5,) * 3], 227, 7.03, setting=2)
L12 = cubic(["Au", "Cu"], [(0, 0, 0), (0.5, 0.5, 0)], 221, 3.75)
B2 = bulk("CsCl", "cesiumchloride", 3.0) * (3, 3, 3)


@pytest.mark.parametrize(
    ("atoms", "expected"),
    [
        (bulk("Cu", "fcc", 3.6), {FCC}),
        (bulk("Cu", "fcc", 3.6, cubic=True) * (2, 1, 3), {FCC}),
        (bulk("Fe", "bcc", 2.87), {BCC}),
        (bulk("Po", "sc", 3.3), {CUBE}),
        (CHROMIUM_SILICIDE, {ICOSAHEDRON, (0, 0, 12, 2)}),  # Frank–Kasper's polyhedra of 12 and 14 neighbours
        (LAVES, {ICOSAHEDRON, (0, 0, 12, 4)}),  # 12 and 16
    ],
    ids=["fcc", "long cell", "bcc", "simple cubic", "A15", "C15"],
)
def test_indices_of_crystals_are_exact_and_cells_fill_space(atoms, expected):
    turned = atoms.copy()
    turned.rotate(37, (1, 2, 3), rotate_cell=True)
    turned.positions += 0.37
    for each in (atoms, turned):
        cells = voronoi_cells(each)
        assert set(map(tuple, cells.indices.tolist())) == expected
        assert cells.volumes_A3.sum() == pytest.approx(each.cell.volume)
        assert np.bincount(cells.centres).tolist() == cells.indices.sum(axis=1).tolist()


def order_of(atoms: Atoms, **more) -> dict[str, float]:
    record = study_structure({"cell": [atoms]}, cutoff_A=more.get("cutoff_A"), seed=1)
    return {name: each["value"] for name, each in record["warren_cowley"].items()}


def test_short_range_order_of_ordered_crystals_is_that_of_the_closed_form():
    assert order_of(B2, cutoff_A=2.7) == pytest.approx({"Cl-Cl": 1, "Cl-Cs": -1, "Cs-Cl": -1, "Cs-Cs": 1})
    # With the second shell eight of fourteen neighbours are unlike: 1 − (8/14)/½.
    assert order_of(B2)["Cl-Cs"] == pytest.approx(-1 / 7)
    # Gold has copper alone; copper has four gold and eight copper.
    expected = {"Au-Au": 1, "Au-Cu": 1 - 1 / 0.75, "Cu-Au": 1 - (4 / 12) / 0.25, "Cu-Cu": 1 - (8 / 12) / 0.75}
    assert order_of(L12) == pytest.approx(expected)


def test_a_random_alloy_has_no_order_and_a_shaken_one_keeps_its_own():
    random = np.random.default_rng(1)
    lattice = bulk("Cu", "fcc", 3.6, cubic=True) * (5, 5, 5)
    lattice.symbols[random.permutation(len(lattice))[:200]] = "Zr"
    record = study_structure({"cell": [lattice]}, cutoff_A=None, seed=1)
    assert not any(each["beyond_chance"] for each in record["warren_cowley"].values())
    shaken = L12 * (4, 4, 4)
    shaken.rattle(0.05, seed=2)
    order = study_structure({"cell": [shaken]}, cutoff_A=3.2, seed=1)["warren_cowley"]
    assert order["Au-Cu"]["value"] == pytest.approx(-1 / 3)
    assert order["Au-Cu"]["beyond_chance"]
    cells = voronoi_cells(shaken)
    assert cells.volumes_A3.sum() == pytest.approx(shaken.cell.volume)


def test_files_are_replicas_and_give_errors(tmp_path):
    record = study_structure({"first": [LAVES, LAVES], "second": [LAVES]}, cutoff_A=None, seed=1)
    assert record["icosahedra"] == {"value": pytest.approx(16 / 24), "error": pytest.approx(0)}
    assert record["elements"]["Cu"]["icosahedra"]["value"] == 1
    assert record["elements"]["Mg"]["neighbours"]["value"] == 16
    assert record["indices"] == pytest.approx({str(ICOSAHEDRON): 16 / 24, "(0, 0, 12, 4)": 8 / 24})
    ase.io.write(tmp_path / "laves.extxyz", [LAVES, LAVES])
    done = CliRunner().invoke(command, [str(tmp_path / "laves.extxyz"), "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert "66.7 % of the atoms in icosahedra" in done.output
    assert json.loads((tmp_path / "out" / "voronoi.json").read_text())["frames"] == 2
    assert (tmp_path / "out" / "voronoi.svg").is_file()


@pytest.mark.parametrize(
    ("frames", "options", "sentence"),
    [
        ([LAVES, L12], (), "are different compositions"),
        ([Atoms("Cu", cell=[30, 30, 30], pbc=True), Atoms("Cu2", positions=[[0, 0, 0], [2, 0, 0]])], (), "cell"),
        ([LAVES], ("--cutoff", "-1"), "--cutoff above 0"),
    ],
)
def test_bad_input_ends_in_a_sentence(tmp_path, frames, options, sentence):
    names = [str(tmp_path / f"{number}.extxyz") for number in range(len(frames))]
    for name, frame in zip(names, frames, strict=True):
        ase.io.write(name, frame)
    done = CliRunner().invoke(command, [*names, "--out", str(tmp_path / "out"), *options])
    assert done.exit_code == 1
    assert sentence in done.output
    assert "Traceback" not in done.output
