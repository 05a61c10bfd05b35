"""Energies, forces and stresses of many configurations at once, by any potential of the engine."""

import operator
from collections.abc import Sequence

import numpy as np
import torch
from ase import Atoms

from saltflow.potentials.protocol import MDPotential, stack


class BatchedEvaluation:
    """A potential for lists of cells.

    Args:
        potential: any `MDPotential`.
        most_atoms: atoms of one batch; more are evaluated one batch after another.
    """

    def __init__(self, potential: MDPotential, *, most_atoms: int = 20_000):
        self._potential, self._most_atoms = potential, most_atoms
        self.evaluated = 0  # configurations so far
        self._templates: list[Atoms] = []
        self._bound: list = []

    @property
    def device(self) -> torch.device:
        """Where the potential is evaluated."""
        return self._potential.device

    def __call__(self, templates: Sequence[Atoms], positions: Sequence[np.ndarray]) -> tuple[list[float], list]:
        """Energies in eV and forces in eV/Å, shape (atoms, 3) each; NaN where a configuration is unphysical.

        Args:
            templates: elements and cell of each configuration.
            positions: its positions in Å.
        """
        self._bind_anew(templates)
        energies, forces = [], []
        for first, last, bound, cells in self._bound:
            flat = torch.as_tensor(np.concatenate(positions[first:last]), device=self._potential.device)
            found = bound.evaluate(flat, cells)
            energies += [float(energy) for energy in found.energies.cpu()]
            sizes = [len(template) for template in templates[first:last]]
            forces += np.split(found.forces.double().cpu().numpy(), np.cumsum(sizes)[:-1])
        return energies, forces

    def of_cells(self, cells: Sequence[Atoms]) -> list[tuple[float, np.ndarray, np.ndarray]]:
        """Energy in eV, forces in eV/Å and stress in eV/Å³, shape (3, 3), of each cell as it is now.

        Args:
            cells: may change shape between calls; neighbour lists are kept while they are the same objects.
        """
        self._bind_anew(cells)
        found = []
        for first, last, bound, _ in self._bound:
            positions, boxes = (torch.as_tensor(each, device=self.device) for each in stack(cells[first:last])[2:])
            batch = bound.evaluate(positions, boxes)
            sizes = np.cumsum([len(cell) for cell in cells[first:last]])[:-1]
            forces = np.split(batch.forces.double().cpu().numpy(), sizes)
            stresses = batch.stresses.double().cpu().numpy()
            found += list(zip(batch.energies.double().cpu().tolist(), forces, stresses, strict=True))
        return found

    def _bind_anew(self, templates: Sequence[Atoms]) -> None:
        """Bind the potential, unless the same configurations come again, whose neighbour lists are kept."""
        self.evaluated += len(templates)
        same = len(templates) == len(self._templates) and all(map(operator.is_, templates, self._templates))
        if not same:
            self._templates, self._bound = list(templates), list(self._bind(templates))

    def _bind(self, templates: Sequence[Atoms]):
        first = 0
        while first < len(templates):
            last, atoms = first + 1, len(templates[first])
            while last < len(templates) and atoms + len(templates[last]) <= self._most_atoms:
                atoms += len(templates[last])
                last += 1
            numbers, system, _, cells = stack(templates[first:last])
            yield (
                first,
                last,
                self._potential.on(numbers, system),
                torch.as_tensor(cells, device=self._potential.device),
            )
            first = last
