"""Configurations relaxed at a fixed cell, all of them as one batch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from saltflow.studies.relaxation.batched_evaluation import BatchedEvaluation
from saltflow.studies.relaxation.fire import Fire


@dataclass(frozen=True)
class RelaxedState:
    """One configuration at its minimum.

    Attributes:
        atoms: with the relaxed positions.
        energy_eV: NaN where it became unphysical.
        is_converged: whether the largest force is below the limit.
        largest_force_eV_A: at the end.
    """

    atoms: Atoms
    energy_eV: float
    is_converged: bool
    largest_force_eV_A: float


def relax(
    states: Sequence[Atoms], evaluation: BatchedEvaluation, *, force_eV_A: float, steps: int
) -> list[RelaxedState]:
    """Relax positions until the largest force is below a limit; cells stay.

    Args:
        states: configurations of any sizes.
        force_eV_A: the limit.
        steps: at most.
    """
    states = [state.copy() for state in states]
    found: dict[int, RelaxedState] = {}
    minimisers = [Fire() for _ in states]
    active = list(range(len(states)))
    for step in range(steps + 1):
        energies, forces = evaluation([states[i] for i in active], [states[i].positions for i in active])
        left = []
        for index, energy, force in zip(active, energies, forces, strict=True):
            largest = float(np.linalg.norm(force, axis=1).max())
            is_finite = np.isfinite(energy) and np.isfinite(largest)
            if largest < force_eV_A or not is_finite or step == steps:
                found[index] = RelaxedState(states[index], energy, largest < force_eV_A, largest)
            else:
                states[index].positions += minimisers[index].move(force)
                left.append(index)
        active = left
        if not active:
            break
    return [found[index] for index in range(len(states))]
