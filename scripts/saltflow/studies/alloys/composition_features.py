"""Features of alloys from their compositions alone.

Of each property p of the elements, with atomic fractions c: mean Σ c p, deviation √(Σ c (p − mean)²), smallest and
largest. Beside them the size mismatch δ = √(Σ c (1 − r/r̄)²), the ideal entropy of mixing −Σ c ln c in units of R, the
number of elements, the largest fraction, and the fractions themselves. The enthalpy of mixing is absent: no library of
the environment holds Miedema's table.
"""

from collections.abc import Sequence

import numpy as np

from saltflow.studies.alloys.element_properties import PROPERTIES, property_table

STATISTICS = ("mean", "deviation", "smallest", "largest")
OWN_FEATURES = ("size_mismatch", "mixing_entropy_R", "elements", "largest_fraction")
FEATURES = tuple(f"{statistic}_{name}" for statistic in STATISTICS for name in PROPERTIES) + OWN_FEATURES


def features_of(fractions: np.ndarray, elements: Sequence[str]) -> np.ndarray:
    """Features of alloys.

    Args:
        fractions: atomic, (alloys, elements); rows add to 1.
        elements: symbols of the columns.

    Returns:
        (alloys, features + elements), columns as `FEATURES`, then the fractions.

    Raises:
        InputError: a property of an element is unknown.
    """
    table = property_table(elements)
    mean = fractions @ table
    deviation = np.sqrt(np.maximum(fractions @ table**2 - mean**2, 0.0))
    held = fractions[:, :, None] > 0
    smallest = np.where(held, table, np.inf).min(axis=1)
    largest = np.where(held, table, -np.inf).max(axis=1)
    mismatch = np.sqrt(np.sum(fractions * (1 - table[:, 0] / mean[:, :1]) ** 2, axis=1))
    entropy = -np.sum(fractions * np.log(np.where(fractions > 0, fractions, 1.0)), axis=1)
    own = [mismatch, entropy, (fractions > 0).sum(axis=1), fractions.max(axis=1)]
    return np.column_stack([mean, deviation, smallest, largest, *own, fractions])
