"""Which compositions to try next: promising ones, uncertain ones, and no two alike."""

import numpy as np

from saltflow.studies.composition_space import exchanged

EXPLORATION = 1.0  # standard deviations over members that are added to the mean
DIVERSE_BY = 0.04  # least atomic fraction in which two proposals differ
ROUNDING = 1e-9


def upper_bound(predictions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean and standard deviation over members, and the score: their sum, the deviation times `EXPLORATION`.

    Args:
        predictions: of each member of an ensemble, (members, compositions).
    """
    mean, deviation = predictions.mean(axis=0), predictions.std(axis=0, ddof=1)
    return mean, deviation, mean + EXPLORATION * deviation


def diverse_batch(scores: np.ndarray, fractions: np.ndarray, *, size: int) -> list[int]:
    """Rows of the best candidates that differ by `DIVERSE_BY` from one another.

    Where too few do, the best of the others follow.

    Args:
        scores: (candidates,), higher is better.
        fractions: atomic, (candidates, elements).
        size: of the batch.
    """
    order = np.argsort(-scores, kind="stable").tolist()
    chosen: list[int] = []
    for row in order:
        if len(chosen) < size and exchanged(fractions[chosen], fractions[row]).min(initial=1) > DIVERSE_BY - ROUNDING:
            chosen.append(row)
    return (chosen + [row for row in order if row not in chosen])[:size]
