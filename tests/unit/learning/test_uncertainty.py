"""Calibrated uncertainties of synthetic committees whose errors are known, and their flags where labels are few."""

import numpy as np
import pytest
from scipy.stats import norm

from saltflow.learning.uncertainty import SMALLEST_FORCE_STD_EV_A, calibrate, factor_for, flagged


def frame(
    composition: str, lineage: str, *, factor: float, seed: int, atoms: int = 40, force_std_eV_A: float | None = None
) -> dict:
    """A frame whose force errors are normal, with a standard deviation of `factor` × force_std / √3 per component."""
    random = np.random.default_rng(seed)
    force_std = random.uniform(0.01, 0.3, size=atoms) if force_std_eV_A is None else np.full(atoms, force_std_eV_A)
    reference = random.normal(size=(atoms, 3))
    errors = factor * force_std[:, None] / np.sqrt(3) * random.normal(size=(atoms, 3))
    return {
        "composition": composition,
        "lineage": f"{composition}/{lineage}",
        "forces_eV_A": reference + errors,
        "reference_forces_eV_A": reference,
        "force_std_eV_A": force_std,
    }


def frames_of(composition: str, *, factor: float, lineages=6, each=3, seed=1, **more) -> list[dict]:
    return [
        frame(composition, f"cell{cell}", factor=factor, seed=1000 * seed + 10 * cell + number, **more)
        for cell in range(lineages)
        for number in range(each)
    ]


@pytest.mark.parametrize("factor", [0.3, 1.0, 10.0])
def test_the_factor_of_known_errors_holds_on_unseen_frames(factor):
    found = calibrate(frames_of("LiCl", factor=factor))["compositions"]["LiCl"]
    assert found["factor"] == pytest.approx(factor, rel=4 / np.sqrt(2 * 6 * 3 * 40 * 3))
    assert found["z_std_before"] == pytest.approx(factor, rel=0.1)
    assert 0.85 <= found["z_std_after"] <= 1.15
    assert found["basis"] == "composition"
    assert found["flags"] == []
    unseen = frames_of("LiCl", factor=factor, seed=2)
    errors = np.concatenate([each["forces_eV_A"] - each["reference_forces_eV_A"] for each in unseen])
    force_std = np.concatenate([each["force_std_eV_A"] for each in unseen])
    assert 0.85 <= np.std(errors / (found["factor"] * force_std[:, None] / np.sqrt(3))) <= 1.15


def test_the_error_of_the_factor_is_that_of_many_repetitions():
    """The relative error of a root mean square of n normal numbers is 1/√(2n)."""
    given = [
        calibrate(frames_of("LiCl", factor=5.0, seed=seed, each=1))["pooled"]["relative_error"] for seed in range(30)
    ]
    assert np.sqrt(np.mean(np.square(given))) == pytest.approx(1 / np.sqrt(2 * 6 * 40 * 3), rel=0.3)


def test_each_composition_has_its_own_factor():
    found = calibrate([*frames_of("LiCl", factor=3.0), *frames_of("LiF", factor=12.0)])
    assert factor_for(found, "LiCl") == pytest.approx(3.0, rel=0.1)
    assert factor_for(found, "LiF") == pytest.approx(12.0, rel=0.1)
    assert all(0.85 <= entry["z_std_after"] <= 1.15 for entry in found["compositions"].values())


def test_z_std_loco_shows_factors_that_differ_between_compositions():
    """With the other's factor: √((9/144 + 144/9) / 2) = 2.83; equal compositions agree."""
    apart = calibrate([*frames_of("LiCl", factor=3.0), *frames_of("LiF", factor=12.0)])
    assert apart["pooled"]["z_std_loco"] == pytest.approx(2.83, rel=0.1)
    alike = calibrate([*frames_of("LiCl", factor=7.0), *frames_of("LiF", factor=7.0, seed=2)])
    assert 0.85 <= alike["pooled"]["z_std_loco"] <= 1.15


def test_an_unknown_composition_takes_the_largest_factor():
    found = calibrate([*frames_of("LiCl", factor=3.0), *frames_of("LiF", factor=6.0, seed=2)])
    assert factor_for(found, "unknown") == found["compositions"]["LiF"]["factor"] > found["pooled"]["factor"]


def test_few_held_out_cells_take_the_factor_of_all_and_have_a_flag():
    found = calibrate([*frames_of("LiCl", factor=6.0), *frames_of("LiF", factor=6.0, lineages=2, seed=2)])
    assert found["compositions"]["LiF"]["basis"] == "pooled"
    assert factor_for(found, "LiF") == found["pooled"]["factor"]
    assert 0.85 <= found["compositions"]["LiF"]["z_std_after"] <= 1.15
    assert flagged(found) == ["LiF: it has 2 held-out lineages and takes the factor of all compositions"]


@pytest.mark.parametrize(("lineages", "tested"), [(1, False), (2, True)])
def test_too_few_held_out_cells_have_flags(lineages, tested):
    found = calibrate(frames_of("LiCl", factor=6.0, lineages=lineages))
    flags = " ".join(flagged(found))
    assert (
        f"is from {lineages} held-out lineages, 3 are needed; raise learning.initial_structures.heldout_cells" in flags
    )
    assert ("was not tested on other lineages" in flags) is not tested
    assert (found["pooled"]["z_std_after"] is not None) is tested
    assert (found["reliability"] != []) is tested
    assert factor_for(found, "LiCl") == pytest.approx(6.0, rel=0.2)


def test_a_cell_unlike_the_others_is_flagged():
    """The factor of the others underestimates its errors."""
    odd = [frame("LiCl", "odd", factor=60.0, seed=5 + number) for number in range(3)]
    found = calibrate([*frames_of("LiCl", factor=6.0), *odd])
    assert found["compositions"]["LiCl"]["z_std_after"] > 1.15
    assert any("outside 0.85 to 1.15" in flag for flag in flagged(found))


def test_a_model_alone_is_not_calibrated():
    found = calibrate(frames_of("LiCl", factor=6.0, force_std_eV_A=0.0))
    assert found["pooled"]["factor"] is None
    assert found["compositions"]["LiCl"]["basis"] == "none"
    assert found["pooled"]["atoms_without_disagreement"] == 6 * 3 * 40
    assert "is not calibrated" in flagged(found)[0]
    assert factor_for(found, "LiCl") == 1.0


def test_forces_that_vanish_by_symmetry_do_not_count():
    """In a perfect crystal force_std and error vanish, and their ratio is noise."""
    crystal = frame("LiCl", "crystal", factor=0.0, seed=3, force_std_eV_A=SMALLEST_FORCE_STD_EV_A / 10)
    crystal["forces_eV_A"] = crystal["forces_eV_A"] + 1e-3
    with_it, without = calibrate([*frames_of("LiCl", factor=6.0), crystal]), calibrate(frames_of("LiCl", factor=6.0))
    assert with_it["pooled"]["factor"] == without["pooled"]["factor"]
    assert with_it["pooled"]["atoms_without_disagreement"] == 40


def test_the_reliability_table_lies_on_the_diagonal():
    found = calibrate(frames_of("LiCl", factor=8.0, each=8))
    assert len(found["reliability"]) == 8
    assert sum(row["atoms"] for row in found["reliability"]) == 6 * 8 * 40
    for row in found["reliability"]:
        assert row["observed_meV_A"] == pytest.approx(row["predicted_meV_A"], rel=0.15)
    assert found["reliability"][0]["predicted_meV_A"] < found["reliability"][-1]["predicted_meV_A"] / 3
    for count, number in (("one", 1), ("two", 2)):
        expected = norm.cdf(number) - norm.cdf(-number)
        assert found["coverage"][f"within_{count}_sigma"] == pytest.approx(expected, abs=0.02)


def test_the_reliability_table_shows_disagreement_unrelated_to_errors():
    """Constant errors e, force_std from 0.01 to 0.3 eV/Å: the factor is e/√(0.01 · 0.3), 1.8 for e = 0.1 eV/Å."""
    flat = frames_of("LiCl", factor=1.0, force_std_eV_A=0.1)
    for each, random in zip(flat, np.random.default_rng(4).spawn(len(flat)), strict=True):
        each["force_std_eV_A"] = random.uniform(0.01, 0.3, size=40)
    rows = calibrate(flat)["reliability"]
    assert rows[0]["observed_meV_A"] > 1.5 * rows[0]["predicted_meV_A"]
    assert rows[-1]["observed_meV_A"] < rows[-1]["predicted_meV_A"] / 3
