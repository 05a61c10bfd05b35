"""Errors of forces by element."""

from collections.abc import Iterable, Sequence

import numpy as np


def errors_by_element(frames: Iterable[tuple[Sequence[str], np.ndarray, np.ndarray]]) -> dict[str, dict]:
    """Element, and "all" → force errors over components.

    Args:
        frames: symbols, predicted and reference forces (atoms, 3) in eV/Å.

    Returns:
        MAE and RMSE in meV/Å, slope of predicted over reference forces, number of components.
    """
    pairs: dict[str, list] = {}
    for symbols, predicted, reference in frames:
        for symbol, own, wanted in zip(symbols, predicted, reference, strict=True):
            for name in (symbol, "all"):
                pairs.setdefault(name, []).append((own, wanted))
    errors = {}
    for symbol, both in sorted(pairs.items()):
        own, wanted = np.moveaxis(np.array(both), 1, 0).reshape(2, -1)
        errors[symbol] = {
            "MAE": float(1000 * np.abs(own - wanted).mean()),
            "RMSE": float(1000 * np.sqrt(np.square(own - wanted).mean())),
            "slope": float(own @ wanted / (wanted @ wanted)),
            "components": own.size,
        }
    return errors
