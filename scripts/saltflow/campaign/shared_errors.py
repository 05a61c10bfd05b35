"""How the temperatures of a composition share its errors, so that σ at a target temperature is known for least MD.

Of the Arrhenius line ln σT = a − b/T, fitted with relative errors s_i at T_i, the value at the target has the variance
aᵀ(XᵀWX)⁻¹a with W = diag(1/s_i²). A run costs exp(Ea/kT_i)/s_i². The cheapest of these designs, no worse than equal
errors, is c-optimal on a grid (Elfving, Ann. Math. Stat. 23, 255 (1952), without its bounds). Few points carry the
line: the two coldest, the hottest, and those between, which share one error.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import product

import numpy as np
from ase import units

FACTORS = (0.5, 0.5**0.5, 1.0, 2**0.5, 2.0)  # of the wanted errors
TYPICAL_EA_EV = 0.35
FEWEST = 3  # temperatures; of two each carries half of the line


@lru_cache
def error_factors(temperatures_K: Sequence[float], target_K: float) -> tuple[float, ...]:
    """Factor on the wanted relative errors at each temperature; 1 for all where nothing is gained.

    Args:
        temperatures_K: (n,), different, ascending.
        target_K: where ln σ is wanted.
    """
    inverse_K = 1 / np.array(temperatures_K, dtype=float)
    equal = (1.0,) * len(temperatures_K)
    if len(equal) < FEWEST:
        return equal
    between = len(equal) - FEWEST
    designs = np.array(
        [
            [coldest, second, *([others] * between), hottest]
            for coldest, second, hottest, others in product(FACTORS, FACTORS, FACTORS, FACTORS if between else (1.0,))
        ]
    )
    lengths = np.exp(TYPICAL_EA_EV / units.kB * (inverse_K - inverse_K.min()))
    variances, costs = _variances(designs, inverse_K, 1 / target_K), (designs**-2.0) @ lengths
    is_no_worse = variances <= _variances(np.array([equal]), inverse_K, 1 / target_K) * (1 + 1e-9)
    return tuple(float(each) for each in designs[is_no_worse][np.argmin(costs[is_no_worse])])


def _variances(designs: np.ndarray, inverse_K: np.ndarray, target: float) -> np.ndarray:
    """(designs,) of the line's value at the inverse temperature `target`, for relative errors of (designs, n)."""
    weights, from_target = designs**-2.0, inverse_K - target
    zeroth, first, second = (weights @ from_target**power for power in range(3))
    return second / (zeroth * second - first**2)
