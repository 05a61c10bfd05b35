"""K-point grids from a spacing in reciprocal space, by one rule for all codes."""

import itertools
import math

import numpy as np

Grid = tuple[int, int, int]
GAMMA: Grid = (1, 1, 1)


def kpoint_grid(cell_A: np.ndarray, *, spacing_per_A: float) -> Grid:
    """The smallest Γ-centred grid with at most this spacing.

    n_i = max(1, ⌈|b_i| / spacing⌉) with b_i · a_j = 2π δ_ij. A cell with all edges beyond 2π/spacing is sampled at Γ.

    Args:
        cell_A: (3, 3), rows are the cell vectors.
        spacing_per_A: largest distance of neighbouring points along a reciprocal vector, with the factor 2π.
    """
    lengths_per_A = np.linalg.norm(2 * np.pi * np.linalg.inv(cell_A).T, axis=1)
    first, second, third = (max(1, math.ceil(length / spacing_per_A - 1e-9)) for length in lengths_per_A)
    return first, second, third


def half_grid(grid: Grid) -> list[tuple[tuple[float, float, float], float]]:
    """The points of a Γ-centred grid reduced by time reversal: (fractional coordinates, weight), weights sum to 1."""
    kept: dict[tuple[int, int, int], int] = {}
    for point in itertools.product(*map(range, grid)):
        opposite = tuple(-index % size for index, size in zip(point, grid, strict=True))
        name = min(point, opposite)
        kept[name] = kept.get(name, 0) + 1
    total = math.prod(grid)
    return [(_centred(point, grid), count / total) for point, count in kept.items()]


def _centred(point: tuple[int, int, int], grid: Grid) -> tuple[float, float, float]:
    """Fractional coordinates in (−1/2, 1/2]."""
    first, second, third = (
        (index - size if 2 * index > size else index) / size for index, size in zip(point, grid, strict=True)
    )
    return first, second, third
