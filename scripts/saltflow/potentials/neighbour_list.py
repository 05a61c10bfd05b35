"""Neighbour lists of periodic cells, made on the device of the positions."""

import math
from itertools import product

import torch

MOST_AT_ONCE = 4_000_000  # distances: 100 MB of vectors


def list_pairs(
    positions: torch.Tensor, cell: torch.Tensor, *, cutoff_A: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Every pair of atoms of one cell within a cutoff, once; an atom and its own image are a pair.

    All distances are computed, which is fast up to some thousands of atoms. Pairs are ordered by atoms and images, so
    that a sum over those within the cutoff does not depend on when they were listed.

    Args:
        positions: (atoms, 3) Å, wrapped or not; float64.
        cell: (3, 3) Å, rows are lattice vectors.
        cutoff_A: largest distance.

    Returns:
        first, second (pairs,) with first ≤ second, and shifts (pairs, 3). The vector of a pair is
        positions[second] − positions[first] + shifts @ cell.
    """
    fractional = positions @ torch.linalg.inv(cell)
    image = torch.floor(fractional)
    home = (fractional - image) @ cell
    found = [_pairs_of(home, cell, shifts, cutoff_A) for shifts in _half_space(cell, home, cutoff_A)]
    first, second, shift = (torch.cat(parts) for parts in zip(*found, strict=True))
    shift = (shift + image[first] - image[second]).long()
    swapped = first > second
    first, second = torch.where(swapped, second, first), torch.where(swapped, first, second)
    shift = torch.where(swapped[:, None], -shift, shift)
    order = _order(first, second, shift)
    return first[order], second[order], shift[order].to(positions.dtype)


def _half_space(cell: torch.Tensor, home: torch.Tensor, cutoff_A: float) -> tuple[torch.Tensor, ...]:
    """Lattice vectors that may bring atoms within the cutoff, one of each opposite pair, in lots."""
    heights_A = 1 / torch.linalg.inv(cell).norm(dim=0)
    reach = [math.ceil(cutoff_A / height_A) for height_A in heights_A.tolist()]
    every = product(*(range(-most, most + 1) for most in reach))
    half = [shift for shift in every if shift >= (0, 0, 0)]
    lot = max(1, MOST_AT_ONCE // len(home) ** 2)
    return torch.tensor(half, dtype=home.dtype, device=home.device).split(lot)


def _pairs_of(
    home: torch.Tensor, cell: torch.Tensor, shifts: torch.Tensor, cutoff_A: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Pairs within the cutoff whose second atom is shifted by one of these lattice vectors, each once."""
    moved = home + (shifts @ cell)[:, None]
    near = torch.cdist(home, moved.reshape(-1, 3), compute_mode="donot_use_mm_for_euclid_dist") < cutoff_A
    first, other = torch.nonzero(near, as_tuple=True)
    which, second = torch.div(other, len(home), rounding_mode="floor"), other % len(home)
    once = shifts[which].any(-1) | (first < second)
    return first[once], second[once], shifts[which[once]]


def _order(first: torch.Tensor, second: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    """The order by first atom, second atom and lattice vector."""
    span = 2 * int(shift.abs().max()) + 1 if len(shift) else 1
    by_shift = torch.argsort((shift[:, 0] * span + shift[:, 1]) * span + shift[:, 2])
    atoms = first * (int(second.max()) + 1 if len(second) else 1) + second
    return by_shift[torch.argsort(atoms[by_shift], stable=True)]


def is_stale(
    listed_at: tuple[torch.Tensor, torch.Tensor],
    positions: torch.Tensor,
    cells: torch.Tensor,
    system: torch.Tensor,
    *,
    cutoff_A: float,
    skin_A: float,
) -> bool:
    """Whether a list may miss a pair that is now within the cutoff.

    The listed positions are strained to the current cell. The skin, less the strongest compression, must cover twice
    the largest displacement from there.

    Args:
        listed_at: positions (atoms, 3) and cells (systems, 3, 3) where pairs within cutoff + skin were listed.
        positions, cells: where the atoms are now.
        system: (atoms,) index of the cell of each atom.
    """
    listed_positions, listed_cells = listed_at
    strain = torch.linalg.solve(listed_cells, cells)
    compression = torch.linalg.svdvals(strain).amin(-1)
    carried = torch.einsum("ni,nij->nj", listed_positions, strain[system])
    moved = (positions - carried).norm(dim=-1)
    largest = torch.zeros(len(cells), dtype=moved.dtype, device=moved.device)
    largest.scatter_reduce_(0, system, moved, "amax")
    return bool(((cutoff_A + skin_A) * compression - 2 * largest < cutoff_A).any())
