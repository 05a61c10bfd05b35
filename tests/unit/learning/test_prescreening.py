"""Pre-screening of initial frames by the committee of the foundation."""

import pytest
from mace_models import rock_salt

from saltflow.learning.prescreening import prescreen, prescreen_initial_frames
from saltflow.learning.sampling import with_force_std

SELECTION = {"min_force_uncertainty_eV_A": 1.0, "max_force_uncertainty_eV_A": 1e6}


def initial(index: int, *, lineage: str, split: str = "train", origin: str = "melt:600K"):
    frame = rock_salt(rattle_A=0.02 * (index + 1), seed=index)
    frame.info |= {"composition": "LiCl", "lineage": lineage, "split": split, "origin": origin, "index": index}
    return frame


@pytest.fixture
def frames():
    """Two cells of three melts to train on, one held out, one repulsion frame; rattled more and more."""
    cells = [initial(index, lineage=f"cell{index // 3}") for index in range(6)]
    heldout = [initial(index, lineage="cell2", split="heldout") for index in (6, 7)]
    return [*cells, *heldout, initial(8, lineage="cell0", origin="repulsion:Li-Cl")]


def calibration(factor: float | None) -> dict:
    return {"pooled": {"factor": factor}, "compositions": {}}


def indices(chosen) -> list[int]:
    return [frame.info["index"] for frame in chosen]


def test_accurate_frames_are_not_labelled_but_one_of_each_cell(frames, committee):
    force_stds = {frame.info["index"]: frame.info["force_std_eV_A"] for frame in with_force_std(frames, committee)}
    certain, explored = prescreen(frames, committee, calibration(1e-6), selection=SELECTION)
    least = [max(cell, key=force_stds.get) for cell in ((0, 1, 2), (3, 4, 5))]
    assert indices(certain) == sorted([least[1], 6, 7, 8]), "the repulsion frame represents its cell"
    assert explored == {"LiCl": {"frames": 8, "accurate": 8, "candidate": 0, "failed": 0}}


def test_uncertain_frames_are_labelled(frames, committee):
    uncertain, explored = prescreen(
        frames, committee, calibration(1e6), selection=SELECTION | {"max_force_uncertainty_eV_A": 1e12}
    )
    assert indices(uncertain) == list(range(9))
    assert explored["LiCl"]["candidate"] == 8


def test_half_accurate_is_half_labelled(frames, committee):
    """A factor that puts the limit between the third and the fourth training frame in the order of their force_stds."""
    trained = sorted(frame.info["force_std_eV_A"] for frame in with_force_std(frames, committee)[:6])
    found, explored = prescreen(frames, committee, calibration(2 / (trained[2] + trained[3])), selection=SELECTION)
    known = {frame.info["index"] for frame in frames[:6] if frame.info["force_uncertainty_eV_A"] < 1}
    assert len(known) == 3
    assert len(set(indices(found)) & known) <= 1, "of a cell without uncertain frames"
    assert {0, 1, 2, 3, 4, 5} - known <= set(indices(found))


def test_without_a_calibration_all_frames_are_labelled(frames, committee):
    found, explored = prescreen(frames, committee, calibration(None), selection=SELECTION)
    assert (len(found), explored) == (9, {})
    assert prescreen_initial_frames(frames, {}, selection=None, device="cpu") == (frames, {})
