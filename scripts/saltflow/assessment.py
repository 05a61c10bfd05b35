"""How good a committee is on frames it never saw, beside the committee of the generation before."""

from collections.abc import Mapping, Sequence

import numpy as np
from ase import Atoms

from saltflow.convergence import criteria
from saltflow.errors import SaltflowError
from saltflow.potentials import Committee
from saltflow.selection import CONTROL, SELECTED
from saltflow.uncertainty import calibrate


def predict(frames: Sequence[Atoms], committee: Committee) -> list[dict]:
    """Energy per atom, forces and force spread of each frame beside the reference's.

    Args:
        frames: labelled frames.
        committee: every model is evaluated; the first one, which drives the dynamics, is judged.

    Returns:
        one dict per frame: composition, lineage and arm (of the selection, or None); energy_eV_atom and
        reference_energy_eV_atom (floats); forces_eV_A, reference_forces_eV_A (atoms, 3); force_spread_eV_A (atoms,).
    """
    predictions = []
    for frame in frames:
        potential, *where = committee.on_frame(frame)
        driven = potential.evaluate(*where)
        spread = potential.evaluate(*where, spread=True).force_spread
        predictions.append(
            {
                "composition": frame.info["composition"],
                "lineage": frame.info["lineage"],
                "arm": frame.info.get("selected"),
                "energy_eV_atom": float(driven.energies[0]) / len(frame),
                "reference_energy_eV_atom": frame.info["REF_energy"] / len(frame),
                "forces_eV_A": driven.forces.cpu().numpy(),
                "reference_forces_eV_A": frame.arrays["REF_forces"],
                "force_spread_eV_A": spread.cpu().numpy(),
            }
        )
    return predictions


def errors(predictions: Sequence[Mapping]) -> dict:
    """Force and energy errors over a set of predictions.

    Returns:
        frames; force_rmse_meV_A and force_mae_meV_A over components; energy_rmse_meV_atom after the mean offset
        is removed, and that offset; force_slope, the slope of predicted over reference forces (below 1: softened).
    """
    predicted = np.concatenate([prediction["forces_eV_A"].ravel() for prediction in predictions])
    reference = np.concatenate([prediction["reference_forces_eV_A"].ravel() for prediction in predictions])
    deviation = predicted - reference
    energy = np.array(
        [prediction["energy_eV_atom"] - prediction["reference_energy_eV_atom"] for prediction in predictions]
    )
    return {
        "frames": len(predictions),
        "force_rmse_meV_A": float(1000 * np.sqrt(np.mean(deviation**2))),
        "force_mae_meV_A": float(1000 * np.mean(np.abs(deviation))),
        "force_slope": float(predicted @ reference / (reference @ reference)),
        "energy_rmse_meV_atom": float(1000 * np.std(energy)),
        "energy_offset_meV_atom": float(1000 * np.mean(energy)),
    }


def errors_by_arm(predictions: Sequence[Mapping]) -> dict:
    """What a committee that has not seen them errs by on new labels, apart for each arm of the selection.

    Args:
        predictions: of the generation before, on frames that this generation labelled.

    Returns:
        arms: arm → as in `errors`; selected_over_control: the ratio of the force errors of the frames that were
        selected and of the random control arm, with its relative_error (from the scatter between frames), None where
        an arm has fewer than two frames. Above 1, the selection found what the committee did not know.
    """
    arms = {
        arm: [each for each in predictions if each["arm"] == arm]
        for arm in sorted({each["arm"] for each in predictions})
    }
    selected, control = arms.get(SELECTED, []), arms.get(CONTROL, [])
    return {
        "arms": {arm: errors(members) for arm, members in arms.items()},
        "selected_over_control": _ratio(selected, control) if min(len(selected), len(control)) > 1 else None,
    }


def _ratio(ours: Sequence[Mapping], others: Sequence[Mapping]) -> dict[str, float]:
    """Ratio of the force RMSE of two sets; its relative error, to first order, from the frames' mean squares."""
    squares = [
        np.array([np.mean((each["forces_eV_A"] - each["reference_forces_eV_A"]) ** 2) for each in frames])
        for frames in (ours, others)
    ]
    relative = [each.std(ddof=1) / np.sqrt(len(each)) / each.mean() / 2 for each in squares]
    ratio = errors(ours)["force_rmse_meV_A"] / errors(others)["force_rmse_meV_A"]
    return {"ratio": ratio, "relative_error": float(np.hypot(*relative))}


def assess(
    predictions: Sequence[Mapping],
    previous: Sequence[Mapping] | None,
    *,
    generation: int,
    convergence: Mapping,
    explored: Mapping[str, Mapping],
    new_labels: Sequence[Mapping] = (),
    diffusion: Mapping | None = None,
    remembered: Mapping | None = None,
    unseen: Mapping | None = None,
) -> dict:
    """The assessment of one generation on the held-out frames known so far.

    Args:
        predictions: of this generation's committee.
        previous: of the generation before, on the same frames; None for the first.
        generation: its number.
        convergence: the section `learning.convergence`.
        explored: what became of the frames that this generation explored, of `selection.count_explored`; empty where
            nothing was.
        new_labels: predictions of the generation before on all frames that the selection had labelled.
        diffusion: of `agreement.compare_diffusion`; None where `learning.convergence.diffusion` does not ask.
        remembered: of `remembered_crystals.compare_crystals`; None where `learning.forgetting` does not ask.
        unseen: of `unseen.judge_unseen`.

    Raises:
        SaltflowError: there is no held-out frame to judge by.
    """
    if not predictions:
        raise SaltflowError(
            "No held-out frame has a label, so nothing can be assessed; see the ledger of labels for why they failed, "
            "or raise learning.seeds.heldout_cells."
        )
    compositions = sorted({prediction["composition"] for prediction in predictions})
    heldout = errors(predictions)
    judged = criteria(
        force_rmse_meV_A=heldout["force_rmse_meV_A"], explored=explored, convergence=convergence, diffusion=diffusion
    )
    return {
        "generation": generation,
        "converged": all(each["holds"] for each in judged.values()),
        "criteria": judged,
        "explored": dict(explored),
        "heldout": heldout,
        "heldout_by_composition": {
            composition: errors([each for each in predictions if each["composition"] == composition])
            for composition in compositions
        },
        "previous_generation_on_same_frames": errors(previous) if previous else None,
        "calibration": calibrate(predictions),
        "new_labels_by_previous_generation": errors_by_arm(new_labels),
        **({"remembered_crystals": dict(remembered)} if remembered is not None else {}),
        **({"unseen_by_foundation": dict(unseen)} if unseen is not None else {}),
    }


def passed_on(assessment: Mapping, previous: Mapping) -> dict:
    """The assessment of a generation that only passes on what an earlier one has reached: it decides nothing anew.

    Args:
        assessment: of this generation.
        previous: of the generation before.
    """
    if not previous["converged"]:
        return dict(assessment)
    return {**assessment, **{name: previous[name] for name in ("generation", "converged", "criteria", "explored")}}
