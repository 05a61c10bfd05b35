"""Environments of atoms as a potential sees them: the rotation-invariant node features of its first model.

Those of the last layer see everything within its layers × cutoff, as the forces do (Batatia et al., MACE, 2022).
"""

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
from ase import Atoms

from saltflow.potentials.mace import Committee


def environments(
    frames: Sequence[Atoms], committee: Committee, *, chosen: Sequence[np.ndarray] | None = None
) -> dict[str, np.ndarray]:
    """Environments of the atoms of some frames, element by element, in the order of frames and atoms.

    Args:
        frames: periodic cells of elements that the committee knows.
        committee: its first model sees.
        chosen: (atoms,) of each frame, which of its atoms count; all where it is not given. A frame without any is not
            evaluated.

    Returns:
        element → (atoms, features), double precision, no unit.
    """
    found: dict[str, list[np.ndarray]] = {}
    for frame, atoms in zip(frames, chosen or [np.ones(len(frame), bool) for frame in frames], strict=True):
        if not atoms.any():
            continue
        potential, *where = committee.on_frame(frame)
        features = potential.descriptors(*where).cpu().numpy()
        for symbol in sorted(set(frame.symbols[atoms])):
            found.setdefault(symbol, []).append(features[atoms & (frame.symbols == symbol)])
    return {symbol: np.concatenate(parts) for symbol, parts in found.items()}


def drawn(frames: Sequence[Atoms], *, most: int, random: np.random.Generator) -> list[np.ndarray]:
    """Atoms to look at: all of an element that has at most so many in all frames, of another so many drawn at random.

    Returns:
        (atoms,) of each frame.
    """
    symbols = np.concatenate([np.empty(0, dtype="<U2"), *(np.array(frame.get_chemical_symbols()) for frame in frames)])
    kept = np.zeros(len(symbols), dtype=bool)
    for symbol in np.unique(symbols):
        (ours,) = np.nonzero(symbols == symbol)
        kept[ours if len(ours) <= most else random.choice(ours, size=most, replace=False)] = True
    return np.split(kept, np.cumsum([len(frame) for frame in frames])[:-1]) if frames else []


def by_cell(
    values: Mapping[str, np.ndarray], frames: Sequence[Atoms], cells: Sequence[Hashable]
) -> dict[Hashable, dict[str, np.ndarray]]:
    """Values of the atoms of each cell, element by element.

    Args:
        values: element → (atoms,), over all atoms of all frames in the order of `environments`.
        frames: as they were given there.
        cells: of each frame, the name of the cell that it shows; frames of one cell count as one.

    Returns:
        cell → element → (atoms,).
    """
    found: dict[Hashable, dict[str, list[np.ndarray]]] = {name: {} for name in cells}
    for symbol, ours in values.items():
        counts = [int((frame.symbols == symbol).sum()) for frame in frames]
        parts = np.split(ours, np.cumsum(counts)[:-1])
        for name, part in zip(cells, parts, strict=True):
            if len(part):
                found[name].setdefault(symbol, []).append(part)
    return {name: {symbol: np.concatenate(parts) for symbol, parts in ours.items()} for name, ours in found.items()}
