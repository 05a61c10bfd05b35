"""How good a committee is on frames it never saw, beside the committee of the generation before."""

import os
from collections.abc import Mapping, Sequence

from ase import Atoms

from saltflow.base.assessment_state import has_converged
from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import read_json
from saltflow.labels.frames import read_frames
from saltflow.learning.convergence import criteria
from saltflow.learning.prediction_errors import (
    errors,
    errors_by_arm,
    errors_by_element,
    errors_by_temperature,
    state_of,
)
from saltflow.learning.stability import STABILITY
from saltflow.learning.uncertainty import calibrate
from saltflow.materials.frame_info import FrameInfo
from saltflow.potentials.mace import Committee, load_checked_committee

REFERENCE_MD = "rdf_against_reference_md"


def predict(frames: Sequence[Atoms], committee: Committee) -> list[dict]:
    """Energy per atom, forces, stress and force spread of each frame beside the reference's.

    Args:
        frames: labelled frames.
        committee: every model is evaluated; the first one, which drives the dynamics, is judged.

    Returns:
        one dict per frame: composition, lineage, arm (of the selection, or None), state (of `state_of`) and symbols of
        the atoms; energy_eV_atom and reference_energy_eV_atom (floats); forces_eV_A, reference_forces_eV_A (atoms, 3);
        force_std_eV_A (atoms,); stress_eV_A3, reference_stress_eV_A3 (3, 3), the latter None where there is none.
    """
    predictions = []
    for frame in frames:
        info = FrameInfo.of(frame)
        potential, *where = committee.on_frame(frame)
        driven = potential.evaluate(*where)
        spread = potential.evaluate(*where, all_models=True).force_std
        predictions.append(
            {
                "composition": info.composition,
                "lineage": info.lineage,
                "arm": info.selected_by,
                "state": state_of(frame),
                "symbols": list(frame.symbols),
                "energy_eV_atom": float(driven.energies[0]) / len(frame),
                "reference_energy_eV_atom": info.reference_energy_eV / len(frame),
                "forces_eV_A": driven.forces.cpu().numpy(),
                "reference_forces_eV_A": info.reference_forces_eV_A,
                "force_std_eV_A": spread.cpu().numpy(),
                "stress_eV_A3": driven.stresses[0].cpu().numpy(),
                "reference_stress_eV_A3": FrameInfo.partial(frame).reference_stress_eV_A3,
            }
        )
    return predictions


def predict_before(frames: Sequence[Atoms], files: Mapping) -> tuple[list[dict] | None, list[dict]]:
    """What the committee of the generation before says: of the same frames, and of all that this generation labelled.

    Args:
        frames: held out, labelled.
        files: names → paths: previous_models and previous_checks (empty in the first generation), labels.

    Returns:
        predictions of either; None and none in the first generation.
    """
    if not files.get("previous_models"):
        return None, []
    committee = load_checked_committee(
        files["previous_models"], files["previous_checks"], device="cpu", dtype="float64"
    )
    new = [frame for path in files["labels"] for frame in read_frames(path)]
    return predict(frames, committee), predict(new, committee)


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
    """The assessment of one generation on the held-out frames known so far.

    Args:
        predictions: of this generation's committee.
        previous: of the generation before, on the same frames; None for the first.
        generation: its number.
        convergence: the section `learning.convergence`.
        explored: what became of the frames that this generation explored, of `stability.with_stability`; empty where
            nothing was.
        new_labels: predictions of the generation before on all frames that the selection had labelled.
        diffusion: of `agreement.compare_diffusion`; None where `learning.convergence.diffusion` does not ask.
        forgetting: of `forgetting_check.compare_crystals`; None where `learning.forgetting_check` does not ask.
        unseen: of `unseen.zero_shot_errors`.
        structure: of `reference_md.compare_structure`; None where there is no dynamics by the reference.

    Returns:
        JSON-able: generation; converged and its criteria; explored; stability, how long the cells of this exploration
        stayed sound under the committee of the generation before, which drove it, None where that is not known;
        heldout, heldout_by_element and heldout_by_temperature of all held-out frames; heldout_by_composition, each with
        by_element and by_temperature; previous_generation_on_same_frames; calibration;
        new_labels_by_previous_generation; forgetting_check, zero_shot and rdf_against_reference_md (of
        the same exploration as the stability) where they are asked for.

    Raises:
        SaltflowError: there is no held-out frame to judge by.
    """
    if not predictions:
        raise SaltflowError(
            "No held-out frame has a label, so nothing can be assessed; see the ledger of labels for why they failed, "
            "or raise learning.initial_structures.heldout_cells."
        )
    heldout = errors(predictions)
    judged = criteria(
        force_rmse_meV_A=heldout["force_rmse_meV_A"], explored=explored, convergence=convergence, diffusion=diffusion
    )
    return {
        "generation": generation,
        "converged": all(each["holds"] for each in judged.values()),
        "criteria": judged,
        "explored": {name: _counts(each) for name, each in explored.items()},
        "stability": _stability(explored, generation=generation),
        "heldout": heldout,
        "heldout_by_element": errors_by_element(predictions),
        "heldout_by_temperature": errors_by_temperature(predictions),
        "heldout_by_composition": _by_composition(predictions),
        "previous_generation_on_same_frames": errors(previous) if previous else None,
        "calibration": calibrate(predictions),
        "new_labels_by_previous_generation": errors_by_arm(new_labels),
        **({"forgetting_check": dict(forgetting)} if forgetting is not None else {}),
        **({"zero_shot": dict(zero_shot)} if zero_shot is not None else {}),
        **({REFERENCE_MD: dict(structure)} if structure is not None else {}),
    }


def _by_composition(predictions: Sequence[Mapping]) -> dict[str, dict]:
    found = {}
    for name in sorted({each["composition"] for each in predictions}):
        ours = [each for each in predictions if each["composition"] == name]
        parts = {"by_element": errors_by_element(ours), "by_temperature": errors_by_temperature(ours)}
        found[name] = errors(ours) | parts
    return found


def _counts(explored: Mapping) -> dict:
    return {name: value for name, value in explored.items() if name != STABILITY}


def _stability(explored: Mapping[str, Mapping], *, generation: int) -> dict | None:
    """Whose dynamics it was, and composition → temperature → as `stability.measure_stability` has it."""
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
