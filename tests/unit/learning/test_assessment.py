"""The assessment of a generation: criteria, errors by composition, stability."""

from pathlib import Path

import numpy as np
import pytest
from mace_models import rock_salt
from predicted_frames import prediction

from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import write_json
from saltflow.learning.assessment.assessment import assess, passed_on
from saltflow.learning.assessment.predictions import predict
from saltflow.learning.convergence import ended_because
from saltflow.learning.prediction_errors import errors

CRITERION = {"force_rmse_meV_A": 80.0, "max_uncertain_fraction": 0.05}


BY_HAND = [
    prediction("LiCl", forces=[[1.1, 0.0, -2.0]], reference=[[1.0, 0.0, -2.0]], energy=-1.00, reference_energy=-1.02),
    prediction("LiF", forces=[[0.0, 0.0, 0.0]], reference=[[0.0, 0.2, 0.0]], energy=-2.00, reference_energy=-2.04),
]


def explored(*, accurate: int, frames: int = 100) -> dict:
    return {"LiCl": {"frames": frames, "accurate": accurate, "candidate": frames - accurate, "failed": 0}}


def written(folder, assessment: dict) -> Path:
    write_json(folder / "assessment.json", assessment)
    return folder / "assessment.json"


@pytest.mark.parametrize(("limit", "accurate", "converged"), [(92, 95, True), (91, 95, False), (92, 94, False)])
def test_a_generation_converges_when_both_criteria_hold(limit, accurate, converged):
    """The force RMSE above is 91.29 meV/Å."""
    criteria = {"force_rmse_meV_A": limit, "max_uncertain_fraction": 0.05}
    assessment = assess(BY_HAND, BY_HAND, generation=1, convergence=criteria, explored=explored(accurate=accurate))
    assert assessment["converged"] is converged
    force, uncertain = assessment["criteria"]["force_rmse_meV_A"], assessment["criteria"]["uncertain_fraction"]
    assert (force["limit"], force["holds"]) == (limit, limit > 91.29)
    assert uncertain == {"value": pytest.approx(1 - accurate / 100), "limit": 0.05, "holds": accurate >= 95}


@pytest.mark.parametrize(("criteria", "converged"), [(0.05, False), (1.0, True)])
def test_without_an_exploration_it_converges_only_without_that_limit(criteria, converged):
    convergence = {"force_rmse_meV_A": 1000.0, "max_uncertain_fraction": criteria}
    assessment = assess(BY_HAND, None, generation=0, convergence=convergence, explored={})
    assert assessment["converged"] is converged
    assert assessment["previous_generation_on_same_frames"] is None


def test_the_release_states_why_learning_ended(tmp_path):
    def of(generation, **choices):
        criteria = {"force_rmse_meV_A": 100.0, "max_uncertain_fraction": 0.05} | choices.pop("criteria", {})
        return assess(BY_HAND, None, generation=generation, convergence=criteria, **choices)

    first = of(0, explored={})
    assert ended_because([first]) == (
        "The budget ended with generation 0 (learning.generations), not converged: held-out force error 91.3 ≤ 100 "
        "meV/Å; nothing was explored; diffusion was not compared."
    )
    second = of(1, explored=explored(accurate=97))
    third = passed_on(of(2, explored={}), written(tmp_path, second))
    assert ended_because([first, second, third]) == (
        "Converged at generation 1: held-out force error 91.3 ≤ 100 meV/Å; 3 % ≤ 5 % of the explored frames uncertain; "
        "diffusion was not compared."
    )
    missed = of(1, explored=explored(accurate=50), criteria={"force_rmse_meV_A": 80.0})
    assert "held-out force error 91.3 > 80 meV/Å; 50 % > 5 % of" in ended_because([first, missed])
    assert "fraction of uncertain frames has no limit" in ended_because(
        [of(0, explored={}, criteria={"max_uncertain_fraction": 1.0})]
    )


def test_a_generation_that_did_not_converge_is_not_passed_on(tmp_path):
    before = assess(BY_HAND, None, generation=0, convergence=CRITERION, explored={})
    now = assess(BY_HAND, BY_HAND, generation=1, convergence=CRITERION, explored=explored(accurate=1))
    assert passed_on(now, written(tmp_path, before)) == now
    assert passed_on(now, None) == now


def test_every_composition_has_its_errors():
    found = assess(BY_HAND, None, generation=0, convergence=CRITERION, explored={})["heldout_by_composition"]
    assert set(found) == {"LiCl", "LiF"}
    assert found["LiCl"]["force_rmse_meV_A"] == pytest.approx(1000 * 0.1 / np.sqrt(3))
    assert found["LiF"]["force_rmse_meV_A"] == pytest.approx(1000 * 0.2 / np.sqrt(3))
    assert found["LiF"]["by_element"]["F"]["force_rmse_meV_A"] == found["LiF"]["force_rmse_meV_A"]
    assert found["LiF"]["by_temperature"]["600 K"]["frames"] == 1


def test_stability_belongs_to_the_generation_before(tmp_path):
    point = {
        "cells": 2,
        "ended_early": 1,
        "stop_criteria": {"g": 1},
        "earliest_ps": 0.5,
        "median_ps": 0.5,
        "duration_ps": 2.0,
    }
    driven = {name: counts | {"stability": {"600": point}} for name, counts in explored(accurate=95).items()}
    found = assess(BY_HAND, BY_HAND, generation=3, convergence=CRITERION, explored=driven)
    assert found["stability"] == {"driven_by_generation": 2, "compositions": {"LiCl": {"600": point}}}
    assert found["explored"] == explored(accurate=95)
    assert (
        assess(BY_HAND, None, generation=0, convergence=CRITERION, explored=explored(accurate=1))["stability"] is None
    )
    later = assess(BY_HAND, BY_HAND, generation=4, convergence=CRITERION, explored={})
    before = found | {"converged": True, "rdf_against_reference_md": {"LiCl": {}}}
    passed = passed_on(later, written(tmp_path, before))
    assert [passed[name] for name in ("stability", "rdf_against_reference_md")] == [found["stability"], {"LiCl": {}}]
    assert "rdf_against_reference_md" not in later


def test_the_generation_before_is_assessed_on_the_same_frames():
    before = [each | {"forces_eV_A": each["reference_forces_eV_A"] + 0.3} for each in BY_HAND]
    assessment = assess(BY_HAND, before, generation=1, convergence=CRITERION, explored={})
    assert assessment["generation"] == 1
    assert assessment["previous_generation_on_same_frames"]["force_rmse_meV_A"] == pytest.approx(300.0)
    assert assessment["previous_generation_on_same_frames"]["frames"] == assessment["heldout"]["frames"]


def test_no_held_out_frame_is_an_error_with_the_remedy():
    with pytest.raises(
        SaltflowError, match=r"No held-out frame has a label.*learning\.initial_structures\.heldout_cells"
    ):
        assess([], None, generation=0, convergence=CRITERION, explored={})


def stress_of(frame, committee, *, strain=1e-4) -> np.ndarray:
    """(3, 3) eV/Å³: the energy of the first model over small strains, by finite differences."""
    stress = np.zeros((3, 3))
    for first, second in zip(*np.triu_indices(3), strict=True):
        energies = []
        for sign in (1, -1):
            strained, deformation = frame.copy(), np.eye(3)
            deformation[first, second] += sign * strain / 2
            deformation[second, first] += sign * strain / 2
            strained.set_cell(frame.cell.array @ deformation, scale_atoms=True)
            potential, *where = committee.on_frame(strained)
            energies.append(float(potential.evaluate(*where).energies[0]))
        stress[first, second] = stress[second, first] = (energies[0] - energies[1]) / (2 * strain * frame.cell.volume)
    return stress


def test_predictions_are_compared_with_labels(committee):
    """Labelled by the first model itself, the committee has no error; its disagreement is that of the others."""
    frame = rock_salt(rattle_A=0.15)
    frame.info |= {"composition": "LiCl", "lineage": "LiCl/cell", "REF_energy": 0.0}
    frame.set_array("REF_forces", np.zeros((len(frame), 3)))
    (blank,) = predict([frame], committee)
    assert (blank["reference_stress_eV_A3"], blank["symbols"]) == (None, list(frame.symbols))
    frame.info["REF_energy"] = blank["energy_eV_atom"] * len(frame)
    frame.info["REF_stress"] = stress_of(frame, committee)
    frame.arrays["REF_forces"][:] = blank["forces_eV_A"]
    found = errors(predict([frame], committee))
    assert found["stress_rmse_MPa"] == pytest.approx(0.0, abs=0.1)
    assert found["force_rmse_meV_A"] == pytest.approx(0.0, abs=1e-9)
    assert found["energy_offset_meV_atom"] == pytest.approx(0.0, abs=1e-9)
    assert found["force_slope"] == pytest.approx(1.0)
    assert blank["force_std_eV_A"].shape == (len(frame),)
    assert blank["force_std_eV_A"].min() > 0
