import csv
import json

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from click.testing import CliRunner
from structure_cases import CHARGES, chain, gas, joined, salt_block, shaken, tetrahedra_with_lithium

from saltflow.analysis.structure.analysis import analyse_structure, no_structure
from saltflow.analysis.structure.command import command
from saltflow.analysis.structure.descriptors import NAMES
from saltflow.analysis.structure.figures import plot_angles, plot_network, plot_polyhedra, plot_scattering
from saltflow.analysis.structure.table import tabulate_structure
from saltflow.base.errors import SaltflowError
from saltflow.trajectory.h5md import H5MDWriter

SETTINGS = {
    "r_max_A": 8.0,
    "bin_width_A": 0.1,
    "frames_per_replica": 10,
    "q_max_per_A": 4.0,
    "q_bin_per_A": 0.1,
    "scattering_frames": 5,
    "vectors_per_bin": 20,
    "weighting": "number",
}
FIGURES = (plot_scattering, plot_polyhedra, plot_network, plot_angles)


def analyse(*runs, charges=CHARGES, **changes):
    return analyse_structure(runs, **{"charges": charges, "mobile_ion": "Li", **SETTINGS, **changes})


def flags(result):
    return {flag["flag"] for flag in result["flags"]}


@pytest.fixture(scope="module")
def replica():
    """Chains of 1, 2 and 5 metals and tetrahedra with lithium, two of them."""
    parts = [chain(length, start_A=(2.0, y, 26.0)) for length, y in ((1, 2.0), (2, 10.0), (5, 18.0))]
    symbols, positions_A = joined(tetrahedra_with_lithium(), *parts)
    return analyse(*(shaken(symbols, positions_A, 32.0 * np.eye(3), seed=seed) for seed in (1, 2)))


def test_a_replica_of_known_parts(replica):
    metals = 27 + 1 + 2 + 5
    lengths = replica["network"]["fragments"]["any"]["metals_by_length"]
    assert {length: row["value"] for length, row in lengths.items()} == {
        "1": pytest.approx(28 / metals), "2": pytest.approx(2 / metals), "5": pytest.approx(5 / metals)
    }  # fmt: skip
    assert replica["network"]["fragments"]["any"]["mean_length"]["value"] == pytest.approx(metals / 30)
    classes = replica["polyhedra"]["Al"]["classes"]
    assert classes["X4"]["value"] == pytest.approx(28 / metals)
    assert classes["X3O1"]["value"] == pytest.approx(4 / metals)
    assert classes["X2O2"]["value"] == pytest.approx(3 / metals)
    assert replica["anions"]["Cl"]["terminal"]["value"] == pytest.approx(1.0)
    assert replica["network"]["bridges_per_metal"]["O"]["value"] == pytest.approx(5 / metals)
    assert replica["angles"]["triples"]["Cl-Al-Cl"]["mean"]["value"] == pytest.approx(109.5, abs=5)
    assert replica["angles"]["triples"]["Al-O-Al"]["mean"]["value"] == pytest.approx(175, abs=4)
    density = np.array(replica["angles"]["triples"]["Cl-Al-Cl"]["density_per_deg"])
    assert density.sum() * 2.0 == pytest.approx(1.0)


def test_every_descriptor_has_a_value_and_an_error_or_a_reason(replica):
    assert tuple(replica["descriptors"]) == NAMES
    for name, row in replica["descriptors"].items():
        assert (row["value"] is None) == ("reason" in row), name
        assert row["value"] is None or row["error"] is not None, name
    assert replica["descriptors"]["polymerisation"]["value"] == pytest.approx(2 * 5 / 35)
    assert replica["descriptors"]["terminal_X"]["value"] == pytest.approx(1.0)
    json.dumps(replica, allow_nan=False)


def test_a_table_has_a_row_for_every_point(replica):
    table = tabulate_structure(
        [
            {"composition": "mixed", "temperature_K": 600.0} | replica,
            {"composition": "lost", "temperature_K": 900.0} | no_structure(["gas"]),
        ]
    )
    assert table["temperature_K"].tolist() == [600, 900]
    assert table["status"].tolist() == ["ok", "no accepted replica"]
    assert table.loc[0, "terminal_X"] == pytest.approx(1.0)
    assert table.loc[1, list(NAMES)].isna().all()


def test_salt_that_has_separated_is_flagged_and_a_mixture_is_not(replica):
    assert "separated salt" not in flags(replica)
    symbols, positions_A = joined(tetrahedra_with_lithium(), salt_block(4, start_A=(22.5, 22.5, 22.5)))
    found = analyse(shaken(symbols, positions_A, 33.0 * np.eye(3)))
    assert "separated salt" in flags(found)
    assert found["phases"]["largest_salt_cluster"]["value"] == pytest.approx(32)


def test_a_crystal_without_a_metal_is_a_crystal_without_polyhedra():
    atoms = bulk("LiCl", "rocksalt", a=5.1, cubic=True).repeat(3)
    found = analyse(
        shaken(atoms.get_chemical_symbols(), atoms.positions, atoms.cell.array), charges={"Li": 1, "Cl": -1}
    )
    assert "crystalline" in flags(found)
    assert {"separated salt", "gas"} & flags(found) == set()
    assert found["polyhedra"] == found["network"] == {}
    assert found["descriptors"]["free_X"]["reason"].startswith("no halide, or no metal")
    assert found["mobile_coordination"]["Cl"]["value"] == pytest.approx(6.0, abs=0.05)
    assert found["order"]["q6_mobile"]["value"] == pytest.approx(0.354, abs=0.02)


def test_a_gas_is_flagged():
    found = analyse(gas(4, cell_A=40.0 * np.eye(3)), charges={"Li": 1, "Cl": -1})
    assert {"gas", "cavity"} <= flags(found)


def test_a_broken_polyanion_is_flagged():
    corners_A = np.array([[1, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1]]) * 1.473 / np.sqrt(3)
    broken_A = corners_A.copy()
    broken_A[0] *= 1.8
    symbols = ["Li", *["S", "O", "O", "O", "O"] * 2]
    positions_A = np.vstack([[[4.0, 4, 4]], [[0, 0, 0]], corners_A, [[8, 8, 8]], broken_A + 8])
    found = analyse(shaken(symbols, positions_A, 15.0 * np.eye(3), rattle_A=0.02), charges={"Li": 1, "S": 6, "O": -2})
    assert found["polyanions"]["SO4"]["whole"]["value"] == pytest.approx(0.5)
    assert "broken anion" in flags(found)
    assert found["anions"]["O"]["polyanion"]["value"] == pytest.approx(7 / 8)


def test_a_tiny_cell_gives_numbers_or_reasons():
    rng = np.random.default_rng(1)
    symbols = ["Li", "Li", "Al", "Al", *["Cl"] * 8]
    found = analyse(shaken(symbols, rng.random((12, 3)) * 5.5, 5.5 * np.eye(3), frames=6), scattering_frames=6)
    assert {"short g(r)", "small cell"} <= flags(found)
    assert found["descriptors"]["q6_anions"]["reason"].startswith("a cell too small")
    assert found["descriptors"]["fsdp_height"]["reason"].endswith("the cell is too small")
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize("plot", FIGURES)
def test_figures_are_drawn_of_what_there_is(replica, tmp_path, plot):
    atoms = bulk("LiCl", "rocksalt", a=5.1, cubic=True).repeat(2)
    crystal = analyse(
        shaken(atoms.get_chemical_symbols(), atoms.positions, atoms.cell.array), charges={"Li": 1, "Cl": -1}
    )
    for name, result in {"replica": replica, "crystal": crystal, "lost": no_structure(["gas"])}.items():
        plot(result, tmp_path / f"{name}.svg", title=name)
        assert "<svg" in (tmp_path / f"{name}.svg").read_text()
    assert "No trajectory to analyse" in (tmp_path / "lost.svg").read_text()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"charges": {"Li": 1}}, "No charge is given for Cl"),
        ({"mobile_ion": "Na"}, "mobile ion Na is not among the atoms"),
        ({"scattering_frames": 3}, "scattering_frames"),
    ],
)
def test_mistakes_are_explained(changes, words):
    with pytest.raises(SaltflowError, match=words):
        analyse(gas(1), **{"charges": {"Li": 1, "Cl": -1}, **changes})


def test_the_command_writes_what_the_sweep_writes(tmp_path):
    symbols, positions_A = tetrahedra_with_lithium(2)
    atoms = Atoms(symbols, positions=positions_A, cell=[15, 15, 15], pbc=True)
    rng = np.random.default_rng(3)
    with H5MDWriter(tmp_path / "run.h5md", atoms, metadata={}) as writer:
        for number in range(6):
            moved_A = positions_A + rng.normal(0, 0.05, positions_A.shape)
            writer.append_positions(step=number, time_ps=0.1 * number, positions_A=moved_A, cell_A=atoms.cell)
    settings = tmp_path / "settings.yaml"
    settings.write_text(json.dumps({"structure": SETTINGS}))
    options = ["--charges", "Li=1,Al=3,Cl=-1", "--temperature", "300", "--settings", str(settings)]
    options += ["--out", str(tmp_path / "out"), "--name", "salt"]
    done = CliRunner().invoke(command, [str(tmp_path / "run.h5md"), *options])
    assert done.exit_code == 0
    result = json.loads((tmp_path / "out/structure.json").read_text())
    assert result["polyhedra"]["Al"]["classes"]["X4"]["value"] == 1.0
    (row,) = csv.DictReader((tmp_path / "out/structure.csv").open())
    assert float(row["terminal_X"]) == 1.0
    for figure in ("structure", "scattering", "polyhedra", "network", "angles"):
        assert "<svg" in (tmp_path / f"out/{figure}.svg").read_text()
    assert "salt, 300 K" in done.stdout
