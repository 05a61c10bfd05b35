"""Neighbour lists of periodic cells, made on the device of the positions.

The host waits for the device twice per list, however many cells are listed.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import matscipy.neighbours
import numpy as np
import torch

from saltflow.potentials.matrices_3x3 import inverse

MOST_AT_ONCE = 4_000_000  # distances: 100 MB of vectors


class Pairs(NamedTuple):
    """Pairs of atoms of one cell, in order of the first atom.

    first, second: (pairs,) atoms, counted over the batch.
    shifts: (pairs, 3) lattice vectors; a pair is positions[second] − positions[first] + shifts @ cell.
    """

    first: torch.Tensor
    second: torch.Tensor
    shifts: torch.Tensor


def list_pairs(
    fractional: torch.Tensor, cells: torch.Tensor, bounds: Sequence[int], *, cutoff_A: float, each_once: bool
) -> list[Pairs]:
    """Pairs of atoms within a cutoff, cell by cell; an atom and its own image are a pair.

    All distances of a cell are computed, which is fast up to some thousands of atoms. Pairs are in order of atoms and
    images, so that a sum over those within the cutoff does not depend on when they were listed.

    Args:
        fractional: (atoms, 3) fractional coordinates in the cell; float64.
        cells: (systems, 3, 3) Å, rows are lattice vectors.
        bounds: (systems + 1,) first atom of each cell, and the end.
        cutoff_A: largest distance.
        each_once: a pair only once, with first ≤ second; else both ways.
    """
    device, atoms = fractional.device, len(fractional)
    first_atoms = torch.tensor(bounds[:-1], device=device)
    sizes = torch.tensor([last - first for first, last in pairwise(bounds)], device=device)
    owner = torch.repeat_interleave(torch.arange(len(cells), device=device), sizes, output_size=atoms)
    offsets = _image_offsets(cells, cutoff_A)
    is_later = _is_later(offsets)
    places = torch.arange(max(last - first for first, last in pairwise(bounds)), device=device)

    def near(lot: slice) -> torch.Tensor:
        """(rows, atoms of the largest cell, offsets) which pairs of these first atoms are within the cutoff."""
        cell, first = owner[lot], torch.arange(lot.start, lot.stop, device=device)
        second = (first_atoms[cell, None] + places).clamp(max=atoms - 1)
        apart = fractional[second] - fractional[lot, None]
        images = ((apart - apart.round())[:, :, None] + offsets).flatten(1, 2)
        squares = (images @ cells[cell]).square().sum(-1).reshape(*second.shape, len(offsets))
        within = (squares < cutoff_A**2) & (places < sizes[cell, None])[..., None]
        same = (second == first[:, None])[..., None]
        if each_once:
            return within & ((second > first[:, None])[..., None] | (same & is_later))
        return within & ~(same & (offsets == 0).all(-1))

    rows = max(1, MOST_AT_ONCE // (len(places) * len(offsets)))
    lots = [slice(begin, min(begin + rows, atoms)) for begin in range(0, atoms, rows)]
    found = [near(lot) for lot in lots]
    of_atoms = torch.cat([mask.sum((1, 2)) for mask in found])
    of_cells = torch.zeros(len(cells), dtype=of_atoms.dtype, device=device).index_add_(0, owner, of_atoms)
    counts = torch.cat([torch.stack([of_atoms[lot].sum() for lot in lots]), of_cells]).tolist()
    parts = []
    for lot, mask, count in zip(lots, found, counts[: len(lots)], strict=True):
        row, place, offset = torch.unravel_index(places_of(mask.flatten(), count=count), mask.shape)
        first = row + lot.start
        second = first_atoms[owner[first]] + place
        parts.append((first, second, offsets[offset] - (fractional[second] - fractional[first]).round()))
    each = (torch.cat(part).split(counts[len(lots) :]) for part in zip(*parts, strict=True))
    return [Pairs(*of_cell) for of_cell in zip(*each, strict=True)]


def _image_offsets(cells: torch.Tensor, cutoff_A: float) -> torch.Tensor:
    """(offsets, 3) lattice vectors, counted from the nearest image along each edge, that may be within the cutoff."""
    heights_A = 1 / inverse(cells).norm(dim=-2)
    reach = torch.floor(cutoff_A / heights_A + 0.5 + 1e-9).amax(0).int().tolist()
    along = [torch.arange(-most, most + 1, dtype=cells.dtype, device=cells.device) for most in reach]
    return torch.cartesian_prod(*along)


def _is_later(offsets: torch.Tensor) -> torch.Tensor:
    """(offsets,) whether a lattice vector comes after its opposite."""
    first, second, third = offsets.unbind(1)
    return (first > 0) | ((first == 0) & ((second > 0) | ((second == 0) & (third > 0))))


def list_pairs_on_cpu(
    fractional: torch.Tensor, cells: torch.Tensor, bounds: Sequence[int], *, cutoff_A: float
) -> list[Pairs]:
    """The same, both ways, by matscipy: faster on a CPU, and in another order."""
    found = []
    for (first_atom, last), cell in zip(pairwise(bounds), cells, strict=True):
        first, second, shifts = matscipy.neighbours.neighbour_list(
            "ijS",
            positions=(fractional[first_atom:last] @ cell).numpy(),
            cell=cell.numpy(),
            pbc=[True] * 3,
            numbers=np.ones(last - first_atom, dtype=np.int32),
            cutoff=cutoff_A,
        )
        first, second = (torch.from_numpy(atoms.astype(np.int64)) + first_atom for atoms in (first, second))
        found.append(Pairs(first, second, torch.from_numpy(shifts.astype(float))))
    return found


def places_of(mask: torch.Tensor, *, count: int) -> torch.Tensor:
    """(count,) where a mask is true, in order; its number is given, so that the host need not wait for a device."""
    if mask.device.type == "cpu":
        return torch.nonzero(mask).flatten()
    slots = torch.where(mask, mask.cumsum(0) - 1, count)
    places = torch.empty(count + 1, dtype=torch.long, device=mask.device)
    return places.scatter_(0, slots, torch.arange(len(mask), device=mask.device))[:count]


def stale_cells(
    listed_at: tuple[torch.Tensor, torch.Tensor],
    positions: torch.Tensor,
    cells: torch.Tensor,
    system: torch.Tensor,
    *,
    cutoff_A: float,
    skin_A: float,
) -> torch.Tensor:
    """(systems,) whether the list of a cell may miss a pair that is now within the cutoff.

    The listed positions are strained to the current cell. The skin, less the strongest compression, must cover twice
    the largest displacement from there. The norm of the strain bounds the compression.

    Args:
        listed_at: positions (atoms, 3) and cells (systems, 3, 3) where pairs within cutoff + skin were listed; NaN for
            cells that were not.
        positions, cells: where the atoms are now.
        system: (atoms,) index of the cell of each atom.
    """
    listed_positions, listed_cells = listed_at
    deformation = inverse(listed_cells) @ cells
    strain = deformation - torch.eye(3, dtype=cells.dtype, device=cells.device)
    compression = 1 - strain.square().sum((-1, -2)).sqrt()
    carried = (listed_positions[:, None] @ deformation[system])[:, 0]
    moved = (positions - carried).norm(dim=-1)
    largest = torch.zeros(len(cells), dtype=moved.dtype, device=moved.device)
    largest.scatter_reduce_(0, system, moved, "amax")
    return ~((cutoff_A + skin_A) * compression - 2 * largest >= cutoff_A)  # NaN compares false
