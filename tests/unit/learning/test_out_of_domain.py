"""The out-of-domain fraction: its expectation, its error, and its thresholds."""

import numpy as np
import pytest

from saltflow.learning.domain.out_of_domain import NONE, OWN, POOLED, in_domain_threshold, out_of_domain_fraction
from saltflow.learning.domain.training_environments import HeldOutCell

REPLICAS = 150


def cells_of(random, *, count, atoms=300, cell_spread=0.3, shift=0.0, composition="LiCl") -> list[HeldOutCell]:
    """Cells whose atoms resemble each other: standard normal distances about a level that differs between cells."""
    levels = shift + cell_spread * random.normal(size=count)
    return [
        HeldOutCell(f"cell{number}", composition, {"Li": level + random.normal(size=atoms)})
        for number, level in enumerate(levels)
    ]


def score(replicas, heldout, *, percentile=99.0):
    limit = in_domain_threshold(heldout, composition="LiCl", symbol="Li", percentile=percentile)
    return out_of_domain_fraction([each.distances for each in replicas], {"Li": limit}, percentile=percentile)


@pytest.mark.parametrize(("percentile", "cell_spread"), [(99.0, 0.3), (95.0, 0.3), (99.0, 0.0)])
def test_replicas_like_the_held_out_cells_have_the_expected_fraction_within_their_error(percentile, cell_spread):
    random = np.random.default_rng(1)
    found = []
    for _ in range(REPLICAS):
        replicas = cells_of(random, count=3, atoms=1000, cell_spread=cell_spread)
        found.append(score(replicas, cells_of(random, count=6, cell_spread=cell_spread), percentile=percentile))
    values, errors = (np.array([each[key] for each in found]) for key in ("value", "error"))
    expected = 1 - percentile / 100
    assert values.mean() == pytest.approx(expected, abs=max(0.15 * expected, 3 * values.std() / REPLICAS**0.5))
    scores = (values - expected) / errors
    assert 0.65 < scores.std() < 1.1
    assert np.mean(np.abs(scores) < 2) > 0.93


def test_the_error_holds_for_replicas_unlike_the_held_out_cells():
    random = np.random.default_rng(2)
    # Distances of replicas are N(1.5, 1 + 0.3²), of held-out cells N(0, 1 + 0.3²): what lies beyond their percentile?
    sample = 1.5 + np.hypot(1, 0.3) * random.normal(size=10**6)
    true = np.mean(sample > np.hypot(1, 0.3) * 2.3263)
    found = [score(cells_of(random, count=3, shift=1.5), cells_of(random, count=8)) for _ in range(REPLICAS)]
    scores = np.array([(each["value"] - true) / each["error"] for each in found])
    assert abs(scores.mean()) < 0.4
    assert 0.8 < scores.std() < 1.4


def test_training_cells_are_never_out_of_domain_and_foreign_ones_always():
    heldout = cells_of(np.random.default_rng(3), count=5)
    near, far = (HeldOutCell("replica", "LiCl", {"Li": np.full(50, distance)}) for distance in (-100.0, 100.0))
    assert score([near, near], heldout)["value"] == 0
    beyond = score([far, far], heldout)
    assert beyond["value"] == 1
    assert 0 < beyond["error"] < 0.05


def test_atoms_of_one_cell_are_not_independent():
    """A hundred copies of every atom say nothing new: binomial errors would fall to a tenth."""
    random = np.random.default_rng(4)
    replicas, heldout = cells_of(random, count=3, atoms=100), cells_of(random, count=6, atoms=100)
    copied = [
        HeldOutCell(cell.lineage, "LiCl", {"Li": np.repeat(cell.distances["Li"], 100)})
        for cell in (*replicas, *heldout)
    ]
    once, often = score(replicas, heldout, percentile=95.0), score(copied[:3], copied[3:], percentile=95.0)
    assert often["error"] > 0.5 * once["error"]


def test_the_threshold_is_that_of_the_composition_else_of_the_potential():
    random = np.random.default_rng(5)
    own, others = cells_of(random, count=3, atoms=40), cells_of(random, count=4, composition="NaCl")
    choices = {"composition": "LiCl", "symbol": "Li", "percentile": 99.0}
    assert in_domain_threshold([*own, *others], **choices).basis == OWN
    assert in_domain_threshold([*own[:2], *others], **choices).basis == POOLED, "two cells are too few"
    few = [HeldOutCell(cell.lineage, "LiCl", {"Li": cell.distances["Li"][:30]}) for cell in own]
    assert in_domain_threshold(few, **choices).basis == NONE, "90 atoms have no 99th percentile that is above chance"
    assert in_domain_threshold(few, **choices | {"percentile": 95.0}).basis == OWN
    assert in_domain_threshold(own, **choices | {"symbol": "Na"}).limit is None
