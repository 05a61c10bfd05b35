"""Pairs are those of matscipy, in an order of their own; only the cells that need it are listed again."""

import numpy as np
import pytest
import torch
from mace_models import rock_salt, triclinic
from matscipy.neighbours import neighbour_list
from md_cases import packed

from saltflow.potentials.kept_pairs import KeptPairs, renew_lists
from saltflow.potentials.matrices_3x3 import determinant, exponential, inverse
from saltflow.potentials.neighbour_list import list_pairs, list_pairs_on_cpu, places_of
from saltflow.potentials.protocol import stack


def packed_cell():
    """54 atoms of Li2ZrCl6 as packed, in a cube."""
    return packed(formula_units=6)


def flat():
    """A cell with a height far below the cutoff, and angles far from right ones."""
    return triclinic(seed=4, atoms=2).repeat((1, 3, 2))


CELLS = [packed_cell, lambda: triclinic(seed=1), lambda: triclinic(seed=2, atoms=1), flat]


def listed(cells, *, cutoff_A, each_once):
    """Pairs of a batch of cells, listed together; positions and boxes."""
    numbers, system, positions, boxes = stack(cells)
    bounds = [0, *np.cumsum([len(cell) for cell in cells]).tolist()]
    pairs = KeptPairs(torch.as_tensor(system), bounds, cutoff_A=cutoff_A, skin_A=0.5, each_once=each_once)
    where = torch.as_tensor(positions), torch.as_tensor(boxes)
    renew_lists([pairs], *where, torch.ones(len(cells), dtype=torch.bool))
    return pairs, *where


@pytest.mark.parametrize("each_once", [True, False])
@pytest.mark.parametrize("cutoff_A", [2.9, 9.0])
def test_pairs_of_a_batch_are_those_of_matscipy(cutoff_A, each_once):
    cells = [make() for make in CELLS]
    expected = [np.sort(neighbour_list("d", cell, cutoff_A))[:: 1 + each_once] for cell in cells]
    cells[0].positions[0] += 5 * cells[0].cell.array[1]
    pairs, positions, boxes = listed(cells, cutoff_A=cutoff_A, each_once=each_once)
    places, vectors = pairs.within(positions, boxes)
    for index, distances in enumerate(expected):
        own = vectors[pairs.owner[places] == index].norm(dim=-1)
        np.testing.assert_allclose(np.sort(own), distances, atol=1e-9)
    first, second = pairs.first[places], pairs.second[places]
    assert bool((first <= second).all()) == each_once


def test_a_list_of_the_device_is_that_of_the_cpu():
    """The same pairs both ways, those of each atom together."""
    numbers, system, positions, boxes = stack([make() for make in CELLS])
    bounds = [0, *np.cumsum(np.bincount(system)).tolist()]
    fractional = torch.as_tensor(positions)[:, None] @ inverse(torch.as_tensor(boxes))[torch.as_tensor(system)]
    fractional = fractional[:, 0] - fractional[:, 0].floor()
    arguments = fractional, torch.as_tensor(boxes), bounds

    def rows(pairs):
        return sorted(map(tuple, torch.cat([pairs.first[:, None], pairs.second[:, None], pairs.shifts], 1).tolist()))

    others = list_pairs_on_cpu(*arguments, cutoff_A=6.0)
    for mine, theirs in zip(list_pairs(*arguments, cutoff_A=6.0, each_once=False), others, strict=True):
        assert rows(mine) == rows(theirs)
        assert torch.equal(mine.first, mine.first.sort()[0])
        assert len(mine.first) > 10


@pytest.mark.parametrize("each_once", [True, False])
def test_order_of_pairs_does_not_depend_on_where_they_were_listed(each_once):
    cell = packed_cell()
    numbers, system, positions, boxes = stack([cell])
    before, boxes, system = (torch.as_tensor(array) for array in (positions, boxes, system))
    after = before + 0.3 * torch.randn(before.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)

    def near(listed_at):
        image = torch.floor(listed_at @ inverse(boxes[0]))
        fractional = listed_at @ inverse(boxes[0]) - image
        ((first, second, shifts),) = list_pairs(fractional, boxes, [0, len(cell)], cutoff_A=9.0, each_once=each_once)
        shifts = shifts + image[first] - image[second]
        kept = (after[second] - after[first] + shifts @ boxes[0]).norm(dim=-1) < 6.0
        return torch.cat([first[kept, None], second[kept, None], shifts[kept]], dim=1)

    assert torch.equal(near(before), near(after))


def test_only_the_cells_that_moved_are_listed_again():
    pairs, positions, boxes = listed([rock_salt(seed=seed) for seed in range(3)], cutoff_A=4.0, each_once=False)
    before, listed_at = list(pairs.of_cells), pairs.listed_at
    moved = positions.clone()
    moved[16] += 0.3
    active = torch.ones(3, dtype=torch.bool)
    renew_lists([pairs], moved, boxes, active)
    assert [mine is theirs for mine, theirs in zip(pairs.of_cells, before, strict=True)] == [True, False, True]
    same = (pairs.listed_at[0] == listed_at[0]).all(1)
    assert same.tolist() == [atom != 16 for atom in range(48)]
    active[0] = False
    renew_lists([pairs], moved, boxes, active)
    assert [len(own.first) > 0 for own in pairs.of_cells] == [False, True, True]
    assert pairs.listed_at[0][:16].isnan().all()


def test_places_are_those_of_nonzero_without_being_told(pretend):
    mask = torch.rand(1000, generator=torch.Generator().manual_seed(2)) < 0.3
    with pretend.watched() as waits:
        places = places_of(pretend.put(mask), count=int(mask.sum()))
    assert waits.total == 0
    assert torch.equal(places.cpu(), torch.nonzero(mask).flatten())


def test_closed_forms_are_those_of_lapack():
    random = torch.Generator().manual_seed(3)
    matrices = torch.randn((20, 3, 3), generator=random, dtype=torch.float64)
    np.testing.assert_allclose(inverse(matrices), torch.linalg.inv(matrices), rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(determinant(matrices), torch.linalg.det(matrices), atol=1e-12)
    np.testing.assert_allclose(exponential(0.1 * matrices), torch.linalg.matrix_exp(0.1 * matrices), atol=1e-13)
