"""A batch in as few pieces as the memory of the device holds: the potential is what needs it, not the state.

Every cell is independent of its neighbours in a batch, so the forces of a batch may be computed piece by piece. How
large a piece can be is found by growing it once, at the start; a piece that later runs out of memory (a cell has become
denser) is halved and computed again. Nothing of the run is lost by either.
"""

import logging
from collections.abc import Sequence
from dataclasses import fields
from itertools import pairwise

import numpy as np
import torch

from saltflow.base.errors import SaltflowError
from saltflow.potentials.mace import BatchedPotential, Committee, Evaluation

log = logging.getLogger(__name__)
# A potential, its atoms and its cells.
Piece = tuple[BatchedPotential, slice, slice]
SIGNS = ("CUDA out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "DefaultCPUAllocator: can't allocate memory")


class PotentialInPieces:
    """A committee bound to the cells of a batch, with the interface of `BatchedPotential`.

    Args:
        committee: the potential.
        numbers: (atoms,) atomic numbers.
        system: (atoms,) non-decreasing index of the cell of each atom.
        most_atoms: atoms in a piece of two cells or more; None for all in one piece.
    """

    def __init__(self, committee: Committee, numbers: np.ndarray, system: np.ndarray, *, most_atoms: int | None):
        self.committee, self.numbers, self.most_atoms = committee, numbers, most_atoms
        self.atoms = np.bincount(system).tolist()
        self._cut()

    @property
    def listed_at(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Positions and cells at which the neighbours of each piece were listed."""
        listed = [potential.listed_at for potential, _, _ in self._pieces]
        return torch.cat([positions for positions, _ in listed]), torch.cat([cells for _, cells in listed])

    def list_neighbours(self, positions: torch.Tensor, cells: torch.Tensor) -> None:
        """List the neighbours of all pieces as they were at positions (atoms, 3) and cells (systems, 3, 3)."""
        for potential, where, which in self._pieces:
            potential.list_neighbours(positions[where], cells[which])

    def find_size(self, positions: torch.Tensor, cells: torch.Tensor) -> None:
        """Evaluate the first 1, 2, 4 … cells, and let pieces hold as many atoms as the largest that succeeded.

        Args:
            positions, cells: as in `evaluate`.

        Raises:
            SaltflowError: one cell alone does not fit into the memory.
        """
        every, held = len(self.atoms), 0
        while held < every:
            count = min(2 * held, every) or 1
            atoms, system = sum(self.atoms[:count]), np.repeat(np.arange(count), self.atoms[:count])
            trial = self.committee.on(self.numbers[:atoms], system)
            if self._attempt(trial, positions[:atoms], cells[:count]) is None:
                break
            held = count
        if held == 0:
            raise self._too_large(self.atoms[0])
        if held < every:
            log.info("%d of %d cells fit into the memory together; forces are computed in pieces", held, every)
            self.most_atoms = sum(self.atoms[:held])
            self._cut()

    def evaluate(self, positions: torch.Tensor, cells: torch.Tensor) -> Evaluation:
        """Energies, forces and stresses of all cells.

        Args:
            positions: (atoms, 3) Å.
            cells: (systems, 3, 3) Å.

        Raises:
            SaltflowError: one cell alone does not fit into the memory.
        """
        found: list[Evaluation] = []
        while len(found) < len(self._pieces):
            piece, where, which = self._pieces[len(found)]
            evaluation = self._attempt(piece, positions[where], cells[which])
            if evaluation is None:
                self._halve(where, which)
                found = []
            else:
                found.append(evaluation)
        return found[0] if len(found) == 1 else _joined(found)

    def _attempt(self, potential: BatchedPotential, positions: torch.Tensor, cells: torch.Tensor) -> Evaluation | None:
        """An evaluation, or None where the memory does not suffice for it."""
        try:
            return potential.evaluate(positions, cells)
        except RuntimeError as error:
            if not ran_out_of_memory(error):
                raise
        # Out of the handler: the error held the tensors of the attempt.
        if self.committee.device.type == "cuda":
            torch.cuda.empty_cache()
        return None

    def _halve(self, where: slice, which: slice) -> None:
        """Make pieces at most half as large as one that did not fit."""
        atoms = where.stop - where.start
        if which.stop - which.start == 1:
            raise self._too_large(atoms)
        self.most_atoms = -(-atoms // 2)
        log.warning("out of memory with %d atoms at once; pieces hold %d from here on", atoms, self.most_atoms)
        self._cut()

    def _cut(self) -> None:
        """Bind the committee to pieces of consecutive cells, as long as they are below the size."""
        bounds, in_piece = [0], 0
        for index, atoms in enumerate(self.atoms):
            if in_piece and self.most_atoms is not None and in_piece + atoms > self.most_atoms:
                bounds.append(index)
                in_piece = 0
            in_piece += atoms
        bounds.append(len(self.atoms))
        self._pieces = [self._piece(first, last) for first, last in pairwise(bounds)]

    def _piece(self, first: int, last: int) -> Piece:
        atoms = slice(sum(self.atoms[:first]), sum(self.atoms[:last]))
        system = np.repeat(np.arange(last - first), self.atoms[first:last])
        return self.committee.on(self.numbers[atoms], system), atoms, slice(first, last)

    def _too_large(self, atoms: int) -> SaltflowError:
        return SaltflowError(
            f"A cell of {atoms} atoms does not fit into the memory of the {self.committee.device.type} by itself; take "
            "a device with more memory, dynamics.dtype float32, or smaller cells (structures.atoms)."
        )


def ran_out_of_memory(error: RuntimeError) -> bool:
    """Whether a device had too little memory; TorchScript passes torch's own error on as text."""
    return isinstance(error, torch.OutOfMemoryError) or any(sign in str(error) for sign in SIGNS)


def _joined(found: Sequence[Evaluation]) -> Evaluation:
    parts = [[getattr(evaluation, field.name) for evaluation in found] for field in fields(Evaluation)]
    return Evaluation(*(torch.cat(part) for part in parts))
