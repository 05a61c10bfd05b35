"""Frames are selected by quota, within the band, far from each other, and the same every time."""

from itertools import combinations

import numpy as np
import pytest
import torch
from ase import Atoms
from mace_models import rock_salt
from scipy.spatial.distance import cdist, pdist

from saltflow.learning.selection import count_explored, farthest_points, select_frames, with_uncertainty
from saltflow.potentials.protocol import stack

SELECTION = {
    "frames": 12,
    "heldout_frames": 3,
    "random_fraction": 1 / 3,
    "lower_quantile": 0.5,
    "min_force_uncertainty_eV_A": 0.0,
    "max_force_uncertainty_eV_A": 5.0,
}


def frame_of(index: int, *, uncertainty_eV_A: float, split: str = "train", rattle_A: float = 0.1) -> Atoms:
    frame = rock_salt(rattle_A=rattle_A, seed=index)
    frame.info |= {"index": index, "split": split, "force_uncertainty_eV_A": uncertainty_eV_A}
    return frame


@pytest.fixture
def candidates() -> list[Atoms]:
    """Thirty to train on with uncertainties 0.1 … 3.0 eV/Å, eight held out, and unphysical in both."""
    train = [frame_of(index, uncertainty_eV_A=0.1 * (index + 1)) for index in range(30)]
    heldout = [frame_of(100 + index, uncertainty_eV_A=0.1, split="heldout") for index in range(8)]
    unphysical = [frame_of(200, uncertainty_eV_A=50.0), frame_of(201, uncertainty_eV_A=float("nan"))]
    return [*train, *heldout, *unphysical, frame_of(202, uncertainty_eV_A=9.0, split="heldout")]


def select(explored, committee, *, seed=1, **changes):
    return select_frames(explored, committee, selection=SELECTION | changes, seed=seed)


def by_selection(frames: list[Atoms]) -> dict[str, list[int]]:
    return {
        name: [frame.info["index"] for frame in frames if frame.info["selected_by"] == name]
        for name in ("heldout", "random", "uncertainty")
    }


def test_the_quota_of_every_selection(candidates, committee):
    chosen = by_selection(select(candidates, committee))
    assert {name: len(members) for name, members in chosen.items()} == {
        "heldout": 3,
        "random": 3,
        "uncertainty": 6,
    }
    everything = [index for members in chosen.values() for index in members]
    assert len(set(everything)) == SELECTION["frames"]


def test_held_out_frames_come_from_held_out_cells_alone(candidates, committee):
    chosen = by_selection(select(candidates, committee))
    assert all(100 <= index < 108 for index in chosen["heldout"])
    assert all(index < 30 for index in chosen["random"] + chosen["uncertainty"])


def test_the_band_of_uncertainties(candidates, committee):
    """Half of the candidates are too certain; the random baseline is drawn from all physical frames."""
    chosen = by_selection(select(candidates, committee, random_fraction=0.0))
    assert all(15 <= index < 30 for index in chosen["uncertainty"])
    drawn = {index for seed in range(12) for index in by_selection(select(candidates, committee, seed=seed))["random"]}
    assert min(drawn) < 15 <= max(drawn) < 30


def test_frames_below_the_absolute_limit_are_not_selected(candidates, committee):
    """Above 2.75 eV/Å are the last three: fewer than the quota, and not replaced."""
    chosen = by_selection(select(candidates, committee, random_fraction=0.0, min_force_uncertainty_eV_A=2.75))
    assert sorted(chosen["uncertainty"]) == [27, 28, 29]


def test_uncertainties_are_disagreements_times_the_factor_of_the_composition():
    frames = [Atoms(info={"composition": name, "force_std_eV_A": 0.2}) for name in ("LiCl", "LiF")]
    calibration = {"compositions": {"LiCl": {"factor": 8.0}, "LiF": {"factor": None}}, "pooled": {"factor": 5.0}}
    found = with_uncertainty(frames, calibration)
    assert [frame.info["force_uncertainty_eV_A"] for frame in found] == pytest.approx([1.6, 1.0])
    assert "force_std_eV_A" not in found[0].info


def test_explored_frames_are_counted_as_accurate_candidate_or_failed(candidates, committee):
    """Below 1.05 eV/Å: ten of thirty and the eight held out; failed: too uncertain, not finite or in close contact."""
    candidates[0].info["close_contact"] = True
    for frame in candidates:
        frame.info["composition"] = "LiCl" if frame.info["index"] < 100 else "LiF"
    counts = count_explored(candidates, selection=SELECTION | {"min_force_uncertainty_eV_A": 1.05})
    assert counts["LiCl"] == {"frames": 30, "accurate": 9, "candidate": 20, "failed": 1}
    assert counts["LiF"] == {"frames": 11, "accurate": 8, "candidate": 0, "failed": 3}
    chosen = select(candidates, committee, frames=100, lower_quantile=0.0, random_fraction=0.0)
    assert 0 not in {frame.info["index"] for frame in chosen}


def test_a_selection_without_candidates_logs_why(candidates, committee, caplog):
    unphysical = [frame for frame in candidates if not frame.info["force_uncertainty_eV_A"] <= 5.0]
    for frame in unphysical:
        frame.info |= {"composition": "LiCl", "split": "train"}
    assert select(unphysical, committee) == []
    assert "LiCl: no frame is selected" in caplog.text
    assert "of 3 explored frames 0 are accurate and 3 have failed" in caplog.text
    assert select([], committee) == []
    assert "nothing was explored" in caplog.text


def test_unphysical_frames_are_never_selected(candidates, committee):
    everything = [frame.info["index"] for frame in select(candidates, committee, frames=100, lower_quantile=0.0)]
    assert len(everything) == 33
    assert not {200, 201, 202} & set(everything)


@pytest.mark.parametrize("random_fraction", [0.0, 0.2, 1.0])
def test_no_more_frames_than_the_quota(candidates, committee, random_fraction):
    """The number of labelling jobs is fixed."""
    chosen = select(candidates, committee, random_fraction=random_fraction)
    assert len(chosen) == SELECTION["frames"]
    assert len(by_selection(chosen)["random"]) == round(9 * random_fraction)


def test_held_out_frames_are_drawn_at_random(candidates, committee):
    drawn = [tuple(by_selection(select(candidates, committee, seed=seed))["heldout"]) for seed in range(12)]
    assert len(set(drawn)) > 3
    assert {index for draw in drawn for index in draw} == set(range(100, 108))


def test_the_same_seed_selects_the_same_frames(candidates, committee):
    assert by_selection(select(candidates, committee, seed=5)) == by_selection(select(candidates, committee, seed=5))


@pytest.mark.parametrize("kept", [0, 1, 4])
def test_few_candidates_are_all_taken(candidates, committee, kept):
    chosen = select(candidates[30 - kept : 30], committee, lower_quantile=0.0)
    assert len(chosen) == kept
    assert select([], committee) == []


# ── farthest points ────────────────────────────────────────────────────────────────────────────


def descriptors(frames: list[Atoms], committee) -> np.ndarray:
    """(frames, features) standardised mean node features of Li and of Cl."""
    rows = []
    for frame in frames:
        numbers, system, positions, boxes = stack([frame])
        features = committee.on(numbers, system).descriptors(torch.as_tensor(positions), torch.as_tensor(boxes)).numpy()
        rows.append(np.concatenate([features[numbers == number].mean(0) for number in (3, 17)]))
    table = np.stack(rows)
    return (table - table.mean(0)) / (table.std(0) + 1e-9)


@pytest.fixture(scope="module")
def spread_out() -> list[Atoms]:
    return [frame_of(index, uncertainty_eV_A=1.0 + (index == 4), rattle_A=0.02 + 0.05 * index) for index in range(10)]


def test_every_frame_is_the_farthest_from_those_before(spread_out, committee):
    points = descriptors(spread_out, committee)
    chosen = [frame.info["index"] for frame in farthest_points(spread_out, committee, count=6)]
    assert chosen[0] == 4, "the most uncertain"
    for place in range(1, 6):
        nearest = cdist(points, points[chosen[:place]]).min(1)
        assert nearest[chosen[place]] == pytest.approx(nearest.max())


def test_the_choice_is_close_to_the_most_diverse_one(spread_out, committee):
    """Farthest point is never worse than half the best smallest distance of any choice (Gonzalez 1985)."""
    points = descriptors(spread_out, committee)
    chosen = [frame.info["index"] for frame in farthest_points(spread_out, committee, count=4)]
    smallest = {choice: pdist(points[list(choice)]).min() for choice in combinations(range(10), 4)}
    found = smallest[tuple(sorted(chosen))]
    assert found >= 0.5 * max(smallest.values())
    assert found > np.median(list(smallest.values()))


def test_equal_frames_are_selected_once(spread_out, committee):
    doubled = [*spread_out, *(frame.copy() for frame in spread_out)]
    chosen = [frame.info["index"] for frame in farthest_points(doubled, committee, count=15)]
    assert sorted(chosen) == list(range(10))


def test_a_frame_moved_as_a_whole_is_the_same_frame(spread_out, committee):
    moved = spread_out[0].copy()
    moved.positions += 1.7
    moved.wrap()
    chosen = farthest_points([*spread_out, moved], committee, count=11)
    assert len(chosen) == 10
