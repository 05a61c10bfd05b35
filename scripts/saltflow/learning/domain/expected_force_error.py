"""The expected force error in frames without labels: calibrated committee disagreement."""

from collections.abc import Mapping, Sequence

import numpy as np
from ase import Atoms

from saltflow.learning.uncertainty import factor_for
from saltflow.potentials.mace import Committee


def expected_force_error(
    frames: Sequence[Atoms], committee: Committee, calibration: Mapping, *, composition: str
) -> dict | None:
    """Expected norm of the force error of the atoms of some frames.

    Args:
        frames: periodic cells.
        committee: all models are evaluated.
        calibration: of its disagreement; see `uncertainty.calibrate`.
        composition: of the frames, for the factor.

    Returns:
        in eV/Å: mean (root mean square over atoms), largest, largest_of (element of that atom), elements (symbol → root
        mean square); calibrated: whether the factor was measured. None for a committee of one model.
    """
    if len(committee.models) < 2:
        return None
    factor = factor_for(calibration, composition)
    force_stds = []
    for frame in frames:
        potential, *where = committee.on_frame(frame)
        force_stds.append(potential.evaluate(*where, all_models=True).force_std.cpu().numpy())
    uncertainty = factor * np.concatenate(force_stds)
    symbols = np.concatenate([np.array(frame.get_chemical_symbols()) for frame in frames])
    worst = int(np.argmax(uncertainty))
    return {
        "mean": _root_mean_square(uncertainty),
        "largest": float(uncertainty[worst]),
        "largest_of": str(symbols[worst]),
        "elements": {str(symbol): _root_mean_square(uncertainty[symbols == symbol]) for symbol in np.unique(symbols)},
        "calibrated": calibration["pooled"]["factor"] is not None,
    }


def _root_mean_square(values: np.ndarray) -> float:
    return float(np.sqrt(np.square(values).mean()))
