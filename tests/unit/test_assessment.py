"""Errors of a committee against numbers worked out by hand, and what is said of a generation."""

import numpy as np
import pytest
from mace_models import rock_salt

from saltflow.assessment import assess, errors, predict
from saltflow.errors import SaltflowError

CRITERION = {"force_rmse_meV_A": 80.0}


def prediction(composition: str, *, forces, reference, energy=0.0, reference_energy=0.0) -> dict:
    return {
        "composition": composition,
        "energy_eV_atom": energy,
        "reference_energy_eV_atom": reference_energy,
        "forces_eV_A": np.array(forces),
        "reference_forces_eV_A": np.array(reference),
        "force_spread_eV_A": np.zeros(len(forces)),
    }


BY_HAND = [
    prediction("LiCl", forces=[[1.1, 0.0, -2.0]], reference=[[1.0, 0.0, -2.0]], energy=-1.00, reference_energy=-1.02),
    prediction("LiF", forces=[[0.0, 0.0, 0.0]], reference=[[0.0, 0.2, 0.0]], energy=-2.00, reference_energy=-2.04),
]


def test_errors_worked_out_by_hand():
    found = errors(BY_HAND)
    assert found["frames"] == 2
    assert found["force_rmse_meV_A"] == pytest.approx(1000 * np.sqrt((0.1**2 + 0.2**2) / 6))
    assert found["force_mae_meV_A"] == pytest.approx(1000 * (0.1 + 0.2) / 6)
    assert found["force_slope"] == pytest.approx((1.1 * 1.0 + 4.0) / (1.0 + 4.0 + 0.04))
    assert found["energy_offset_meV_atom"] == pytest.approx(30.0)
    assert found["energy_rmse_meV_atom"] == pytest.approx(10.0)


def test_a_softened_potential_has_a_slope_below_one():
    reference = np.random.default_rng(0).normal(size=(50, 3))
    softened = prediction("LiCl", forces=0.8 * reference, reference=reference)
    assert errors([softened])["force_slope"] == pytest.approx(0.8)


@pytest.mark.parametrize(("limit", "converged"), [(92.0, True), (91.0, False)])
def test_a_generation_converges_at_its_criterion(limit, converged):
    """The force RMSE above is 91.29 meV/Å."""
    assessment = assess(BY_HAND, None, generation=0, convergence={"force_rmse_meV_A": limit})
    assert assessment["converged"] is converged
    assert assessment["criterion"] == {"force_rmse_meV_A": limit}
    assert assessment["previous_generation_on_same_frames"] is None


def test_every_composition_is_judged_apart():
    found = assess(BY_HAND, None, generation=0, convergence=CRITERION)["heldout_by_composition"]
    assert set(found) == {"LiCl", "LiF"}
    assert found["LiCl"]["force_rmse_meV_A"] == pytest.approx(1000 * 0.1 / np.sqrt(3))
    assert found["LiF"]["force_rmse_meV_A"] == pytest.approx(1000 * 0.2 / np.sqrt(3))


def test_the_generation_before_is_judged_on_the_same_frames():
    before = [each | {"forces_eV_A": each["reference_forces_eV_A"] + 0.3} for each in BY_HAND]
    assessment = assess(BY_HAND, before, generation=1, convergence=CRITERION)
    assert assessment["generation"] == 1
    assert assessment["previous_generation_on_same_frames"]["force_rmse_meV_A"] == pytest.approx(300.0)
    assert assessment["previous_generation_on_same_frames"]["frames"] == assessment["heldout"]["frames"]


def test_no_held_out_frame_is_told_with_the_remedy():
    with pytest.raises(SaltflowError, match=r"No held-out frame has a label.*learning\.seeds\.heldout_cells"):
        assess([], None, generation=0, convergence=CRITERION)


def test_predictions_stand_beside_the_labels(committee):
    """Labelled by the first model itself, the committee errs by nothing, and its spread is that of the others."""
    frame = rock_salt(rattle_A=0.15)
    frame.info |= {"composition": "LiCl", "REF_energy": 0.0}
    frame.set_array("REF_forces", np.zeros((len(frame), 3)))
    (blank,) = predict([frame], committee)
    frame.info["REF_energy"] = blank["energy_eV_atom"] * len(frame)
    frame.arrays["REF_forces"][:] = blank["forces_eV_A"]
    found = errors(predict([frame], committee))
    assert found["force_rmse_meV_A"] == pytest.approx(0.0, abs=1e-9)
    assert found["energy_offset_meV_atom"] == pytest.approx(0.0, abs=1e-9)
    assert found["force_slope"] == pytest.approx(1.0)
    assert blank["force_spread_eV_A"].shape == (len(frame),)
    assert blank["force_spread_eV_A"].min() > 0
