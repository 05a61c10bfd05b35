"""The interval of a rank correlation."""

import numpy as np
from scipy import special

NORMAL_95 = special.ndtri(0.975)


def spearman_interval(rho: float, number: int) -> tuple[float, float]:
    """95 % interval of Spearman's ρ over `number` independent pairs, four or more.

    The standard error of Fisher's z is √((1 + ρ²/2)/(n − 3)): Bonett & Wright, Psychometrika 65, 23 (2000).
    """
    centre = np.arctanh(np.clip(rho, -1 + 1e-9, 1 - 1e-9))
    half_width = NORMAL_95 * np.sqrt((1 + rho**2 / 2) / (number - 3))
    return float(np.tanh(centre - half_width)), float(np.tanh(centre + half_width))
