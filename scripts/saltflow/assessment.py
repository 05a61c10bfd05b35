"""How good a committee is on frames it never saw, beside the committee of the generation before."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from ase import Atoms

from saltflow.errors import SaltflowError
from saltflow.potentials import Committee, stack


def predict(frames: Sequence[Atoms], committee: Committee) -> list[dict]:
    """Energy per atom, forces and force spread of each frame beside the reference's.

    Args:
        frames: labelled frames.
        committee: every model is evaluated; the first one, which drives the dynamics, is judged.

    Returns:
        one dict per frame: composition; energy_eV_atom and reference_energy_eV_atom (floats); forces_eV_A,
        reference_forces_eV_A (atoms, 3); force_spread_eV_A (atoms,).
    """
    predictions = []
    for frame in frames:
        numbers, system, positions, boxes = stack([frame])
        potential = committee.on(numbers, system)
        where = (torch.as_tensor(positions, device=committee.device), torch.as_tensor(boxes, device=committee.device))
        driven = potential.evaluate(*where)
        spread = potential.evaluate(*where, spread=True).force_spread
        predictions.append(
            {
                "composition": frame.info["composition"],
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


def assess(
    predictions: Sequence[Mapping], previous: Sequence[Mapping] | None, *, generation: int, convergence: Mapping
) -> dict:
    """The assessment of one generation on the held-out frames known so far.

    Args:
        predictions: of this generation's committee.
        previous: of the generation before, on the same frames; None for the first.
        generation: its number.
        convergence: the section `learning.convergence`.

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
    return {
        "generation": generation,
        "converged": heldout["force_rmse_meV_A"] <= convergence["force_rmse_meV_A"],
        "criterion": dict(convergence),
        "heldout": heldout,
        "heldout_by_composition": {
            composition: errors([each for each in predictions if each["composition"] == composition])
            for composition in compositions
        },
        "previous_generation_on_same_frames": errors(previous) if previous else None,
    }
