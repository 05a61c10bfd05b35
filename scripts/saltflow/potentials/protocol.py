"""What molecular dynamics asks of a potential; any class with these methods drives it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from ase import Atoms


@dataclass(frozen=True)
class Evaluation:
    """Energies, forces and stresses of a batch of cells, means over the evaluated models.

    energies: (systems,) eV.
    forces: (atoms, 3) eV/Å.
    stresses: (systems, 3, 3) eV/Å³, ASE's sign (positive = the cell wants to shrink).
    force_std: (atoms,) eV/Å, committee disagreement: norm of the standard deviation of the force vector.
    """

    energies: torch.Tensor
    forces: torch.Tensor
    stresses: torch.Tensor
    force_std: torch.Tensor


class BoundPotential(Protocol):
    """A potential bound to the atoms of a batch; it keeps neighbour lists.

    listed_at: positions and cells at which they were made. Made there again they are the same to the last bit, so that
    a resumed run equals an uninterrupted one.
    """

    listed_at: tuple[torch.Tensor, torch.Tensor]

    def evaluate(self, positions: torch.Tensor, cells: torch.Tensor, *, isolate: bool = True) -> Evaluation:
        """Energies, forces and stresses at positions (atoms, 3) Å, wrapped or not, and cells (systems, 3, 3) Å.

        The numbers of a cell that has blown up are NaN. Those of the others are not affected where `isolate` is true;
        else they may be NaN, and the host need not wait for the device to see it.
        """

    def list_neighbours(self, positions: torch.Tensor, cells: torch.Tensor) -> None:
        """Make the neighbour lists there."""


class MDPotential(Protocol):
    """A potential on a device.

    evaluated_by: what computes the forces, and why where it is not the fastest; for records.
    """

    device: torch.device
    evaluated_by: str

    def check_elements(self, numbers: np.ndarray, *, composition: str) -> None:
        """Raise SaltflowError where atomic numbers are among them that the potential does not know."""

    def on(self, numbers: np.ndarray, system: np.ndarray) -> BoundPotential:
        """Bind it to atomic numbers (atoms,) and the non-decreasing index of the cell of each atom, (atoms,)."""


def stack(cells: Sequence[Atoms]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Concatenate cells into one batch.

    Returns:
        numbers (atoms,), system (atoms,), positions (atoms, 3) Å, boxes (systems, 3, 3) Å.
    """
    numbers = np.concatenate([cell.numbers for cell in cells])
    system = np.repeat(np.arange(len(cells)), [len(cell) for cell in cells])
    positions = np.concatenate([cell.positions for cell in cells])
    return numbers, system, positions, np.stack([cell.cell.array for cell in cells])
