"""Evaluate a batch in chunks of cells that fit into the memory of the device.

The potential needs the memory, not the state. Cells are independent, so forces can be computed chunk by chunk. The
chunk size is found once, at the start, by doubling. A chunk that runs out of memory later (a cell has become denser) is
halved and computed again; the run goes on.
"""

import logging
import re
from collections.abc import Sequence
from dataclasses import fields
from itertools import pairwise

import numpy as np
import torch

from saltflow.base.errors import SaltflowError
from saltflow.potentials.protocol import BoundPotential, Evaluation, MDPotential

log = logging.getLogger(__name__)
# A potential, its atoms and its cells.
CellChunk = tuple[BoundPotential, slice, slice]
OUT_OF_MEMORY = (
    "CUDA out of memory",
    "CUDA error: out of memory",
    "DefaultCPUAllocator: can't allocate memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUSOLVER_STATUS_ALLOC_FAILED",
    "memory space failed to allocate",  # Kokkos, of symmetrix-xl
    # Libraries take memory for themselves when they are first called, and do not say what was missing.
    "when calling `cublasCreate(handle)`",
    "when calling `cusolverDnCreate(handle)`",
)
WARP_OUT_OF_MEMORY = re.compile(r"Failed to allocate \d+ bytes on device")


class ChunkedPotential:
    """A committee bound to the cells of a batch, with the interface of `BoundPotential`.

    Args:
        committee: the potential.
        numbers: (atoms,) atomic numbers.
        system: (atoms,) non-decreasing index of the cell of each atom.
        max_atoms: limit for chunks of two cells or more; None for one chunk.
    """

    def __init__(self, committee: MDPotential, numbers: np.ndarray, system: np.ndarray, *, max_atoms: int | None):
        self.committee, self.numbers, self.max_atoms = committee, numbers, max_atoms
        self.atoms = np.bincount(system).tolist()
        self._cut()

    @property
    def listed_at(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Positions and cells at which the neighbours of each chunk were listed."""
        listed = [potential.listed_at for potential, _, _ in self._chunks]
        return torch.cat([positions for positions, _ in listed]), torch.cat([cells for _, cells in listed])

    def list_neighbours(self, positions: torch.Tensor, cells: torch.Tensor) -> None:
        """List the neighbours of all chunks at positions (atoms, 3) and cells (systems, 3, 3)."""
        for potential, where, which in self._chunks:
            potential.list_neighbours(positions[where], cells[which])

    def find_size(self, positions: torch.Tensor, cells: torch.Tensor) -> None:
        """Set the chunk size: the largest of the first 1, 2, 4 … cells that can be evaluated together.

        Args:
            positions, cells: as in `evaluate`.

        Raises:
            SaltflowError: one cell alone does not fit into the memory.
        """
        cells_of_batch, fitting = len(self.atoms), 0
        while fitting < cells_of_batch:
            count = min(2 * fitting, cells_of_batch) or 1
            atoms, system = sum(self.atoms[:count]), np.repeat(np.arange(count), self.atoms[:count])
            trial = self.committee.on(self.numbers[:atoms], system)
            if self._attempt(trial, positions[:atoms], cells[:count]) is None:
                break
            fitting = count
        if fitting == 0:
            raise self._too_large(self.atoms[0])
        if fitting < cells_of_batch:
            log.info("%d of %d cells fit into the memory; forces are computed in chunks", fitting, cells_of_batch)
            self.max_atoms = sum(self.atoms[:fitting])
            self._cut()

    def evaluate(self, positions: torch.Tensor, cells: torch.Tensor, *, isolate: bool = True) -> Evaluation:
        """Energies, forces and stresses of all cells.

        Args:
            positions: (atoms, 3) Å.
            cells: (systems, 3, 3) Å.
            isolate: as in `BoundPotential`.

        Raises:
            SaltflowError: one cell alone does not fit into the memory.
        """
        found: list[Evaluation] = []
        while len(found) < len(self._chunks):
            potential, where, which = self._chunks[len(found)]
            evaluation = self._attempt(potential, positions[where], cells[which], isolate=isolate)
            if evaluation is None:
                self._halve(where, which)
                found = []
            else:
                found.append(evaluation)
        return found[0] if len(found) == 1 else _joined(found)

    def _attempt(
        self, potential: BoundPotential, positions: torch.Tensor, cells: torch.Tensor, *, isolate: bool = True
    ) -> Evaluation | None:
        """An evaluation, or None where the memory is too small."""
        try:
            return potential.evaluate(positions, cells, isolate=isolate)
        except RuntimeError as error:
            if not ran_out_of_memory(error):
                raise
        # Outside the handler: the error keeps the tensors of the attempt alive.
        if self.committee.device.type == "cuda":
            torch.cuda.empty_cache()
        return None

    def _halve(self, where: slice, which: slice) -> None:
        """Halve the chunk size below one that did not fit."""
        atoms = where.stop - where.start
        if which.stop - which.start == 1:
            raise self._too_large(atoms)
        self.max_atoms = -(-atoms // 2)
        log.warning("out of memory with %d atoms at once; chunks hold %d from here on", atoms, self.max_atoms)
        self._cut()

    def _cut(self) -> None:
        """Bind the committee to chunks of consecutive cells within the size."""
        bounds, in_chunk = [0], 0
        for index, atoms in enumerate(self.atoms):
            if in_chunk and self.max_atoms is not None and in_chunk + atoms > self.max_atoms:
                bounds.append(index)
                in_chunk = 0
            in_chunk += atoms
        bounds.append(len(self.atoms))
        self._chunks = [self._chunk(first, last) for first, last in pairwise(bounds)]

    def _chunk(self, first: int, last: int) -> CellChunk:
        atoms = slice(sum(self.atoms[:first]), sum(self.atoms[:last]))
        system = np.repeat(np.arange(last - first), self.atoms[first:last])
        return self.committee.on(self.numbers[atoms], system), atoms, slice(first, last)

    def _too_large(self, atoms: int) -> SaltflowError:
        return SaltflowError(
            f"A cell of {atoms} atoms does not fit into the memory of the {self.committee.device.type} by itself; take "
            "a device with more memory, dynamics.dtype float32, or smaller cells (cells.atoms)."
        )


def ran_out_of_memory(error: RuntimeError) -> bool:
    """Whether a device had too little memory; TorchScript, libraries and Warp say so in their text alone."""
    text = str(error)
    is_known = any(message in text for message in OUT_OF_MEMORY) or WARP_OUT_OF_MEMORY.search(text)
    return isinstance(error, torch.OutOfMemoryError) or bool(is_known)


def _joined(found: Sequence[Evaluation]) -> Evaluation:
    parts = [[getattr(evaluation, field.name) for evaluation in found] for field in fields(Evaluation)]
    return Evaluation(*(torch.cat(part) for part in parts))
