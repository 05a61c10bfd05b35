"""Assess a generation: held-out errors, calibration, stability, convergence."""

import os
from collections.abc import Mapping, Sequence

from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import read_json
from saltflow.campaign.assessment_state import has_converged
from saltflow.learning.convergence import check_criteria
from saltflow.learning.prediction_errors import errors, errors_by_element, errors_by_selection, errors_by_temperature
from saltflow.learning.stability import STABILITY
from saltflow.learning.uncertainty import calibrate

REFERENCE_MD = "rdf_against_reference_md"


def assess(
    predictions: Sequence[Mapping],
    previous: Sequence[Mapping] | None,
    *,
    generation: int,
    convergence: Mapping,
    explored: Mapping[str, Mapping],
    new_labels: Sequence[Mapping] = (),
    diffusion: Mapping | None = None,
    forgetting: Mapping | None = None,
    zero_shot: Mapping | None = None,
    structure: Mapping | None = None,
) -> dict:
    """The assessment of one generation on all held-out frames.

    Args:
        predictions: of the committee of this generation.
        previous: of the generation before, on the same frames; None for the first.
        generation: its number.
        convergence: the section `learning.convergence`.
        explored: counts of explored frames, of `stability.with_stability`; empty without an exploration.
        new_labels: predictions of the generation before on the frames that this generation labelled.
        diffusion: of `diffusion_agreement.compare_diffusion`; None without that criterion.
        forgetting: of `forgetting_check.compare_crystals`; None without that check.
        zero_shot: of `zero_shot.errors_zero_shot`; None without new compositions.
        structure: of `reference_md.compare_structure`; None without molecular dynamics by the reference.

    Returns:
        JSON-able: generation; converged and its criteria; explored; stability of this exploration, driven by the
        committee of the generation before (None where it is unknown); heldout, heldout_by_element and
        heldout_by_temperature of all held-out frames; heldout_by_composition, each with by_element and by_temperature;
        previous_generation_on_same_frames; calibration; new_labels_by_previous_generation; and, where they are
        requested, forgetting_check, zero_shot and rdf_against_reference_md.

    Raises:
        SaltflowError: no held-out frame has a label.
    """
    if not predictions:
        raise SaltflowError(
            "No held-out frame has a label; see the ledger of labels for why they failed, "
            "or raise learning.initial_structures.heldout_cells."
        )
    heldout = errors(predictions)
    criteria = check_criteria(
        force_rmse_meV_A=heldout["force_rmse_meV_A"], explored=explored, convergence=convergence, diffusion=diffusion
    )
    return {
        "generation": generation,
        "converged": all(each["holds"] for each in criteria.values()),
        "criteria": criteria,
        "explored": {name: _counts(each) for name, each in explored.items()},
        "stability": _stability(explored, generation=generation),
        "heldout": heldout,
        "heldout_by_element": errors_by_element(predictions),
        "heldout_by_temperature": errors_by_temperature(predictions),
        "heldout_by_composition": _by_composition(predictions),
        "previous_generation_on_same_frames": errors(previous) if previous else None,
        "calibration": calibrate(predictions),
        "new_labels_by_previous_generation": errors_by_selection(new_labels),
        **({"forgetting_check": dict(forgetting)} if forgetting is not None else {}),
        **({"zero_shot": dict(zero_shot)} if zero_shot is not None else {}),
        **({REFERENCE_MD: dict(structure)} if structure is not None else {}),
    }


def _by_composition(predictions: Sequence[Mapping]) -> dict[str, dict]:
    found = {}
    for name in sorted({each["composition"] for each in predictions}):
        own = [each for each in predictions if each["composition"] == name]
        parts = {"by_element": errors_by_element(own), "by_temperature": errors_by_temperature(own)}
        found[name] = errors(own) | parts
    return found


def _counts(explored: Mapping) -> dict:
    return {name: value for name, value in explored.items() if name != STABILITY}


def _stability(explored: Mapping[str, Mapping], *, generation: int) -> dict | None:
    """The driving generation, and composition → temperature → stability of `measure_stability`."""
    found = {name: each[STABILITY] for name, each in explored.items() if STABILITY in each}
    return {"driven_by_generation": generation - 1, "compositions": found} if found else None


def passed_on(assessment: Mapping, previous: str | os.PathLike | None) -> dict:
    """The assessment of a generation; after a converged one it keeps that one's decision and exploration.

    Args:
        assessment: of this generation.
        previous: assessment.json of the generation before, if there is one.
    """
    if not has_converged(previous):
        return dict(assessment)
    earlier = read_json(previous)
    decided = ("generation", "converged", "criteria", "explored", STABILITY, REFERENCE_MD)
    return {**assessment, **{name: earlier[name] for name in decided if name in earlier}}
