"""How wide a periodic cell is: how far apart the unique nearest image of a pair is found."""

import numpy as np


def half_width_A(cells_A: np.ndarray) -> float:
    """Half the smallest distance between opposite faces, of one cell (3, 3) or over all frames (frames, 3, 3).

    Within it the nearest image of a pair is unique and found by rounding fractional coordinates, whatever the shape of
    the cell: a vector shorter than half the width has every fractional coordinate below one half.
    """
    return float(0.5 / np.linalg.norm(np.linalg.inv(cells_A), axis=-2).max())
