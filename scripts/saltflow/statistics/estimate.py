"""A value with its standard error, and numbers as JSON."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

BROWNIAN, BLOCKS, REPLICAS = "brownian", "blocks", "replicas"
COUNTING = "counting"  # name of a floor that is the counting error of independent events


@dataclass(frozen=True)
class Estimate:
    """Values with their standard errors; arrays of one shape.

    Args:
        value: the estimate from all data.
        error: half width of the 68 % interval: the standard error of the jackknife times the Student factor of its
            degrees of freedom, or the floor unless the jackknife is significantly larger; nan where the value, a
            replicate or, with one block, the floor is undefined.
        degrees_of_freedom: of the jackknife.
        basis: what was left out ("blocks" or "replicas"), or "brownian" where the floor holds.
    """

    value: np.ndarray
    error: np.ndarray
    degrees_of_freedom: np.ndarray
    basis: np.ndarray

    def row(self, index: tuple[int, ...] = (), *, unit: str, floor: str = BROWNIAN) -> dict:
        """One value as JSON: value, error, unit, degrees of freedom, basis.

        The value is None where a leave-one-out replicate is undefined.

        Args:
            index: of the value.
            unit: of the value.
            floor: name of the basis where the floor holds, such as COUNTING.
        """
        basis, freedom = str(self.basis[index]), int(self.degrees_of_freedom[index])
        value, error = finite(self.value[index]), finite(self.error[index])
        return {
            "value": None if freedom and error is None else value,
            "error": None if value is None else error,
            "unit": unit,
            "degrees_of_freedom": freedom,
            "basis": floor if basis == BROWNIAN else basis,
        }


def finite(value: float | None) -> float | None:
    """A number as JSON; None where undefined."""
    return float(value) if value is not None and np.isfinite(value) else None


def finite_list(values: Iterable[float]) -> list[float | None]:
    """Numbers as JSON; None where undefined."""
    return [finite(value) for value in values]
