"""Find duplicate structures by the displacement of their atoms, up to a common shift."""

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from saltflow.base.errors import SaltflowError
from saltflow.materials.frame_info import FrameInfo


def unique(frames: Sequence[Atoms], *, tolerance_A: float, energy_tolerance_eV: float = 5e-3) -> list[int]:
    """Indices of the frames that do not repeat an earlier one.

    Two frames are duplicates if they list the same elements in the same order, and all atoms and cell vectors agree
    within the tolerance, up to periodic images and a common shift. Reordered atoms are not recognised.

    Args:
        tolerance_A: largest displacement of an atom or cell vector.
        energy_tolerance_eV: per atom, largest difference of the labels of duplicates.

    Raises:
        SaltflowError: the labels of duplicates differ.
    """
    kept: list[int] = []
    kinds: dict[tuple, list[int]] = {}
    for index, frame in enumerate(frames):
        earlier = kinds.setdefault(tuple(frame.numbers), [])
        twin = _twin(frame, frames, earlier, tolerance_A)
        if twin is None:
            earlier.append(index)
            kept.append(index)
        else:
            _check_agreement(frames, twin, index, energy_tolerance_eV)
    return kept


def _twin(frame: Atoms, frames: Sequence[Atoms], earlier: Sequence[int], tolerance_A: float) -> int | None:
    if not earlier:
        return None
    cells = np.stack([frames[index].cell.array for index in earlier])
    similar = np.abs(cells - frame.cell.array).max(axis=(1, 2)) <= tolerance_A
    candidates = [index for index, same in zip(earlier, similar, strict=True) if same]
    return next((index for index in candidates if _largest_move_A(frame, frames[index]) <= tolerance_A), None)


def _largest_move_A(first: Atoms, second: Atoms) -> float:
    """Largest displacement of an atom between two frames, after a common shift."""
    steps = second.get_scaled_positions(wrap=False) - first.get_scaled_positions(wrap=False)
    steps -= steps[0]
    steps -= np.round(steps)
    moved_A = (steps - steps.mean(axis=0)) @ first.cell.array
    return float(np.linalg.norm(moved_A, axis=1).max())


def _check_agreement(frames: Sequence[Atoms], first: int, second: int, tolerance_eV: float) -> None:
    energies = [FrameInfo.partial(frames[index]).reference_energy_eV for index in (first, second)]
    if None in energies:
        return
    apart_eV = abs(energies[0] - energies[1]) / len(frames[first])
    if apart_eV > tolerance_eV:
        raise SaltflowError(
            f"Frames {first + 1} and {second + 1} are the same structure, but their energies differ by {apart_eV:.3f} "
            "eV per atom: they come from different methods; keep the frames of one."
        )
