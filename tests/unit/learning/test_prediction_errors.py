"""Errors against numbers worked out by hand, and against noise whose size is known, part by part."""

import numpy as np
import pytest
from ase import Atoms
from predicted_frames import prediction

from saltflow.learning.prediction_errors import (
    errors,
    errors_by_element,
    errors_by_selection,
    errors_by_temperature,
    state_of,
)

BY_HAND = [
    prediction("LiCl", forces=[[1.1, 0.0, -2.0]], reference=[[1.0, 0.0, -2.0]], energy=-1.00, reference_energy=-1.02),
    prediction("LiF", forces=[[0.0, 0.0, 0.0]], reference=[[0.0, 0.2, 0.0]], energy=-2.00, reference_energy=-2.04),
]
EV_A3_IN_MPA = 160217.66


def test_errors_worked_out_by_hand():
    found = errors(BY_HAND)
    assert (found["frames"], found["lineages"]) == (2, 2)
    assert found["force_rmse_meV_A"] == pytest.approx(1000 * np.sqrt((0.1**2 + 0.2**2) / 6))
    assert found["force_mae_meV_A"] == pytest.approx(1000 * (0.1 + 0.2) / 6)
    assert found["force_slope"] == pytest.approx((1.1 * 1.0 + 4.0) / (1.0 + 4.0 + 0.04))
    assert found["energy_offset_meV_atom"] == pytest.approx(30.0)
    assert found["energy_rmse_meV_atom"] == pytest.approx(10.0)
    assert errors(BY_HAND[:1])["energy_rmse_meV_atom"] is None, "one frame is its own offset"


def test_a_softened_potential_has_a_slope_below_one():
    reference = np.random.default_rng(0).normal(size=(50, 3))
    softened = prediction("LiCl", forces=0.8 * reference, reference=reference)
    assert errors([softened])["force_slope"] == pytest.approx(0.8)


def test_a_pressure_off_by_one_GPa_and_a_shear_stress_counted_once():
    """Three of six components are off by 1 GPa; the shear stress stands twice in the tensor and counts once."""
    forces = {"forces": [[1.0, 0, 0]], "reference": [[1.0, 0, 0]]}
    pressure = prediction("LiCl", stress=np.eye(3) * 1000 / EV_A3_IN_MPA, **forces)
    assert errors([pressure])["stress_rmse_MPa"] == pytest.approx(1000 / np.sqrt(2), rel=1e-7)
    shear = np.zeros((3, 3))
    shear[0, 1] = shear[1, 0] = 1.0
    sheared = prediction("LiCl", reference_stress=shear, **forces)
    assert errors([sheared])["stress_rmse_MPa"] == pytest.approx(EV_A3_IN_MPA / np.sqrt(6), rel=1e-7)


def test_frames_without_a_reference_stress_are_excluded_and_counted():
    forces = {"forces": [[1.0, 0, 0]], "reference": [[1.0, 0, 0]]}
    known = prediction("LiCl", stress=1 / EV_A3_IN_MPA, **forces)
    unknown = prediction("LiCl", stress=1.0, reference_stress=None, **forces)
    found = errors([known, unknown])
    assert (found["frames"], found["stress_frames"]) == (2, 1)
    assert found["stress_rmse_MPa"] == pytest.approx(1.0, rel=1e-7)
    assert errors([unknown])["stress_rmse_MPa"] is None


NOISE_EV_A = {"Al": 0.02, "Cl": 0.05, "Li": 0.1}
SOFTENING = {"Al": 0.7, "Cl": 0.9, "Li": 1.0}


def noisy(random, *, frames: int, scale: float = 1.0, **choices) -> list[dict]:
    """LiAlCl4 with softened forces and normal noise on them, both of each element its own; a lineage each."""
    symbols = np.array(["Li", "Al", *["Cl"] * 4] * 8)
    noise, softening = (np.array([table[symbol] for symbol in symbols])[:, None] for table in (NOISE_EV_A, SOFTENING))
    predictions = []
    for index in range(frames):
        reference = random.normal(size=(len(symbols), 3))
        forces = softening * reference + scale * noise * random.normal(size=reference.shape)
        predictions.append(
            prediction(
                "LiAlCl4", forces=forces, reference=reference, symbols=symbols, lineage=f"cell{index}", **choices
            )
        )
    return predictions


def test_noise_of_each_element_is_found_again_with_its_error_and_its_softening():
    """A root mean square of n normal numbers has a relative standard error of 1/√(2n)."""
    frames = noisy(np.random.default_rng(4), frames=40)
    found = errors_by_element(frames)
    assert {element: each["atoms"] for element, each in found.items()} == {"Al": 320, "Cl": 1280, "Li": 320}
    for element, each in found.items():
        assert each["force_slope"] == pytest.approx(SOFTENING[element], abs=0.02)
        expected = np.hypot(NOISE_EV_A[element], 1 - SOFTENING[element])
        relative = 1 / np.sqrt(2 * 3 * each["atoms"])
        assert each["force_rmse_meV_A"] == pytest.approx(1000 * expected, rel=4 * relative)
        assert each["force_rmse_relative_error"] == pytest.approx(relative, rel=0.5)


def test_the_error_of_a_force_error_holds_how_lineages_differ():
    """Deviations of its logarithm from the truth, over what was given for them, scatter by one: 12 unlike lineages."""
    random, scores = np.random.default_rng(8), []
    truth = 0.1 * np.sqrt(1.25)  # the mean square of 0.5 and 1.5
    for _ in range(300):
        sizes = 0.1 * random.choice([0.5, 1.5], size=12)
        found = errors(
            [
                prediction("LiCl", forces=size * random.normal(size=(10, 3)), reference=np.zeros((10, 3)),
                           lineage=f"cell{index}")
                for index, size in enumerate(sizes)
            ]
        )  # fmt: skip
        scores.append(np.log(found["force_rmse_meV_A"] / 1000 / truth) / found["force_rmse_relative_error"])
    assert np.std(scores) == pytest.approx(1.0, abs=0.15)
    assert found["force_slope"] is None, "nothing can be softened where no atom feels a force"
    assert errors(noisy(random, frames=1))["force_rmse_relative_error"] is None


def test_temperatures_rise_and_frames_without_one_come_last():
    random = np.random.default_rng(5)
    given = {"1200 K": 3.0, "rattled": 0.5, "900 K": 2.0, "relaxation": 1.0}
    frames = [each for state, scale in given.items() for each in noisy(random, frames=6, scale=scale, state=state)]
    for each in frames:
        each["forces_eV_A"][:, 0] = each["reference_forces_eV_A"][:, 0]
    found = errors_by_temperature(frames)
    assert list(found) == ["900 K", "1200 K", "relaxation", "rattled"]
    errors_meV_A = [found[state]["force_rmse_meV_A"] for state in sorted(given, key=given.get)]
    assert errors_meV_A == sorted(errors_meV_A)
    assert {each["frames"] for each in found.values()} == {6}


def test_an_energy_that_is_wrong_for_hot_frames_alone_shows():
    """Two compositions with offsets of their own, which are removed; the hot frames are 20 meV/atom too high."""
    forces = {"forces": [[1.0, 0, 0]], "reference": [[1.0, 0, 0]]}
    frames = [
        prediction(name, energy=offset + (0.02 if state == "900 K" else 0.0), state=state, **forces)
        for name, offset in (("LiCl", 1.0), ("LiF", -2.0))
        for state in ("300 K", "600 K", "700 K", "900 K")
    ]
    found = errors_by_temperature(frames)
    assert found["900 K"]["energy_rmse_meV_atom"] == pytest.approx(15.0)
    assert found["300 K"]["energy_rmse_meV_atom"] == pytest.approx(5.0)
    alone = prediction("LiBr", state="300 K", **forces)
    assert errors_by_temperature([alone])["300 K"]["energy_rmse_meV_atom"] is None


@pytest.mark.parametrize(
    ("info", "state"),
    [
        ({"temperature_K": 600.0, "time_ps": 0.01, "origin": "exploration:600K"}, "600 K"),
        ({"temperature_K": 600.0, "time_ps": 0.0, "origin": "exploration:600K"}, "relaxation"),
        ({"temperature_K": 1200.0, "origin": "exploration:1200K"}, "1200 K"),
        ({"origin": "rattled"}, "rattled"),
        ({"origin": "imported:mine.extxyz"}, "imported:mine.extxyz"),
    ],
)
def test_the_class_of_a_frame(info, state):
    assert state_of(Atoms(info=info)) == state


def test_selected_frames_are_compared_with_the_random_baseline():
    """Errors of 0.4 and 0.1 eV/Å: the selection finds four times the error."""
    random = np.random.default_rng(2)

    def labels(selected_by, *, error, frames):
        for _ in range(frames):
            reference = random.normal(size=(20, 3))
            forces = reference + error * random.normal(size=(20, 3))
            yield prediction("LiCl", forces=forces, reference=reference) | {"selected_by": selected_by}

    given = [*labels("uncertainty", error=0.4, frames=40), *labels("random", error=0.1, frames=10)]
    found = errors_by_selection(given)
    assert {name: each["frames"] for name, each in found["by_selection"].items()} == {"uncertainty": 40, "random": 10}
    assert found["by_selection"]["random"]["force_rmse_meV_A"] == pytest.approx(100, rel=0.1)
    expected = np.sqrt(1 / (2 * 40 * 60) + 1 / (2 * 10 * 60))  # of a root mean square of n normal numbers: 1/√(2n)
    assert found["selected_over_random"]["relative_error"] == pytest.approx(expected, rel=0.5)
    assert found["selected_over_random"]["ratio"] == pytest.approx(4, rel=4 * expected)
    assert errors_by_selection(given[:40])["selected_over_random"] is None
    assert errors_by_selection([]) == {"by_selection": {}, "selected_over_random": None}
