"""Spaces are counted, planted relations are found, planted noise is not, and intervals hold what they promise."""

from itertools import product
from math import comb

import numpy as np
import pytest
from ase import Atoms

from saltflow.base.errors import InputError, SaltflowError
from saltflow.studies.entropy.features import FEATURES, features_of
from saltflow.studies.entropy.learning import TrainedForest, controls, held_out, importances, scores_of
from saltflow.studies.entropy.random_cells import configurations_of, read_prototype
from saltflow.studies.entropy.space import read_space

SPACE = "prototype: layered.cif\nmobile: Li\nsite: Al\ndopants: [Al, Zr, Sn]\nstep: 0.125\natoms: 64\n"


def layered() -> Atoms:
    """Rock salt in which layers of Li and of Al take turns: LiAlO2."""
    places = [(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0), (0, 0, 0.5)]
    return Atoms("LiAlO2", scaled_positions=places, cell=[2.83, 2.83, 4.1], pbc=True)


@pytest.fixture
def folder(tmp_path):
    layered().write(tmp_path / "layered.cif")
    return tmp_path


def space_of(folder, text=SPACE):
    (folder / "space.yaml").write_text(text)
    return read_space(folder / "space.yaml")


@pytest.mark.parametrize(("step", "least"), [(0.125, 0), (0.125, 0.125), (0.1, 0.2), (0.5, 0)])
def test_a_space_has_every_composition_once(folder, step, least):
    space = space_of(folder, SPACE.replace("0.125", str(step)) + f"least: {least}\n")
    parts = round(1 / step)
    expected = {each for each in product(range(parts + 1), repeat=3)
                if sum(each) == parts and min(each) >= round(least * parts)}  # fmt: skip
    found = {tuple(np.round(row * parts).astype(int).tolist()) for row in space.fractions}
    assert (found, len(space.fractions)) == (expected, space.points)


def test_a_large_space_is_counted_without_being_made(folder):
    text = SPACE.replace("[Al, Zr, Sn]", "[Zr, Hf, Sn, Ti, Ge]").replace("0.125", "0.0625")
    assert space_of(folder, text).points == comb(20, 4) == 4845


def test_the_mobile_ion_balances_the_charges_and_cells_are_random(folder):
    space = space_of(folder, SPACE + "configurations: 2\n")
    prototype = read_prototype(space)
    one, other = configurations_of(space, prototype, np.array([0.5, 0.25, 0.25]))
    counts = one.symbols.formula.count()
    assert counts["Zr"] == counts["Sn"] == counts["Al"] / 2
    assert counts["Li"] == counts["Al"]  # half of the lithium left for Zr and Sn of 4+
    assert sum(prototype.charges[each] * number for each, number in counts.items()) == 0
    assert not np.array_equal(one.positions, other.positions) or list(one.symbols) != list(other.symbols)
    again = configurations_of(space, prototype, np.array([0.5, 0.25, 0.25]))[0]
    assert np.array_equal(again.positions, one.positions)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("dopants: [Al, Mg]\n", "the charges ask for more Li than its sites can hold"),
        ("dopants: [Al, Zr]\ncharges: {Zr: 5}\n", "the charges ask for less Li than its sites can hold"),
    ],
)
def test_charges_that_the_mobile_ion_cannot_balance_are_a_sentence(folder, text, sentence):
    space = space_of(folder, SPACE.replace("dopants: [Al, Zr, Sn]\n", text))
    with pytest.raises(InputError, match=sentence):
        configurations_of(space, read_prototype(space), np.array([0.25, 0.75]))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("mobile: Li\n", "", "the key 'mobile' is missing"),
        ("site: Al", "site: Al\nsites: Al", "the key 'sites' is unknown"),
        ("[Al, Zr, Sn]", "[Al, Al]", "different elements"),
        ("[Al, Zr, Sn]", "[Al, Li]", "the mobile ion not among them"),
        ("step: 0.125", "step: 0", "step: it has to be a number from 0.01 to 0.5"),
        ("step: 0.125", "least: 0.4", "more than the site holds; lower it."),
        ("layered.cif", "absent.cif", "there is no file"),
    ],
)
def test_a_space_file_that_is_wrong_is_one_sentence(folder, old, new, sentence):
    with pytest.raises(InputError, match=sentence):
        space_of(folder, SPACE.replace(old, new))


def test_features_of_a_cell_by_hand():
    charges = {"Li": 1, "Al": 3, "Zr": 4, "O": -2}
    cell = layered().repeat((2, 1, 1))
    cell.symbols[1] = "Zr"
    found = dict(zip(FEATURES, features_of(cell, mobile="Li", dopants=("Al", "Zr"), charges=charges), strict=False))
    assert found["radius_mean_A"] == pytest.approx((0.535 + 0.72) / 2)
    assert found["radius_deviation_A"] == pytest.approx((0.72 - 0.535) / 2)
    assert found["size_mismatch"] == pytest.approx((0.72 - 0.535) / (0.72 + 0.535))
    assert found["mixing_entropy_R"] == pytest.approx(np.log(2))
    assert found["volume_per_ion_A3"] == pytest.approx(2.83**2 * 4.1)
    assert (found["ions_per_site"], found["coordination_of_ion"]) == (1, 6)
    assert found["bond_of_ion_mean_A"] == pytest.approx((4 * 2.83 / np.sqrt(2) + 2 * 2.05) / 6)
    assert found["distortion_of_site"] == pytest.approx(np.std([2.001] * 4 + [2.05] * 2) / 2.0174, rel=2e-2)


def planted(noise: float, *, compositions=60, each=3, seed=1):
    """Six features of which two count; each composition has its own features, its configurations almost the same."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(compositions, 6))
    groups = np.repeat(np.arange(compositions), each)
    features = centres[groups] + 0.05 * random.normal(size=(len(groups), 6))
    return features, 2 * features[:, 0] - features[:, 3] + noise * random.normal(size=len(groups)), groups


def test_a_planted_relation_is_found_and_its_features_are_the_important_ones():
    features, target, groups = planted(0.1)
    scores = scores_of(target, held_out(features, target, groups, seed=1), groups)
    assert (scores.compositions, scores.rho > 0.8, scores.rho_low > 0.6) == (60, True, True)
    gain, error = importances(features, target, groups, seed=1)
    assert set(np.argsort(-gain)[:2]) == {0, 3}
    assert gain[0] > gain[3] > 3 * error[3]
    assert np.abs(gain[[1, 2, 4, 5]]).max() < 0.1 * gain[0]


def test_noise_and_the_shuffled_control_are_not_predicted(monkeypatch):
    monkeypatch.setattr("saltflow.studies.entropy.learning.TREES", 50)
    features, target, groups = planted(0.1)
    real = scores_of(target, held_out(features, target, groups, seed=1), groups)
    mixed = controls(features, target, groups, seed=1)
    assert abs(np.mean(mixed)) < 0.2
    assert real.rho > max(mixed) + 0.3
    noise = np.random.default_rng(2).normal(size=60)[groups]
    scores = scores_of(noise, held_out(features, noise, groups, seed=1), groups)
    assert scores.rho_low < 0 < scores.rho_high
    assert scores.R2 < 0.1


def test_configurations_of_a_composition_never_help_to_predict_it():
    """Where each composition has a random value, its other configurations would give it away."""
    features, _, groups = planted(0.0)
    truth = np.random.default_rng(3).normal(size=60)[groups]
    assert scores_of(truth, held_out(features, truth, groups, seed=1), groups).R2 < 0.1


def test_intervals_hold_nine_of_ten():
    features, target, groups = planted(0.5, compositions=150, each=1)
    ensemble = TrainedForest(features[:100], target[:100], groups[:100], seed=1)
    predicted = ensemble.members(features[100:]).mean(axis=0)
    assert 0.8 <= np.mean(np.abs(predicted - target[100:]) <= ensemble.half_width) <= 1
    assert ensemble.half_width < 2 * np.std(target)


def test_too_few_compositions_are_a_sentence():
    features, target, groups = planted(0.1, compositions=4)
    with pytest.raises(SaltflowError, match="4 compositions cannot be divided into 5 folds; train on more."):
        held_out(features, target, groups, seed=1)
