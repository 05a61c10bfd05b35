"""What a composition that joins later must have labelled, judged by the committee of its foundation."""

import pytest
from mace_models import rock_salt

from saltflow.learning.prescreening import admit, without_known
from saltflow.learning.sampling import with_spread

SELECTION = {"min_force_uncertainty_eV_A": 1.0, "max_force_uncertainty_eV_A": 1e6}


def seed(index: int, *, lineage: str, split: str = "train", origin: str = "melt:600K"):
    frame = rock_salt(rattle_A=0.02 * (index + 1), seed=index)
    frame.info |= {"composition": "LiCl", "lineage": lineage, "split": split, "origin": origin, "index": index}
    return frame


@pytest.fixture
def seeds():
    """Two cells of three melts to train on, one held out, one pair pushed together; rattled more and more."""
    cells = [seed(index, lineage=f"cell{index // 3}") for index in range(6)]
    heldout = [seed(index, lineage="cell2", split="heldout") for index in (6, 7)]
    return [*cells, *heldout, seed(8, lineage="cell0", origin="repulsion:Li-Cl")]


def calibration(factor: float | None) -> dict:
    return {"pooled": {"factor": factor}, "compositions": {}}


def labelled(frames) -> list[int]:
    return [frame.info["index"] for frame in frames]


def test_what_the_foundation_knows_is_not_labelled_but_one_frame_of_each_cell(seeds, committee):
    spreads = {frame.info["index"]: frame.info["force_std_eV_A"] for frame in with_spread(seeds, committee)}
    certain, explored = admit(seeds, committee, calibration(1e-6), selection=SELECTION)
    least = [max(cell, key=spreads.get) for cell in ((0, 1, 2), (3, 4, 5))]
    assert labelled(certain) == sorted([least[1], 6, 7, 8]), "the pair pushed together stands for its cell"
    assert explored == {"LiCl": {"frames": 8, "accurate": 8, "candidate": 0, "failed": 0}}


def test_what_it_does_not_know_is_labelled(seeds, committee):
    uncertain, explored = admit(
        seeds, committee, calibration(1e6), selection=SELECTION | {"max_force_uncertainty_eV_A": 1e12}
    )
    assert labelled(uncertain) == list(range(9))
    assert explored["LiCl"]["candidate"] == 8


def test_half_known_is_half_labelled(seeds, committee):
    """A factor that puts the limit between the third and the fourth training frame in the order of their spreads."""
    trained = sorted(frame.info["force_std_eV_A"] for frame in with_spread(seeds, committee)[:6])
    found, explored = admit(seeds, committee, calibration(2 / (trained[2] + trained[3])), selection=SELECTION)
    known = {frame.info["index"] for frame in seeds[:6] if frame.info["force_uncertainty_eV_A"] < 1}
    assert len(known) == 3
    assert len(set(labelled(found)) & known) <= 1, "of a cell without anything new"
    assert {0, 1, 2, 3, 4, 5} - known <= set(labelled(found))


def test_a_committee_without_a_measure_admits_nothing(seeds, committee):
    found, explored = admit(seeds, committee, calibration(None), selection=SELECTION)
    assert (len(found), explored) == (9, {})
    assert without_known(seeds, {}, selection=None, device="cpu") == (seeds, {})
