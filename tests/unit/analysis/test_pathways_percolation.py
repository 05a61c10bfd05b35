"""Percolation of densities whose thresholds are known by construction or found another way."""

from itertools import product

import numpy as np
import pytest
from scipy import ndimage

from saltflow.analysis.pathways.percolation import percolate

EMPTY = np.empty(0)


def thresholds(density):
    return tuple(each and each.density for each in percolate(density, levels=EMPTY).thresholds)


def dimensions_by_images(open_voxels):
    """How many dimensions the widest cluster percolates in, from a labelled 3 × 3 × 3 block of cells alone.

    In a block of odd size a path from a voxel to its own image may leave the block: so the block has periodic
    borders of three cells, and images that are joined show a winding of the cell up to multiples of three.
    """
    labels = joined_labels(np.tile(open_voxels, (3, 3, 3)))
    n = np.array(open_voxels.shape)
    best = 0
    for voxel in np.argwhere(open_voxels):
        same = [
            shift
            for shift in product((-1, 0, 1), repeat=3)
            if labels[tuple((voxel + n * (np.array(shift) + 3)) % (3 * n))] == labels[tuple(voxel)]
        ]
        best = max(best, rank_modulo_3(same))
    return best


def joined_labels(open_voxels):
    """Labels of clusters across faces under periodic borders, by a graph of scipy's labels."""
    labels, _ = ndimage.label(open_voxels)
    changed = True
    while changed:
        changed = False
        for axis in range(3):
            first, last = np.take(labels, 0, axis), np.take(labels, -1, axis)
            for a, b in set(zip(first[(first > 0) & (last > 0)], last[(first > 0) & (last > 0)], strict=True)):
                if a != b:
                    labels[labels == max(a, b)] = min(a, b)
                    changed = True
            if changed:
                break
    return labels


def rank_modulo_3(vectors):
    """Dimensions of a space over the integers modulo 3 from all of its vectors."""
    return round(np.log(len({tuple(np.array(vector) % 3) for vector in vectors})) / np.log(3))


def channel(shape, path, *, density, walls=0.0):
    values = np.full(shape, walls)
    for place in path:
        values[tuple(np.array(place) % shape)] = density
    return values


def test_a_straight_channel_percolates_in_one_dimension_at_its_narrowest_place():
    density = channel((7, 6, 5), [(i, 2, 3) for i in range(7)], density=4.0)
    density[4, 2, 3] = 0.25
    first, second, third = percolate(density, levels=EMPTY).thresholds
    assert (first.density, first.voxel, first.voxels) == (0.25, np.ravel_multi_index((4, 2, 3), density.shape), 7)
    assert first.mass == pytest.approx(6 * 4 + 0.25)
    assert second is third is None


def test_a_channel_that_ends_does_not_percolate():
    assert thresholds(channel((7, 6, 5), [(i, 2, 3) for i in range(6)], density=4.0)) == (None, None, None)


def test_a_long_detour_that_comes_back_without_winding_does_not_percolate():
    """A ring through the border and back again closes in the next cell and nowhere winds."""
    ring = [(i, 0, 0) for i in range(3, 8)] + [(7, 1, 0)] + [(i, 2, 0) for i in range(7, 2, -1)] + [(3, 1, 0)]
    assert thresholds(channel((6, 6, 6), ring, density=1.0)) == (None, None, None)


def test_a_slanted_channel_is_one_dimensional():
    """It leaves through one face after the other and comes back to itself only after winding by (1, 2, 0)."""
    path = [(i, 2 * i + step, 0) for i in range(8) for step in range(3)]
    assert thresholds(channel((8, 8, 4), path, density=2.0)) == (2.0, None, None)


def test_a_double_helix_joined_once_is_one_dimensional():
    """Both windings are parallel: joining them adds no dimension."""
    density = channel((9, 9, 9), [(i, 1, 1) for i in range(9)], density=3.0)
    density += channel((9, 9, 9), [(i, 5, 1) for i in range(9)], density=3.0)
    density += channel((9, 9, 9), [(4, j, 1) for j in (2, 3, 4)], density=1.0)
    assert thresholds(density) == (3.0, None, None)


def test_crossing_channels_add_dimensions_where_they_join():
    shape = (6, 7, 8)
    density = channel(shape, [(i, 3, 3) for i in range(6)], density=9.0)
    density = np.maximum(density, channel(shape, [(2, j, 5) for j in range(7)], density=8.0))
    density = np.maximum(density, channel(shape, [(5, 1, k) for k in range(8)], density=7.0))
    density[2, 3, 4] = 2.0  # between the first two
    density[[3, 4], 1, 5] = 1.0  # between the last two
    assert thresholds(density) == (9.0, 2.0, 1.0)


def test_two_skew_channels_that_never_meet_percolate_in_one_dimension_each():
    shape = (6, 6, 6)
    density = channel(shape, [(i, 0, 0) for i in range(6)], density=5.0)
    density = np.maximum(density, channel(shape, [(3, j, 3) for j in range(6)], density=4.0))
    assert thresholds(density) == (5.0, None, None)


@pytest.mark.parametrize("seed", range(12))
def test_random_grids_agree_with_labelled_images(seed):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(3, 6, 3))
    density = ndimage.gaussian_filter(rng.random(shape), 0.3 * (seed % 3), mode="wrap")
    found = thresholds(density)
    levels = np.sort(density.ravel())[::-1]
    dimensions = np.array([dimensions_by_images(density >= level) for level in levels[:: max(1, len(levels) // 25)]])
    taken = levels[:: max(1, len(levels) // 25)]
    expected = np.array([sum(level <= each for each in found) for level in taken])
    np.testing.assert_array_equal(dimensions, expected)
    assert expected[-1] > expected[0] == 0


def test_curves_count_what_percolates():
    shape = (6, 6, 6)
    density = channel(shape, [(i, 0, 0) for i in range(6)], density=5.0)
    density = np.maximum(density, channel(shape, [(3, 3, 3)], density=6.0))
    density[0, [1, 2, 3, 4, 5], 0] = 2.0
    result = percolate(density, levels=np.array([1.0, 3.0, 5.5]))
    assert result.levels.tolist() == [5.5, 3.0, 1.0]
    assert result.voxels.tolist() == [1, 7, 12]
    assert result.percolating_voxels.tolist() == [[0, 0, 0], [6, 0, 0], [11, 11, 0]]
    assert result.percolating_mass[:, 0].tolist() == [0, 30, 40]


def test_everything_open_percolates_and_nothing_open_does_not():
    assert thresholds(np.ones((3, 4, 5))) == (1.0, 1.0, 1.0)
    assert thresholds(np.zeros((3, 4, 5))) == (None, None, None)


def test_a_cell_of_one_voxel_is_its_own_neighbour():
    assert thresholds(np.full((1, 1, 1), 2.0)) == (2.0, 2.0, 2.0)
