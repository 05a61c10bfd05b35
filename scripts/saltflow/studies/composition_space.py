"""Mixtures of chosen elements, and how far alloys are from one another."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np


def grid_of(elements: int, step: float) -> np.ndarray:
    """All mixtures of elements in steps of an atomic fraction, each of them in it, (alloys, elements).

    Args:
        elements: how many, two or more.
        step: such as 0.02; 1/step is rounded to a whole number.
    """
    parts = round(1 / step)
    cuts = np.array(list(combinations(range(1, parts), elements - 1)), dtype=float)
    ends = np.column_stack([np.zeros(len(cuts)), cuts, np.full(len(cuts), parts)])
    return np.diff(ends, axis=1) / parts


def exchanged(others: np.ndarray, fractions: np.ndarray) -> np.ndarray:
    """Atomic fraction in which other alloys differ from one, (alloys,)."""
    return np.abs(others - fractions).sum(axis=1) / 2


def within(elements: Sequence[str], chosen: Sequence[str], fractions: np.ndarray) -> np.ndarray:
    """Which alloys hold none but the chosen elements, (alloys,).

    Args:
        elements: symbols of the columns.
        chosen: symbols.
        fractions: atomic, (alloys, elements).
    """
    others = [column for column, symbol in enumerate(elements) if symbol not in chosen]
    return ~np.any(fractions[:, others] > 0, axis=1)
