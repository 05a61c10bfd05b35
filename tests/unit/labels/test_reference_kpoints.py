"""K-points: one rule for every code, checked against its definition and against a sum over the whole grid."""

import itertools

import numpy as np
import pytest

from saltflow.labels.reference.kpoints import GAMMA, half_grid, kpoint_grid

SKEWED_A = np.array([[4.4, 0.0, 0.0], [1.3, 5.9, 0.0], [0.4, -1.2, 12.1]])


@pytest.mark.parametrize("spacing_per_A", [0.1, 0.25, 0.3, 0.8, 2.0])
def test_neighbouring_points_are_within_the_spacing_and_no_grid_is_larger_than_needed(spacing_per_A):
    grid = kpoint_grid(SKEWED_A, spacing_per_A=spacing_per_A)
    for axis, size in enumerate(grid):
        first, second = np.delete(SKEWED_A, axis, axis=0)
        # The planes that two cell vectors span are volume/area apart; 2π over that is the reciprocal vector.
        length_per_A = 2 * np.pi * np.linalg.norm(np.cross(first, second)) / abs(np.linalg.det(SKEWED_A))
        assert length_per_A / size <= spacing_per_A * (1 + 1e-6)
        assert size == 1 or length_per_A / (size - 1) > spacing_per_A


def test_a_large_cell_is_sampled_at_gamma():
    assert kpoint_grid(np.eye(3) * 8.0, spacing_per_A=0.8) == GAMMA
    assert kpoint_grid(np.eye(3) * 7.0, spacing_per_A=0.8) == (2, 2, 2)


def test_an_exact_division_needs_no_further_point():
    assert kpoint_grid(np.eye(3) * 5.0, spacing_per_A=2 * np.pi / 5.0 / 3) == (3, 3, 3)


@pytest.mark.parametrize("grid", [(1, 1, 1), (2, 1, 3), (4, 3, 2), (5, 5, 5)])
def test_half_a_grid_gives_the_mean_of_the_whole_grid(grid):
    def band(point):  # an even function with the period of the reciprocal lattice
        phase = 2 * np.pi * np.array(point)
        return np.cos(phase).sum() + np.cos(phase @ [1, -2, 1]) + np.cos(phase @ [0, 1, 3])

    whole = [band(np.array(index) / grid) for index in itertools.product(*map(range, grid))]
    points = half_grid(grid)
    assert sum(weight for _, weight in points) == pytest.approx(1.0)
    assert sum(weight * band(point) for point, weight in points) == pytest.approx(np.mean(whole), abs=1e-12)
    assert len(points) <= np.prod(grid) // 2 + 4
    assert (0.0, 0.0, 0.0) in [point for point, _ in points]
