"""Predictions of frames as `assessment.predict` gives them, with numbers that a test chooses."""

import numpy as np


def prediction(
    composition: str,
    *,
    forces,
    reference,
    energy=0.0,
    reference_energy=0.0,
    symbols=None,
    state="600 K",
    lineage="cell",
    stress=0.0,
    reference_stress=0.0,
) -> dict:
    """Of one frame: all its atoms are of the last element of the composition unless `symbols` says otherwise."""
    tensors = [None if value is None else np.broadcast_to(value, (3, 3)) for value in (stress, reference_stress)]
    return {
        "composition": composition,
        "lineage": f"{composition}/{lineage}",
        "selected_by": None,
        "state": state,
        "symbols": [composition.removeprefix("Li")] * len(forces) if symbols is None else list(symbols),
        "energy_eV_atom": energy,
        "reference_energy_eV_atom": reference_energy,
        "forces_eV_A": np.array(forces),
        "reference_forces_eV_A": np.array(reference),
        "force_std_eV_A": np.zeros(len(forces)),
        "stress_eV_A3": tensors[0],
        "reference_stress_eV_A3": tensors[1],
    }
