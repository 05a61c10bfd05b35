"""Check that energies, forces and stresses of a set are consistent: wrong units and signs show in their work."""

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from saltflow.labels.reference.frame_order import distance_A, order_by_similarity
from saltflow.materials.frame_info import FrameInfo

# Largest distance of two frames for the trapezoidal rule.
FARTHEST_A = 0.25
FEWEST_PAIRS = 5
SLOPES = (0.7, 1.4)


def energy_and_work(frames: Sequence[Atoms]) -> np.ndarray:
    """Energy difference of neighbouring frames, and the work of forces and stress between them, (pairs, 2), eV.

    dE = −Σ F·dr + V σ:ε with dr at fixed cell and ε at fixed fractional coordinates, by the trapezoidal rule, with an
    error of third order in the step. Neighbours are frames of the same atoms within `FARTHEST_A`.
    """
    order = order_by_similarity(frames)
    pairs = [(frames[first], frames[second]) for first, second in zip(order, order[1:], strict=False)]
    near = [pair for pair in pairs if _same_atoms(*pair) and 0 < distance_A(*pair) <= FARTHEST_A]
    return np.array([[_energy_change_eV(*pair), _work_eV(*pair)] for pair in near]).reshape(-1, 2)


def find_inconsistency(frames: Sequence[Atoms]) -> str | None:
    """Why the labels are inconsistent; None where they agree or where there are too few neighbours."""
    pairs = energy_and_work(frames)
    if len(pairs) < FEWEST_PAIRS or not (square := float(pairs[:, 1] @ pairs[:, 1])):
        return None
    slope = float(pairs[:, 0] @ pairs[:, 1]) / square
    if SLOPES[0] <= slope <= SLOPES[1]:
        return None
    return (
        f"between {len(pairs)} pairs of neighbouring frames the energy changes by {slope:.3g} × the work of forces and "
        "stresses, not by 1 ×: a unit (eV, eV/Å, eV/Å³) or a sign is wrong"
    )


def _same_atoms(first: Atoms, second: Atoms) -> bool:
    return len(first) == len(second) and bool((first.numbers == second.numbers).all())


def _energy_change_eV(first: Atoms, second: Atoms) -> float:
    return FrameInfo.of(second).reference_energy_eV - FrameInfo.of(first).reference_energy_eV


def _work_eV(first: Atoms, second: Atoms) -> float:
    steps = second.get_scaled_positions(wrap=False) - first.get_scaled_positions(wrap=False)
    steps -= np.round(steps)
    middle = (first.cell.array + second.cell.array) / 2
    labels = [FrameInfo.of(frame) for frame in (first, second)]
    forces = (labels[0].reference_forces_eV_A + labels[1].reference_forces_eV_A) / 2
    strain = np.linalg.solve(middle, second.cell.array - first.cell.array)
    virials = [label.frame.cell.volume * label.reference_stress_eV_A3 for label in labels]
    return float(-np.sum(forces * (steps @ middle)) + np.sum((virials[0] + virials[1]) / 2 * (strain + strain.T) / 2))
