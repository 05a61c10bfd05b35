"""Frames for the reference: packed, displaced, melted and explored, each with its lineage and its split."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii
from ase.geometry import get_distances
from mace_models import rock_salt

from saltflow.base.errors import SaltflowError
from saltflow.campaign.config_files import read_configuration
from saltflow.learning.sampling import (
    drive_cells,
    evenly_spaced,
    explore,
    pack_cells,
    propose_initial_frames,
    rattled_frames,
    repulsion_frames,
    with_force_std,
    without_close_contacts,
)
from saltflow.materials.compositions import read_compositions
from saltflow.trajectory.h5md import read_trajectory

ROOT = Path(__file__).resolve().parents[3]
DEMO = ROOT / "config/presets/demo/compositions.tsv"
CONFIG = read_configuration([])
DYNAMICS, PACKING = CONFIG["dynamics"], CONFIG["cells"]
INITIAL = {
    "cells": 3,
    "atoms": 9,
    "density_scales": [0.9, 1.1],
    "frames_per_cell": 4,
    "rattle_A": 0.1,
    "melt_temperatures_K": [300, 600],
    "melt_ps": 0.04,
    "heldout_cells": 1,
    "repulsion_frames": 0,
    "repulsion_min_factor": 0.85,
}
EXPLORATION = {
    "cells": 3,
    "atoms": 9,
    "temperatures_K": [300, 600],
    "duration_ps": 0.04,
    "stride_fs": 10.0,
    "heldout_cells": 1,
}


@pytest.fixture(scope="module")
def composition():
    """2 LiCl + ZrCl4, whose elements the small models know."""
    return read_compositions(DEMO, potentials=["demo"])["2LiCl-ZrCl4"]


def packed(composition, *, generation: int = 0, seed: int = 1, count: int = 3, heldout: int = 1) -> list[Atoms]:
    return pack_cells(
        [composition],
        size={"cells": count, "heldout_cells": heldout, "atoms": 9},
        density_scales=[0.9, 1.1],
        packing=PACKING,
        seed=seed,
        lineage=f"p/generation{generation}",
    )


@pytest.fixture(scope="module")
def cells(composition) -> list[Atoms]:
    return packed(composition)


def splits(frames: list[Atoms]) -> dict[str, str]:
    """Lineage → split; a lineage with two of them is an error."""
    found = {(frame.info["lineage"], frame.info["split"]) for frame in frames}
    assert len({lineage for lineage, _ in found}) == len(found)
    return dict(found)


def test_packed_cells_have_lineages_splits_and_alternating_densities(cells, composition):
    names = [f"p/generation0/2LiCl-ZrCl4/cell{index}" for index in range(3)]
    assert splits(cells) == dict(zip(names, ["heldout", "train", "train"], strict=True))
    assert all(cell.get_chemical_formula() == "Cl6Li2Zr" for cell in cells)
    per_volume = [len(cell) / cell.cell.volume for cell in cells]
    assert per_volume[1] / per_volume[0] == pytest.approx(1.1 / 0.9, rel=1e-6)
    assert per_volume[2] == pytest.approx(per_volume[0], rel=1e-6)


def test_no_generation_sees_a_cell_twice(composition, cells):
    later, other = packed(composition, generation=1), packed(composition, seed=2)
    assert not set(splits(later)) & set(splits(cells))
    for one, two in [*zip(cells, later, strict=True), *zip(cells, other, strict=True), (cells[0], cells[2])]:
        assert not np.allclose(one.positions, two.positions, atol=0.1)
    again = packed(composition)
    assert all(np.array_equal(one.positions, two.positions) for one, two in zip(cells, again, strict=True))


# ── displaced and strained ─────────────────────────────────────────────────────────────────────


def test_the_first_rattled_frame_is_the_packed_cell(cells):
    first = rattled_frames(cells[1], count=4, rattle_A=0.2, seed=3)[0]
    np.testing.assert_array_equal(first.positions, cells[1].positions)
    np.testing.assert_allclose(first.cell.array, cells[1].cell.array, rtol=1e-15)
    assert first.info == cells[1].info | {"origin": "rattled"}


def test_rattling_grows_to_the_requested_displacement_and_strain():
    cell = rock_salt(repeats=(5, 5, 5), rattle_A=0.0)
    cell.info["lineage"] = "LiCl"
    frames = rattled_frames(cell, count=5, rattle_A=0.2, seed=3)
    sizes = []
    for frame in frames:
        deformation = np.linalg.solve(cell.cell.array, frame.cell.array)
        np.testing.assert_allclose(deformation, deformation.T, atol=1e-12)
        assert np.abs(deformation - np.eye(3)).max() <= 0.05 + 1e-12
        sizes.append((frame.positions @ np.linalg.inv(deformation) - cell.positions).std())
    assert sizes == pytest.approx([0.0, 0.05, 0.10, 0.15, 0.20], rel=0.1)


def test_rattling_follows_its_seed(cells):
    first, again, other = (rattled_frames(cells[1], count=2, rattle_A=0.2, seed=seed)[1] for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.positions, again.positions)
    assert not np.allclose(first.positions, other.positions, atol=1e-3)


def initial_frames_from_scratch(composition, tmp_path, **changes):
    return propose_initial_frames(
        [composition],
        None,
        initial_structures=INITIAL | changes,
        packing=PACKING,
        dynamics=DYNAMICS,
        checkpoint_ps=1.0,
        potential="p",
        seed=1,
        workdir=tmp_path,
    )


def test_initial_frames_without_a_foundation_are_rattled_cells(composition, tmp_path):
    frames = initial_frames_from_scratch(composition, tmp_path)
    assert len(frames) == INITIAL["cells"] * INITIAL["frames_per_cell"]
    assert sorted(splits(frames).values()) == ["heldout", "train", "train"]
    assert {frame.info["origin"] for frame in frames} == {"rattled"}


def covalent_A(one: str, other: str) -> float:
    return covalent_radii[atomic_numbers[one]] + covalent_radii[atomic_numbers[other]]


def test_repulsion_frames_are_as_close_as_requested_and_nothing_else_moves(cells):
    frames = repulsion_frames(cells, count=12, closest_factor=0.85)
    assert len(frames) >= 8, "most pairs of a small cell have a free way"
    starts = {cell.info["lineage"]: cell for cell in cells}
    for frame in frames:
        one, other = frame.info["origin"].removeprefix("repulsion:").split("-")
        start = starts[frame.info["lineage"]]
        moved, _ = get_distances(frame.positions, start.positions, cell=start.cell, pbc=True)
        steps = np.linalg.norm(np.einsum("iik->ik", moved), axis=1)
        first, second = np.flatnonzero(steps > 1e-6)
        assert sorted(frame.symbols[[first, second]]) == [one, other]
        assert steps[first] == pytest.approx(steps[second]), "by half each"
        ratio = frame.get_distance(first, second, mic=True) / covalent_A(one, other)
        assert 0.85 - 1e-9 <= ratio <= 1 + 1e-9
        assert frame.info["split"] == "train"
    assert len({frame.info["origin"] for frame in frames[:3]}) == 3, "pairs of elements take turns"


def test_repulsion_frames_bring_no_other_pair_too_close(cells):
    for frame in repulsion_frames(cells, count=12, closest_factor=0.85):
        start = next(cell for cell in cells if cell.info["lineage"] == frame.info["lineage"])
        before, after = start.get_all_distances(mic=True), frame.get_all_distances(mic=True)
        for first, second in zip(*np.triu_indices(len(frame), k=1), strict=True):
            allowed = 0.85 * covalent_A(frame.symbols[first], frame.symbols[second])
            assert after[first, second] >= min(allowed, before[first, second]) - 1e-5


def test_no_repulsion_frames_where_none_are_requested(cells):
    assert repulsion_frames(cells, count=0, closest_factor=0.85) == []
    assert repulsion_frames(cells[:1], count=5, closest_factor=0.85) == [], "the first cell is held out"


def test_repulsion_frames_are_added_to_the_frames_of_the_cells(composition, tmp_path):
    frames = initial_frames_from_scratch(composition, tmp_path, repulsion_frames=4)
    short = [frame for frame in frames if frame.info["origin"].startswith("repulsion")]
    assert 1 <= len(short) <= 4
    assert len(frames) == INITIAL["cells"] * INITIAL["frames_per_cell"] + len(short)
    assert {frame.info["generation"] for frame in frames} == {0}


# ── driven by a committee ──────────────────────────────────────────────────────────────────────


def test_initial_frames_of_a_foundation_are_melts_up_to_the_quota(composition, committee, tmp_path):
    frames = propose_initial_frames(
        [composition],
        committee,
        initial_structures=INITIAL,
        packing=PACKING | {"acceptance": PACKING["acceptance"] | {"min_pair_factor": 0.0}},
        dynamics=DYNAMICS,
        checkpoint_ps=1.0,
        potential="p",
        seed=1,
        workdir=tmp_path,
    )
    assert len(frames) == INITIAL["cells"] * INITIAL["frames_per_cell"]
    assert sorted(splits(frames).values()) == ["heldout", "train", "train"]
    assert {frame.info["origin"] for frame in frames} == {"melt:300K", "melt:600K"}


def test_a_foundation_that_lacks_an_element_is_refused_before_the_melt(committee, tmp_path):
    oxychloride = read_compositions(DEMO, potentials=["demo"])["LiAlCl2.5O0.75"]
    with pytest.raises(SaltflowError, match=r"Potential p: its foundation does not know Al, O of LiAlCl2\.5O0\.75; st"):
        propose_initial_frames(
            [oxychloride], committee, initial_structures=INITIAL | {"atoms": 21}, packing=PACKING, dynamics=DYNAMICS,
            checkpoint_ps=1.0, potential="p", seed=1, workdir=tmp_path,
        )  # fmt: skip


def test_exploration_visits_new_cells_and_records_its_uncertainty(composition, committee, tmp_path):
    frames = explore(
        [composition],
        committee,
        exploration=EXPLORATION,
        density_scales=[1.0],
        packing=PACKING | {"acceptance": PACKING["acceptance"] | {"min_pair_factor": 0.0}},
        dynamics=DYNAMICS,
        checkpoint_ps=1.0,
        potential="p",
        seed=1,
        generation=2,
        workdir=tmp_path,
    )
    assert sorted(splits(frames)) == [f"p/generation2/2LiCl-ZrCl4/cell{index}" for index in range(3)]
    assert sorted(splits(frames).values()) == ["heldout", "train", "train"]
    assert {frame.info["origin"] for frame in frames} == {"exploration:300K", "exploration:600K"}
    assert all(np.isfinite(frame.info["force_std_eV_A"]) for frame in frames)
    assert all(frame.info["force_std_eV_A"] > 0 for frame in frames)
    assert {frame.info["generation"] for frame in frames} == {2}
    assert not any(frame.info["close_contact"] for frame in frames), "no contact is close at a factor of zero"
    assert {len(frames) / 3} == {2 + 4}, "two of the relaxation and one every 10 of 40 fs"

    times_ps = [frame.info["time_ps"] for frame in frames[:6]]
    assert times_ps == pytest.approx([-0.1, 0.0, 0.01, 0.02, 0.03, 0.04]), "of the heating; negative in the relaxation"
    assert [frame.info["temperature_K"] for frame in frames[::6]] == [300, 600, 300]
    ends = [(frame.info["run_status"], frame.info["run_end_ps"]) for frame in frames if "run_status" in frame.info]
    assert ends == [("ok", 0.04)] * 3


class Killed(BaseException):
    """An exception that no code expects."""


def dying(committee, *, after: int):
    """The same committee, killed at one of its evaluations."""
    left = iter(range(after))

    class Dying(type(committee)):
        def on(self, numbers, system):
            bound = super().on(numbers, system)
            evaluate = bound.evaluate

            def evaluated(*where, **choices):
                if next(left, None) is None:
                    raise Killed
                return evaluate(*where, **choices)

            bound.evaluate = evaluated
            return bound

    return Dying(committee.models, device="cpu", dtype="float64")


def test_an_exploration_killed_anywhere_ends_with_the_same_frames(committee, tmp_path):
    """In the heating, and after it, while the disagreement of its frames is evaluated."""
    cells = [rock_salt(repeats=(1, 1, 2), seed=seed) for seed in (1, 2)]
    for number, cell in enumerate(cells):
        cell.info = {"composition": "LiCl", "lineage": f"LiCl/cell{number}", "split": "train"}
    whole = driven(cells, committee, tmp_path / "whole", step_fs=1.0, checkpoint_ps=0.02)
    for instant in (110, 45):  # the second resumes at step 100 of 140
        with pytest.raises(Killed):
            driven(cells, dying(committee, after=instant), tmp_path / "killed", step_fs=1.0, checkpoint_ps=0.02)
    again = driven(cells, committee, tmp_path / "killed", step_fs=1.0, checkpoint_ps=0.02)
    assert len(again) == len(whole)
    for old, new in zip(whole, again, strict=True):
        assert np.array_equal(old.positions, new.positions)
        assert old.info == new.info


def driven(cells, committee, folder, *, step_fs: float, checkpoint_ps: float = 10.0) -> list[Atoms]:
    return drive_cells(
        cells,
        committee,
        temperatures_K=[600],
        duration_ps=step_fs / 1000 * 40,
        stride_fs=step_fs * 15,
        dynamics=DYNAMICS | {"timestep_fs": dict.fromkeys(DYNAMICS["timestep_fs"], step_fs)},
        checkpoint_ps=checkpoint_ps,
        seed=1,
        workdir=folder,
        origin="exploration",
    )


def test_the_frame_before_a_crash_is_kept(committee, tmp_path):
    """A time step of 35 fs makes lithium fly apart within a few steps."""
    cell = rock_salt()
    cell.info = {"composition": "LiCl", "lineage": "LiCl/cell", "split": "train"}
    frames = driven([cell], committee, tmp_path, step_fs=35.0)
    recorded = read_trajectory(tmp_path / "cell0.h5md")
    assert len(frames) == recorded.n_frames + 1
    last = frames[-1]
    assert last.info["lineage"] == "LiCl/cell"
    assert np.isfinite(last.positions).all()
    moved, _ = get_distances(last.positions, frames[-2].positions, cell=last.cell, pbc=True)
    assert np.abs(np.einsum("iik->ik", moved)).max() > 0.1
    assert "in stage 'explore'" in last.info["run_status"]
    assert last.info["requested_ps"] == pytest.approx(35.0 * 40 / 1000)
    assert frames[-2].info["time_ps"] <= last.info["run_end_ps"] < last.info["requested_ps"]


def test_a_stable_run_keeps_its_recorded_frames(committee, tmp_path):
    cell = rock_salt()
    cell.info = {"composition": "LiCl", "lineage": "LiCl/cell", "split": "train"}
    frames = driven([cell], committee, tmp_path, step_fs=1.0)
    assert len(frames) == read_trajectory(tmp_path / "cell0.h5md").n_frames


def test_a_frame_has_the_largest_disagreement_of_an_atom(committee):
    """A committee of one model agrees with itself."""
    (frame,) = with_force_std([rock_salt(rattle_A=0.2)], committee)
    assert frame.info["force_std_eV_A"] > 0
    alone = type(committee)(committee.models[:1], device="cpu", dtype="float64")
    (certain,) = with_force_std([rock_salt(rattle_A=0.2)], alone)
    assert certain.info["force_std_eV_A"] == 0


# ── frames that are kept ──────────────────────────────────────────────────────────────────────


def test_frames_with_a_close_contact_are_excluded(composition, cells):
    unphysical = cells[1].copy()
    unphysical.positions[1] = unphysical.positions[0] + [0.3, 0.0, 0.0]
    kept = without_close_contacts([cells[0], unphysical, cells[2]], [composition], atoms=9, packing=PACKING)
    assert [frame.info["lineage"] for frame in kept] == [cells[0].info["lineage"], cells[2].info["lineage"]]


@pytest.mark.parametrize(
    ("available", "count", "expected"),
    [(9, 3, [0, 4, 8]), (10, 4, [0, 3, 6, 9]), (3, 5, [0, 1, 2]), (0, 3, []), (5, 1, [0]), (5, 0, [])],
)
def test_evenly_spaced_frames(available, count, expected):
    frames = [Atoms(info={"index": index}) for index in range(available)]
    assert [frame.info["index"] for frame in evenly_spaced(frames, count=count)] == expected
