import numpy as np
import pytest

from saltflow.analysis.structure.pair_counts import pair_counts

CELLS_A = {
    "cubic": np.eye(3) * 20.0,
    "triclinic": np.array([[21.0, 0.0, 0.0], [6.0, 20.0, 0.0], [-5.0, 4.0, 19.0]]),
    "flat": np.diag([9.0, 30.0, 30.0]),
    "turned": np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0] @ np.diag([18.0, 19.0, 20.0]),
}


def written_out(fractional, kinds, cell_A, *, species, bins, bin_width_A):
    """Every ordered pair, by its nearest image among 27."""
    counts = np.zeros((species, species, bins), dtype=int)
    shifts = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    inside = fractional % 1.0
    for atom, centre in enumerate(inside):
        apart_A = ((inside - centre)[:, None] + shifts) @ cell_A
        bin_of = (np.linalg.norm(apart_A, axis=-1).min(axis=1) / bin_width_A).astype(int)
        bin_of[atom] = bins
        for kind in range(species):
            counts[kinds[atom], kind] += np.bincount(bin_of[kinds == kind], minlength=bins + 1)[:bins]
    return counts


@pytest.mark.parametrize("cell", CELLS_A)
@pytest.mark.parametrize("atoms", [1, 2, 63, 64, 65, 300])
@pytest.mark.parametrize("fraction", [0.3, 1.0])
def test_histogram_equals_all_pairs_written_out(cell, atoms, fraction):
    rng = np.random.default_rng(atoms)
    cell_A = CELLS_A[cell]
    half_width_A = 0.5 / np.linalg.norm(np.linalg.inv(cell_A), axis=0).max()
    fractional, kinds = 3 * rng.random((atoms, 3)) - 1, rng.integers(0, 3, atoms)
    grid = {"species": 3, "bins": 40, "bin_width_A": fraction * half_width_A / 40}
    found = pair_counts(fractional, kinds, cell_A, **grid)
    np.testing.assert_array_equal(found, written_out(fractional, kinds, cell_A, **grid))


def test_atoms_of_a_crystal_that_stand_in_one_plane_are_counted_once():
    corners = np.stack(np.meshgrid(*[np.arange(4) / 4] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    grid = {"species": 1, "bins": 3, "bin_width_A": 1.001}
    counts = pair_counts(corners, np.zeros(64, dtype=int), np.eye(3) * 8.0, **grid)
    assert counts[0, 0].tolist() == [0, 64 * 6, 64 * 12]
