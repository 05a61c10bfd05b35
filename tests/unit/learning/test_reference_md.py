"""g(r) of an exploration against the reference's own dynamics, equal or different by construction."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from saltflow.learning.reference_md import AGREES, DIFFERS, UNDECIDED, compare_curves, compare_structure


def crystal(random, *, lattice_A=5.6, **info) -> Atoms:
    """Sodium chloride, its atoms displaced at random."""
    frame = bulk("NaCl", "rocksalt", a=lattice_A, cubic=True).repeat(2)
    frame.positions += random.normal(scale=0.25, size=frame.positions.shape)
    frame.wrap()
    frame.info = {"composition": "NaCl", **info}
    return frame


def imported(random, *, frames=30, **choices) -> list[Atoms]:
    info = {"origin": "imported:md.extxyz", "temperature_K": 600.0}
    return [crystal(random, lineage=f"imported/md/Cl32Na32/{index // 2}", **info | choices) for index in range(frames)]


def explored(random, *, cells=2, frames=15, kelvin=600.0, **choices) -> list[Atoms]:
    info = {"origin": f"exploration:{kelvin:g}K", "temperature_K": kelvin}
    return [
        crystal(random, lineage=f"cell{cell}", time_ps=0.1 * index, **info | choices)
        for cell in range(cells)
        for index in range(frames)
    ]


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(6)


def test_equal_distributions_agree_and_another_lattice_constant_shows(random):
    point = compare_structure(imported(random), explored(random))["NaCl"]["600"]
    assert (point["status"], point["flags"], point["explored_temperature_K"]) == ("ok", [], 600.0)
    assert point["frames"] == [30, 2 * 12], "the first three of fifteen are the beginning of the heating"
    assert {name: pair["verdict"] for name, pair in point["pairs"].items()} == dict.fromkeys(
        ("Cl-Cl", "Cl-Na", "Na-Na"), AGREES
    )
    wider = compare_structure(imported(random), explored(random, lattice_A=5.8))["NaCl"]["600"]
    assert wider["pairs"]["Cl-Na"]["verdict"] == DIFFERS
    assert wider["pairs"]["Cl-Na"]["difference_A"] > 3 * point["pairs"]["Cl-Na"]["difference_A"]
    assert wider["flags"] == ["the densities differ: 2.21 and 1.99 g/cm³"]


def test_the_difference_of_curves_of_known_noise():
    """Independent bins: the mean integral is that of noise, and the limit is hardly ever exceeded."""
    random, found = np.random.default_rng(1), []
    sigma, bins = 0.2, 60
    for _ in range(400):
        curves = [{"g": 1 + sigma * random.normal(size=bins), "g_error": np.full(bins, sigma)} for _ in range(2)]
        found.append(compare_curves(*curves))
    differences = np.array([each["difference_A"] for each in found])
    assert differences.mean() == pytest.approx(found[0]["from_noise_A"], rel=0.02)
    assert not any(each["verdict"] == DIFFERS for each in found)


def test_correlated_noise_is_allowed_for():
    """All bins off by the same normal number: the limit is exceeded where |Δg| is beyond 2.0 of its own deviation."""
    random, found = np.random.default_rng(2), []
    for _ in range(2000):
        shift = np.sqrt(2) * 0.2 * random.normal()
        curves = [{"g": np.full(60, each), "g_error": np.full(60, 0.2)} for each in (1.0, 1.0 + shift)]
        found.append(compare_curves(*curves)["verdict"] == DIFFERS)
    assert np.mean(found) == pytest.approx(0.0455, abs=4 * np.sqrt(0.0455 / 2000))


def test_a_curve_without_an_error_decides_nothing():
    sure, unsure = ({"g": [1.0, 2.0], "g_error": [error] * 2} for error in (0.1, np.nan))
    assert compare_curves(sure, unsure)["verdict"] == UNDECIDED


def test_the_nearest_temperature_is_taken_and_flagged(random):
    frames = [*explored(random, kelvin=900.0), *explored(random, kelvin=500.0)]
    point = compare_structure(imported(random), frames)["NaCl"]["600"]
    assert point["explored_temperature_K"] == 500.0
    assert point["flags"] == ["the nearest explored temperature is 500 K"]


def test_the_status_states_why_nothing_was_compared(random):
    assert compare_structure(imported(random), [])["NaCl"]["600"] == {"status": "it was not explored"}
    few = compare_structure(imported(random, frames=4), explored(random))["NaCl"]["600"]
    assert few["status"].startswith("the reference has no run of 5 frames")
    lost = compare_structure(imported(random), explored(random, close_contact=True))["NaCl"]["600"]
    assert lost["status"].startswith("the exploration has no run of 5 frames")
    assert compare_structure(explored(random), explored(random)) == {}, "labels of explorations are no dynamics"


def test_blocks_of_a_file_are_put_back_in_order(random):
    """Fifteen blocks, of which the training set has some and the validation set the others."""
    frames, found = imported(random), explored(random)
    assert compare_structure([*frames[18:], *frames[:18]], found) == compare_structure(frames, found)
