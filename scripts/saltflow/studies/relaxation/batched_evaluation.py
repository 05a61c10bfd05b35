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
        energies, forces, _ = self.with_stresses(templates, positions, [each.cell.array for each in templates])
        return energies, forces

    def with_stresses(
        self, templates: Sequence[Atoms], positions: Sequence[np.ndarray], cells: Sequence[np.ndarray]
    ) -> tuple[list[float], list[np.ndarray], list[np.ndarray]]:
        """Energies in eV, forces in eV/Å and stresses in eV/Å³ (ASE's sign), shapes (atoms, 3) and (3, 3) each.

        Args:
            templates: elements of each configuration.
            positions: its positions in Å.
            cells: its lattice vectors as rows in Å.
        """
        self.evaluated += len(templates)
        same = len(templates) == len(self._templates) and all(map(operator.is_, templates, self._templates))
        if not same:  # keeps neighbour lists while the same configurations come again
            self._templates, self._bound = list(templates), list(self._bind(templates))
        energies, forces, stresses = [], [], []
        for first, last, bound in self._bound:
            found = bound.evaluate(
                torch.as_tensor(np.concatenate(positions[first:last]), device=self._potential.device),
                torch.as_tensor(np.stack(cells[first:last]), device=self._potential.device),
            )
            energies += [float(energy) for energy in found.energies.cpu()]
            sizes = [len(template) for template in templates[first:last]]
            forces += np.split(found.forces.double().cpu().numpy(), np.cumsum(sizes)[:-1])
            stresses += list(found.stresses.double().cpu().numpy())
        return energies, forces, stresses

    def _bind(self, templates: Sequence[Atoms]):
        first = 0
        while first < len(templates):
            last, atoms = first + 1, len(templates[first])
            while last < len(templates) and atoms + len(templates[last]) <= self._most_atoms:
                atoms += len(templates[last])
                last += 1
            numbers, system, _, _ = stack(templates[first:last])
            yield first, last, self._potential.on(numbers, system)
            first = last
