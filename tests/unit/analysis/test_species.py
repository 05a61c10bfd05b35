"""Units and events: scripted reactions come out exactly, with noise too; what only vibrates does nothing."""

import csv
import json

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from click.testing import CliRunner

from saltflow.analysis.species.analysis import bonded_elements, event_rows, history_of, reaction, summarise
from saltflow.analysis.species.bond_intervals import bond_intervals
from saltflow.analysis.species.command import command
from saltflow.base.errors import SaltflowError
from saltflow.trajectory.h5md import H5MDWriter
from saltflow.trajectory.memory import Trajectory

CELL = np.diag([14.0, 14.0, 15.0])
INTERVAL_PS = 0.01
SYMBOLS = ("C", "O", "O", "S", "O", "Li")
CO2 = np.array([[0.0, 0.0, 0.0], [1.16, 0.0, 0.0], [-1.16, 0.0, 0.0]])
DEFAULTS = {"least_ps": 0.05, "made": 1.2, "broken": 1.45}
FAR, AT_CARBON = np.array([0.0, 4.5, 0.0]), np.array([0.0, 1.75, 0.0])


def trajectory(positions_A: np.ndarray, symbols=SYMBOLS) -> Trajectory:
    """Around the corner of the cell, so that bonds go through its faces."""
    frames = len(positions_A)
    return Trajectory(
        positions_A=positions_A + np.array([0.3, 0.2, 14.9]),
        cells_A=np.repeat(CELL[None], frames, axis=0),
        times_ps=INTERVAL_PS * np.arange(frames),
        symbols=tuple(symbols),
        masses_u=np.ones(len(symbols)),
    )


def scripted(*, noise_A: float = 0.0, seed: int = 0) -> Trajectory:
    """CO2 and S become CO2S at frame 100; at 200 O takes the place of S, which leaves: CO3."""
    positions = np.empty((300, len(SYMBOLS), 3))
    positions[:, :3] = CO2
    positions[:, 3], positions[:, 4], positions[:, 5] = FAR, -FAR, (6.0, 0.0, 3.0)
    positions[100:200, 3] = AT_CARBON
    positions[200:, 4] = -1.3 * AT_CARBON / 1.75
    return trajectory(positions + np.random.default_rng(seed).normal(0, noise_A, positions.shape))


def found_in(run: Trajectory, **changes):
    return history_of(run, bonded_elements(run.symbols), **(DEFAULTS | changes))


@pytest.mark.parametrize("noise_A", [0.0, 0.05])
def test_a_scripted_reaction_is_exactly_that(noise_A):
    history = found_in(scripted(noise_A=noise_A))
    assert [(event.frame, reaction(event.reactants, event.products)) for event in history.events] == [
        (100, "CO2 + S → CO2S"),
        (200, "CO2S + O → CO3 + S"),
    ]
    assert history.counts_of("CO2").tolist() == [1] * 100 + [0] * 200
    assert history.counts_of("CO2S").tolist() == [0] * 100 + [1] * 100 + [0] * 100
    assert history.counts_of("S").tolist() == [1] * 100 + [0] * 100 + [1] * 100
    rows = {row["formula"]: row for row in summarise(history, scripted().times_ps)["units"]}
    assert set(rows) == {"CO2", "CO2S", "CO3", "S", "O"}
    assert (rows["CO2S"]["first_ps"], rows["CO2S"]["lifetime_ps"], rows["CO2S"]["gone"]) == pytest.approx((1, 1, 1))
    assert rows["CO3"]["lifetime_ps"] is None


def test_the_place_of_an_event_is_the_middle_of_its_atoms_across_the_faces_of_the_cell():
    first, second = event_rows(found_in(scripted()), scripted())
    assert first["time_ps"] == "1"
    assert [float(first[axis]) for axis in ("x_A", "y_A", "z_A")] == pytest.approx(
        [0.3, 0.2 + 1.75 / 4, 14.9], abs=1e-3
    )
    assert float(first["along_c"]) == pytest.approx(14.9 / 15, abs=1e-4)
    assert first["atoms"] == "0 1 2 3"
    assert second["atoms"] == "0 1 2 3 4"


def test_a_molecule_that_vibrates_does_nothing():
    random = np.random.default_rng(5)
    water = molecule("H2O")
    frames = 10_000
    wobble = np.zeros((frames, 3, 3))
    for frame in range(1, frames):  # correlated over ten frames, hot enough to pass 1.2 × the radii now and then
        wobble[frame] = 0.9 * wobble[frame - 1] + random.normal(0, 0.03, (3, 3))
    run = trajectory(water.positions + wobble, water.symbols)
    lengths_A = np.linalg.norm(run.positions_A[:, 1] - run.positions_A[:, 0], axis=1)
    assert (lengths_A > 1.2 * (0.66 + 0.31)).sum() > 100
    assert found_in(run).events == []
    # Without hysteresis and without a least duration the same noise makes many.
    assert len(found_in(run, broken=1.2001, least_ps=0.0).events) > 100


def test_what_does_not_last_is_no_event():
    positions = scripted().positions_A.copy() - np.array([0.3, 0.2, 14.9])
    positions[:, 3], positions[:, 4] = FAR, -FAR
    positions[50:53, 3] = AT_CARBON  # a collision of 0.03 ps
    positions[298:, 3] = AT_CARBON  # perhaps the beginning of one
    assert found_in(trajectory(positions)).events == []
    assert len(found_in(trajectory(positions), least_ps=0.0).events) == 3


def test_equal_units_that_exchange_an_atom_are_an_event():
    """O–O⋯O becomes O⋯O–O: the formulas stay, and the atoms do not."""
    positions = np.zeros((40, 3, 3))
    positions[:, 1, 0], positions[:, 2, 0] = 1.3, 5.0
    positions[20:, 1, 0] = 3.7
    history = found_in(trajectory(positions, "OOO"))
    assert [reaction(event.reactants, event.products) for event in history.events] == ["O + O2 → O + O2"]
    assert history.counts_of("O2").tolist() == [1] * 40


def test_ions_make_no_units_unless_they_are_named():
    assert bonded_elements(("Li", "P", "S", "Na")) == ["P", "S"]
    with pytest.raises(SaltflowError, match=r"^The atoms are Li, Na: name those of units with --elements\.$"):
        bonded_elements(("Li", "Na"))
    with pytest.raises(SaltflowError, match=r"^No atom is of Xe; the atoms are C, Li, O, S\.$"):
        bond_intervals(scripted(), ["Xe"], least_frames=1)


def test_a_cell_that_is_narrower_than_a_bond_is_refused():
    run = scripted()
    narrow = Trajectory(
        positions_A=run.positions_A,
        cells_A=run.cells_A * np.array([0.2, 1.0, 1.0])[:, None],
        times_ps=run.times_ps,
        symbols=run.symbols,
        masses_u=run.masses_u,
    )
    with pytest.raises(SaltflowError, match=r"^The cell is 2\.8 Å wide, and bonds may be up to 3\.0 Å long"):
        found_in(narrow)


def test_the_command_writes_units_events_and_a_figure(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = scripted()
    atoms = Atoms(run.symbols, positions=run.positions_A[0], cell=CELL, pbc=True)
    with H5MDWriter(tmp_path / "run.h5md", atoms, metadata={}) as writer:
        for frame in range(run.n_frames):
            writer.append_positions(
                step=frame, time_ps=run.times_ps[frame], positions_A=run.positions_A[frame], cell_A=CELL
            )
    said = CliRunner().invoke(command, ["run.h5md", "--least", "0.05"])
    assert said.exit_code == 0, said.output
    assert "run.h5md: 2 events; at the end 1 S, 1 CO3" in said.output
    assert json.loads((tmp_path / "species/species.json").read_text())["events"] == 2
    rows = list(csv.DictReader((tmp_path / "species/events.csv").open()))
    assert [row["reaction"] for row in rows] == ["CO2 + S → CO2S", "CO2S + O → CO3 + S"]
    assert "<svg" in (tmp_path / "species/species.svg").read_text()
    for options, sentence in (
        (["--made", "2"], "--made (2) has to be above 0 and below --broken (1.45); correct them."),
        (["--least", "-1"], "--least is a time in ps and cannot be negative; 0 takes every change."),
    ):
        refused = CliRunner().invoke(command, ["run.h5md", *options])
        assert refused.exit_code != 0
        assert sentence in refused.output + str(refused.exception)
