"""What has no barrier, and why, in one sentence each; nothing is written."""

import pytest
import torch
from ase import Atoms
from ase.build import bulk
from barrier_models import SaltOfBonds, Washboard, crystal
from barrier_studies import SETTINGS

from saltflow.base.errors import SaltflowError
from saltflow.studies.barriers.barrier_study import check_settings, study_barriers


class Changed(Washboard):
    """A washboard that gives other energies and forces."""

    def __init__(self, change):
        super().__init__()
        self.change = change

    def on(self, numbers, system):
        bound = super().on(numbers, system)
        evaluate = bound.evaluate

        def evaluate_changed(positions, cells):
            found = evaluate(positions, cells)
            self.change(found, torch.as_tensor(numbers))
            return found

        bound.evaluate = evaluate_changed
        return bound


def fly_apart(found, numbers):
    found.energies[:] = float("nan")


def push_lithium(found, numbers):
    found.forces[numbers == 3, 0] = 1.0


LINE = Atoms("LiCl", scaled_positions=[[0, 0, 0], [0.5, 0, 0]], cell=[4.9, 6, 6], pbc=True)
CLOSE = bulk("LiCl", "rocksalt", a=3.0)
CASES = {
    "no mobile ion": (crystal(), {"mobile": "Na"}, "There is no Na in .*; name the mobile ion with --mobile"),
    "the ion alone": (bulk("Li"), {}, "Li is Li alone; a barrier needs a framework of other elements"),
    "one site, whose images are far": (crystal(), {"r_max_A": 3.0}, "No two sites of Li within 3 Å .*; raise --r-max"),
    "hop through an atom": (LINE, {}, "No two sites of Li within 5 Å have a free way between them; raise --r-max"),
    "overlapping atoms": (
        crystal() + Atoms("Cl", [[0.1, 0, 0]]), {}, "Li0 and Cl2 are 0.10 Å apart; correct the structure",
    ),
    "cell too small for its own image": (crystal(), {"edge_A": 3.0}, "too small for a hop of 4.00 Å; raise --edge"),
    "no energy": (crystal(), {"model": Changed(fly_apart)}, "collapses on relaxation .its energy is no number"),
    "framework collapses": (
        crystal(), {"model": Changed(push_lithium)}, r"collapses on relaxation .an atom moves by \d+\.\d Å.*; check",
    ),
    "molecule without a cell": (Atoms("LiCl", [[0, 0, 0], [2, 0, 0]]), {}, "has no cell: this is a molecule"),
    "molecule in a box": (
        Atoms("LiCl", [[0, 0, 0], [2, 0, 0]], cell=[12, 12, 12], pbc=True), {}, "a molecule or a slab; give a crystal",
    ),
    "no voids": (CLOSE, {"mechanism": "interstitial"}, "no void of 1.6 Å; give a file with the ion"),
    "nothing to knock off": (
        bulk("LiCl", "rocksalt", a=5.14),
        {"mechanism": "knock-off", "r_max_A": 2.0, "model": SaltOfBonds()},
        "No Li has two free voids within 2 Å to be pushed between; raise --r-max",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_has_no_barrier_is_refused_in_a_sentence(case, tmp_path):
    atoms, changes, sentence = CASES[case]
    mobile, model = changes.pop("mobile", "Li"), changes.pop("model", Washboard())
    with pytest.raises(SaltflowError, match=sentence) as refused:
        study_barriers(atoms, model, mobile=mobile, settings=SETTINGS | changes, folder=tmp_path)
    assert str(refused.value).count("\n") <= 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "option"),
    [
        ({"images": 0}, "--images"),
        ({"r_max_A": 20.0}, "--r-max"),
        ({"cheapest": 0}, "--cheapest"),
        ({"prefactor_radius_A": 0.5}, "--vibrating-within"),
        ({"prefactor_radius_A": float("nan")}, "--vibrating-within"),
    ],
)
def test_numbers_without_sense_are_refused(changes, option):
    with pytest.raises(SaltflowError, match=option):
        check_settings(SETTINGS | changes)
