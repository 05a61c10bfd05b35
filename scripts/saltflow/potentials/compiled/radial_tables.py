"""Functions of a distance as tables: what a radial network costs per edge is paid once per model.

Between knots stand the polynomials of degree five that have the values and the first two derivatives of an
interpolating spline at both ends. Forces use their exact derivatives, so that energy is conserved.
"""

from collections.abc import Callable

import numpy as np
from scipy.interpolate import make_interp_spline

SHORTEST_A = 0.01  # atoms closer than this are on top of each other
MEETING_A = 0.4  # atoms that are closer only have to be pushed apart; transformed distances are not smooth there
FEWEST_INTERVALS, MOST_INTERVALS = 128, 4096
# Largest error of a function, relative to its largest value; the slopes have two digits less.
TOLERANCE = {"float64": 1e-11, "float32": 1e-7}


def tabulated(function: Callable[[np.ndarray], np.ndarray], *, cutoff_A: float, dtype: str) -> np.ndarray:
    """A table of functions of the distance, from `SHORTEST_A` to the cutoff.

    Args:
        function: distances (n,) Å → values (n, functions).
        cutoff_A: end of the table.
        dtype: float32 or float64; it sets the number of knots.

    Returns:
        (knots, 3, functions): values, and the derivatives times interval and squared interval.
    """
    intervals = FEWEST_INTERVALS
    while True:
        knots_A, interval_A = np.linspace(SHORTEST_A, cutoff_A, intervals + 1, retstep=True)
        values = function(knots_A)
        spline = make_interp_spline(knots_A, values, k=5)
        between_A = knots_A[knots_A > MEETING_A][:-1] + interval_A / 2
        error = np.abs(spline(between_A) - function(between_A)).max(0)
        if (error <= TOLERANCE[dtype] * np.abs(values).max(0)).all() or intervals == MOST_INTERVALS:
            break
        intervals *= 2
    derivatives = [spline(knots_A, order) * interval_A**order for order in range(3)]
    return np.stack(derivatives, 1).astype(dtype)
