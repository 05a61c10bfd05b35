"""Reactions in dynamics: planted ones come out exactly, nothing else does; depth, rates, profiles; killed runs."""

import csv
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from interface_models import BOUND, MOLECULES, RUN, SETTINGS, UNBOUND, Pairs, rock_salt

from saltflow.analysis.species.analysis import summarise
from saltflow.analysis.species.unit_history import Event, UnitHistory
from saltflow.labels.frames import read_frames
from saltflow.materials.frame_info import FrameInfo
from saltflow.studies.interfaces.interface_dynamics import InterfaceRun
from saltflow.studies.interfaces.normal_profiles import concentration_profiles
from saltflow.studies.interfaces.reaction_record import flags_of
from saltflow.studies.interfaces.reactions import Reactions, Solid, find_reactions, reaction_rates
from saltflow.studies.interfaces.surface_study import study_surface
from saltflow.trajectory.h5md import read_trajectory
from saltflow.trajectory.memory import Trajectory


@pytest.fixture(scope="module")
def dissociated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dissociated")
    return folder, study_surface(rock_salt(), Pairs(UNBOUND), settings=RUN | {"replicas": 2}, folder=folder)


def test_a_gas_whose_bonds_repel_dissociates_once_per_molecule_and_nothing_else_happens(dissociated):
    folder, record = dissociated
    (row,) = record["dynamics"][0]["reactions"]
    assert row["reaction"] == "O2 → 2 O"
    assert (row["events"], row["replicas"], record["dynamics"][0]["events"]) == (2 * MOLECULES, 2, 2 * MOLECULES)
    assert row["mean_depth_A"] > 0  # in the gas
    thick_A, height_A = record["surfaces"][0]["thickness_A"], SETTINGS["vacuum_A"]
    for number in (1, 2):
        for event in csv.DictReader((folder / f"300K/events{number}.csv").open()):
            z_A, depth_A = float(event["z_A"]), float(event["depth_A"])
            assert depth_A == pytest.approx(min(z_A - thick_A, thick_A + height_A - z_A), abs=0.1)
    units = {row["formula"]: row for row in record["dynamics"][0]["replicas"][0]["units"]}
    assert (units["O2"]["at_first"], units["O2"]["at_last"], units["O"]["at_last"]) == (MOLECULES, 0, 2 * MOLECULES)
    flags = "\n".join(record["dynamics"][0]["flags"])
    assert "short run: 0.2 ps" in flags
    assert "zero-shot potential: pairs" in flags
    assert "rebuilt" not in flags


def test_frames_of_events_are_offered_for_labels(dissociated):
    folder, record = dissociated
    frames = read_frames(folder / "300K/candidates.extxyz")
    assert len(frames) == record["dynamics"][0]["candidates"] == 3 * 2 * MOLECULES
    before, at = (
        [frame.get_all_distances(mic=True)[frame.symbols == "O"][:, frame.symbols == "O"] for frame in frames[start::3]]
        for start in (0, 1)
    )
    most_A = 1.45 * 2 * 0.66
    pairs = [(one < most_A).sum() - (other < most_A).sum() for one, other in zip(before, at, strict=True)]
    assert min(pairs) >= 2  # a bond is there before, and gone at the event
    assert {FrameInfo.of(frame).lineage for frame in frames} == {"surface/LiCl/replica1", "surface/LiCl/replica2"}


def test_a_gas_that_is_bound_does_nothing(tmp_path):
    record = study_surface(rock_salt(), Pairs(BOUND), settings=RUN | {"duration_ps": 0.1}, folder=tmp_path)
    assert record["dynamics"][0]["events"] == 0
    assert record["dynamics"][0]["reactions"] == []
    assert read_frames(tmp_path / "300K/candidates.extxyz") == []
    assert (tmp_path / "300K/reactions.svg").stat().st_size > 0


KILLED = """
import sys
from dataclasses import replace
from pathlib import Path
from interface_models import RUN, UNBOUND, Pairs, rock_salt
from saltflow.studies.interfaces.surface_study import study_surface
study_surface(rock_salt(), Pairs(UNBOUND, killed_after=int(sys.argv[2])), settings=RUN, folder=Path(sys.argv[1]))
"""


def test_a_run_that_is_killed_goes_on_to_the_same_end(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        folder.mkdir()
    potential = Pairs(UNBOUND)
    record = study_surface(rock_salt(), potential, settings=RUN, folder=whole)
    paths = [str(Path(__file__).parents[3] / "scripts"), str(Path(__file__).parents[1]), str(Path(__file__).parent)]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(killed), str(potential.evaluations - 50)],
        env={"PYTHONPATH": ":".join(paths), "OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"},
        capture_output=True,
    )
    assert done.returncode == -9, done.stderr
    assert list(killed.glob("300K/.md.json.work/*/segment-*.pt"))
    rest = Pairs(UNBOUND)
    assert study_surface(rock_salt(), rest, settings=RUN, folder=killed) == record
    assert 50 < rest.evaluations < 110  # from the last checkpoint on
    for name in ("events1.csv", "candidates.extxyz", "profiles.json"):
        assert (killed / "300K" / name).read_text() == (whole / "300K" / name).read_text()
    ends = [read_trajectory(folder / "300K/trajectory1.h5md").positions_A for folder in (killed, whole)]
    assert np.array_equal(*ends)
    kept = Pairs(UNBOUND)
    assert study_surface(rock_salt(), kept, settings=RUN, folder=killed) == record
    assert kept.evaluations == 0


def test_a_ramp_heats_the_run_and_its_frames_say_how_warm_they_were(tmp_path):
    settings = RUN | {"temperatures_K": [400.0, 100.0], "ramp_K": 1000.0}
    record = study_surface(rock_salt(), Pairs(UNBOUND), settings=settings, folder=tmp_path)
    assert [state["temperature_K"] for state in record["dynamics"]] == [100.0, 400.0]
    assert [state["ramp_K"] for state in record["dynamics"]] == [1000.0, 1000.0]
    assert record["rate_barriers"] == []  # no one temperature
    for start_K in (100, 400):
        for frame in read_frames(tmp_path / f"{start_K}K/candidates.extxyz"):
            info = FrameInfo.of(frame)
            assert info.temperature_K == pytest.approx(start_K + 1000 * info.time_ps / RUN["duration_ps"], rel=0.02)


def test_depth_is_counted_from_the_nearest_face_or_from_the_interface():
    surface = Solid(np.ones(1, bool), (0.0, 10.0))
    heights_A = np.array([0.0, 2.0, 9.0, 12.0, 28.0, -1.0, 31.0])
    assert surface.depths_A(heights_A, 30.0) == pytest.approx([0, -2, -1, 2, 2, 1, -1])
    contact = Solid(np.ones(1, bool), (0.0, 6.0, 10.0))
    assert contact.depths_A(np.array([6.0, 4.0, 9.0, 35.0]), 30.0) == pytest.approx([0, -2, 3, -1])
    thick = Solid(np.ones(1, bool), (0.0, 40.0, 50.0))  # its lower crystal is thicker than half of the cell
    assert thick.depths_A(np.array([0.5, 49.0, -3.0, 54.0]), 60.0) == pytest.approx([-39.5, 9, -43, 14])


@pytest.mark.parametrize("face", [1, -1])
def test_carbon_dioxide_that_binds_to_a_face_is_an_event_at_its_depth(face):
    """CO2 + S → CO2S on the upper or the lower face of a solid that drifts, and then CO3 and S by another O."""
    frames, thick_A = 90, 8.0
    cell = np.diag([12.0, 12.0, 40.0])
    positions = np.zeros((frames, 6, 3))
    positions[:, 0, 2], positions[:, 1, 2] = 0.0, thick_A  # P and S of the faces
    top_A = thick_A if face > 0 else 0.0
    positions[:, 1 if face > 0 else 0, 2] = top_A
    positions[:, 2:5] = np.array([[0, 0, 0], [1.16, 0, 0], [-1.16, 0, 0]]) + [0, 0, top_A + 5 * face]
    positions[30:, 2:5, 2] = top_A + 1.75 * face
    positions[:, 5] = [6.0, 6.0, top_A + 8 * face]
    positions[60:, 2:5, 2], positions[60:, 5] = top_A + 5 * face, [0, 1.2, top_A + 5 * face]
    positions[..., 2] += np.linspace(0, 3, frames)[:, None]
    symbols = ("P", "S", "C", "O", "O", "O") if face > 0 else ("S", "P", "C", "O", "O", "O")
    run = Trajectory(positions, np.repeat(cell[None], frames, axis=0), 0.01 * np.arange(frames), symbols, np.ones(6))
    solid = Solid(np.array([True] * 2 + [False] * 4), (0.0, thick_A))
    settings = {"elements": ["C", "O", "S"], "least_ps": 0.05, "made": 1.2, "broken": 1.45}
    first, second = find_reactions(run, solid, settings=settings).rows
    assert (first["reaction"], first["time_ps"]) == ("CO2 + S → CO2S", "0.3")
    assert float(first["depth_A"]) == pytest.approx(1.75 * 3 / 4, abs=0.01)  # S itself is the face
    assert (second["reaction"], second["time_ps"]) == ("CO2S + O → CO3 + S", "0.6")
    assert float(second["depth_A"]) == pytest.approx(5 * 4 / 5, abs=0.01)


def planted(times_ps, frames=1001):
    """A history of one reaction at some times, in steps of 0.1 ps."""
    events = [Event(round(time * 10), ("A", "B"), ("AB",), (0, 1)) for time in times_ps]
    rows = [{"time_ps": str(time), "depth_A": "1.5"} for time in times_ps]
    return Reactions(UnitHistory(frames, events=events), rows, {}, 0.0)


def test_rates_have_the_error_of_a_poisson_count():
    (row,) = reaction_rates([planted([1.0, 5.0, 20.0]), planted([0.5])], ps_nm2=2 * 100 * 4.0)
    assert (row["events"], row["replicas"], row["first_ps"], row["mean_depth_A"]) == (4, 2, 0.5, 1.5)
    assert row["rate_per_ns_nm2"] == pytest.approx(4 / 0.8)
    assert row["rate_error_per_ns_nm2"] == pytest.approx(2 / 0.8)
    random = np.random.default_rng(1)
    counts = random.poisson(20.0, 400)
    found = [reaction_rates([planted(np.arange(count) / 10)], ps_nm2=1000.0)[0] for count in counts]
    errors = [abs(row["rate_per_ns_nm2"] - 20) < row["rate_error_per_ns_nm2"] for row in found]
    assert np.mean(errors) == pytest.approx(0.683, abs=0.08)


def test_what_is_outside_its_window_is_flagged():
    def replica(**changes):
        return {"status": "ok", "drifts": False, "conserved_drift_meV_atom_ps": 0.01} | changes

    def flags(row, *, moved=0.0, frames=1, potential="chgnet-pbe"):
        run = InterfaceRun([drifting(frames=frames)], [row], 1.0)
        return flags_of(run, [replace(planted([]), moved_fraction=moved)], settings={"potential": potential})

    short, zero_shot = flags(replica())
    assert (short, zero_shot[:32]) == (
        "short run: 0 ps shows reactions without a barrier only", "zero-shot potential: chgnet-pbe ",
    )  # fmt: skip
    assert flags(replica(), frames=1100)[0].startswith("zero-shot")
    assert flags(replica(), frames=1100, potential=__file__) == [
        "domain not assessed: label the candidates to learn whether the potential knows them"
    ]
    assert "stopped: replica 1, temperature ran away" in flags(replica(status="temperature ran away"))
    drift = flags(replica(drifts=True, conserved_drift_meV_atom_ps=0.2))
    assert "energy drift: replica 1, 0.2 meV per atom and ps" in drift
    assert "surface rebuilt: replica 1, 12% of the framework left its place" in flags(replica(), moved=0.12)


def drifting(*, frames=400, ions=40, drift_A=6.0, seed=2):
    """A framework of two planes that drifts along the normal, and ions evenly spread over the lower half of it."""
    random = np.random.default_rng(seed)
    cell = np.diag([10.0, 10.0, 20.0])
    drift = np.linspace(0, drift_A, frames)[:, None]
    positions = random.uniform(0, 10, (frames, ions + 2, 3))
    positions[:, :2] = [[0, 0, 0.5], [0, 0, 10.5]]
    positions[..., 2] += drift
    return Trajectory(
        positions_A=positions,
        cells_A=np.repeat(cell[None], frames, axis=0),
        times_ps=0.1 * np.arange(frames),
        symbols=("P",) * 2 + ("Li",) * ions,
        masses_u=np.ones(ions + 2),
    )


def test_profiles_are_those_of_the_planted_density_in_the_frame_of_the_solid():
    run = drifting()
    solid = Solid(np.array([True] * 2 + [False] * 40), (0.0, 10.0))
    found = concentration_profiles([run], solid)
    lithium = {key: np.array(value, float) for key, value in found["elements"]["Li"].items()}
    height_A = np.array(found["height_A"])
    assert lithium["per_nm3"].sum() * 0.1 == pytest.approx(40)  # bins of 1 Å × 1 nm²
    inside = (height_A > 0) & (height_A < 10)
    assert height_A[0] == pytest.approx(-5 + 0.5)  # half of the vacuum below the lower face
    assert np.all(lithium["per_nm3"][~inside] == 0)
    off = (lithium["per_nm3"][inside] - 40.0) / lithium["error_per_nm3"][inside]
    assert np.mean(np.abs(off) < 3) == 1
    assert np.abs(lithium["per_nm3"][inside] - 40).max() < 4
    phosphorus = np.array(found["elements"]["P"]["per_nm3"])
    assert height_A[np.flatnonzero(phosphorus)] == pytest.approx([0.5, 10.5])


def test_bonds_count_at_their_middles():
    """A P–S bond that lies across the boundary of the cell, and an O–O bond that breaks half-way."""
    frames = 40
    positions = np.zeros((frames, 5, 3))
    positions[:, 0], positions[:, 1] = [0.2, 5, 4.5], [8.6, 5, 5.7]  # P and S, 2 Å by the boundary along x
    positions[:, 2], positions[:, 3] = [5, 1, 12.0], [5, 1, 13.2]
    positions[30:, 3, 2] = 15.0
    positions[:, 4] = [5, 5, 8.0]
    run = Trajectory(
        positions_A=positions,
        cells_A=np.repeat(np.diag([10.0, 10.0, 20.0])[None], frames, axis=0),
        times_ps=0.01 * np.arange(frames),
        symbols=("P", "S", "O", "O", "Xe"),
        masses_u=np.ones(5),
    )
    found = concentration_profiles([run], Solid(np.array([False] * 4 + [True]), (4.0, 16.0)))
    bonds = {name: np.array(profile["per_nm3"]) for name, profile in found["bonds"].items()}
    assert list(bonds) == ["O–O", "P–S"]
    height_A = np.array(found["height_A"])
    for name, middle_A, number in (("P–S", 5.1, 1.0), ("O–O", 12.6, 0.5)):
        assert height_A[bonds[name] > 0] == pytest.approx([np.floor(middle_A) + 0.5])
        assert bonds[name].sum() * 0.1 == pytest.approx(number)  # bins of 1 Å × 1 nm²


def test_the_framework_that_left_its_place_is_counted_without_the_drift():
    run = drifting()
    solid = Solid(np.array([True] * 2 + [False] * 40), (0.5, 10.5))
    settings = {"elements": ["P"], "least_ps": 0.1, "made": 1.2, "broken": 1.45}
    found = find_reactions(run, solid, settings=settings)
    assert found.moved_fraction == 0
    assert found.rows == []
    assert summarise(found.history, run.times_ps)["units"][0]["formula"] == "P"
    run.positions_A[-1, 1, 0] += 4.0
    assert find_reactions(run, solid, settings=settings).moved_fraction == 1  # either moves against their middle
