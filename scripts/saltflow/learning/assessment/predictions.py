"""Predictions of a committee on labelled frames."""

from collections.abc import Mapping, Sequence

from ase import Atoms

from saltflow.labels.frames import read_frames
from saltflow.learning.prediction_errors import state_of
from saltflow.materials.frame_info import FrameInfo
from saltflow.potentials.mace import Committee, load_checked_committee


def predict(frames: Sequence[Atoms], committee: Committee) -> list[dict]:
    """Predicted energy, forces and stress of labelled frames beside their labels, and the committee disagreement.

    Args:
        frames: labelled frames.
        committee: its first model, which drives the dynamics, predicts; all models give the disagreement.

    Returns:
        one dict per frame: composition, reference (its name, None where unknown), lineage, selected_by (None where it
        was not selected), state (of `state_of`), symbols; energy_eV_atom, reference_energy_eV_atom (floats);
        forces_eV_A, reference_forces_eV_A (atoms, 3); force_std_eV_A (atoms,); stress_eV_A3, reference_stress_eV_A3
        (3, 3), the latter None where it is unknown.
    """
    predictions = []
    for frame in frames:
        info = FrameInfo.of(frame)
        potential, *where = committee.on_frame(frame)
        driven = potential.evaluate(*where)
        force_std = potential.evaluate(*where, all_models=True).force_std
        predictions.append(
            {
                "composition": info.composition,
                "reference": FrameInfo.partial(frame).reference,
                "lineage": info.lineage,
                "selected_by": info.selected_by,
                "state": state_of(frame),
                "symbols": list(frame.symbols),
                "energy_eV_atom": float(driven.energies[0]) / len(frame),
                "reference_energy_eV_atom": info.reference_energy_eV / len(frame),
                "forces_eV_A": driven.forces.cpu().numpy(),
                "reference_forces_eV_A": info.reference_forces_eV_A,
                "force_std_eV_A": force_std.cpu().numpy(),
                "stress_eV_A3": driven.stresses[0].cpu().numpy(),
                "reference_stress_eV_A3": FrameInfo.partial(frame).reference_stress_eV_A3,
            }
        )
    return predictions


def predict_before(frames: Sequence[Atoms], files: Mapping) -> tuple[list[dict] | None, list[dict]]:
    """Predictions of the committee of the generation before: of the same frames, and of the frames labelled now.

    Args:
        frames: held out, labelled.
        files: names → paths: previous_models and previous_checks (empty in the first generation), labels.

    Returns:
        both predictions; None and an empty list in the first generation.
    """
    if not files.get("previous_models"):
        return None, []
    committee = load_checked_committee(
        files["previous_models"], files["previous_checks"], device="cpu", dtype="float64"
    )
    new = [frame for path in files["labels"] for frame in read_frames(path)]
    return predict(frames, committee), predict(new, committee)
