"""Which alloys are predicted by models that were trained on which others."""

from collections.abc import Sequence

import numpy as np
from sklearn.model_selection import GroupKFold

from saltflow.base.errors import SaltflowError

BY_SYSTEM, AT_RANDOM, BY_TIME = "system", "random", "time"
FOLDS = 5

Fold = tuple[np.ndarray, np.ndarray]


def folds_of(how: str, *, systems: np.ndarray, dates: np.ndarray, seed: int) -> list[Fold]:
    """(rows for training, rows for testing) of each fold.

    Args:
        how: `BY_SYSTEM` holds out whole alloy systems. `AT_RANDOM` leaves neighbours of a held-out alloy in training,
            and so says how well known systems are filled in. `BY_TIME` predicts each of four later fifths from what was
            published before it; the first fifth is never tested.
        systems: (alloys,).
        dates: (alloys,), '' where unknown: such alloys are neither trained on nor tested by time.
        seed: of the division.

    Raises:
        SaltflowError: there are too few systems, alloys or dates.
    """
    if how == BY_TIME:
        return _folds_by_time(dates)
    groups = systems if how == BY_SYSTEM else np.arange(len(systems))
    if (number := len(set(groups.tolist()))) < FOLDS:
        what = "alloy systems" if how == BY_SYSTEM else "alloys"
        raise SaltflowError(f"{number} {what} cannot be divided into {FOLDS} folds; give a larger table.")
    return list(GroupKFold(FOLDS, shuffle=True, random_state=seed).split(systems, groups=groups))


def _folds_by_time(dates: np.ndarray) -> list[Fold]:
    dated = np.flatnonzero(dates != "")
    known = np.sort(dates[dated])
    starts = sorted({str(known[len(known) * part // FOLDS]) for part in range(1, FOLDS)}) if len(known) else []
    folds = [
        (dated[dates[dated] < start], dated[(dates[dated] >= start) & (dates[dated] < end)])
        for start, end in zip(starts, [*starts[1:], "9999"], strict=True)
    ]
    folds = [fold for fold in folds if min(map(len, fold))]
    if not folds:
        raise SaltflowError("There are fewer than two different dates; add them, or leave the column out.")
    return folds


def tested_rows(folds: Sequence[Fold]) -> np.ndarray:
    """Rows that some fold tests, in their order."""
    return np.sort(np.concatenate([test for _, test in folds]))
