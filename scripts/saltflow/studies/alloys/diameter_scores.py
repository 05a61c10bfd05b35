"""How well diameters are told: errors with intervals, by range and by element."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from saltflow.studies.alloys.class_scores import FEWEST_ALLOYS
from saltflow.studies.alloys.forests import RANGES_mm, range_of
from saltflow.studies.alloys.resampled_systems import interval


def score_diameters(
    diameters_mm: np.ndarray,
    predicted_mm: np.ndarray,
    *,
    systems: np.ndarray,
    fractions: np.ndarray,
    elements: Sequence[str],
    seed: int,
) -> dict:
    """Scores of held-out diameters.

    Args:
        diameters_mm, predicted_mm: (alloys,).
        systems, fractions, elements, seed: as of `class_scores.score_classes`.

    Returns:
        JSON-able: alloys, systems, spread_mm (standard deviation of the diameters), rmse_mm and r2 with intervals,
        mae_mm; ranges → alloys, rmse_mm and bias_mm; elements → alloys and rmse_mm.
    """
    errors = predicted_mm - diameters_mm
    held = fractions > 0
    edges = [f"{limit:g}" for limit in RANGES_mm]
    names = [f"below {edges[0]} mm", *(f"{low}-{high} mm" for low, high in pairwise(edges)), f"from {edges[-1]} mm"]
    inside = range_of(diameters_mm)
    return {
        "alloys": len(errors),
        "systems": len(set(systems.tolist())),
        "spread_mm": float(diameters_mm.std()),
        "rmse_mm": interval(lambda rows: _rms(errors[rows]), systems, seed=seed),
        "mae_mm": float(np.abs(errors).mean()),
        "r2": interval(lambda rows: _r2(errors[rows], diameters_mm[rows]), systems, seed=seed),
        "ranges": {
            name: {
                "alloys": int(np.sum(inside == number)),
                "rmse_mm": _rms(errors[inside == number]),
                "bias_mm": float(errors[inside == number].mean()),
            }
            for number, name in enumerate(names)
            if np.any(inside == number)
        },
        "elements": {
            symbol: {"alloys": int(held[:, column].sum()), "rmse_mm": _rms(errors[held[:, column]])}
            for column, symbol in enumerate(elements)
            if held[:, column].sum() >= FEWEST_ALLOYS
        },
    }


def rmse_change(
    diameters_mm: np.ndarray, predicted_mm: np.ndarray, reference_mm: np.ndarray, *, systems: np.ndarray, seed: int
) -> dict[str, float]:
    """RMSE less that of other predictions of the same alloys, in mm: value, low, high."""
    first, second = predicted_mm - diameters_mm, reference_mm - diameters_mm
    return interval(lambda rows: _rms(first[rows]) - _rms(second[rows]), systems, seed=seed)


def _rms(errors: np.ndarray) -> float:
    return float(np.sqrt(np.mean(errors**2)))


def _r2(errors: np.ndarray, diameters_mm: np.ndarray) -> float:
    return float(1 - np.mean(errors**2) / diameters_mm.var())
