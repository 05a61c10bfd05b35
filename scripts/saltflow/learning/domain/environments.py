"""Atomic environments: the rotation-invariant node features of a potential's first model.

Features of the last layer see up to layers × cutoff, as the forces do (Batatia et al., NeurIPS 35, 11423 (2022)).
"""

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
from ase import Atoms

from saltflow.potentials.mace import Committee


def environments(
    frames: Sequence[Atoms], committee: Committee, *, chosen: Sequence[np.ndarray] | None = None
) -> dict[str, np.ndarray]:
    """Environments of the atoms of some frames by element, in the order of frames and atoms.

    Args:
        frames: periodic cells of elements that the committee knows.
        committee: its first model gives the features.
        chosen: (atoms,) masks of the atoms of each frame; all atoms by default. Frames without a chosen atom are not
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


def draw_atoms(frames: Sequence[Atoms], *, most: int, random: np.random.Generator) -> list[np.ndarray]:
    """(atoms,) mask of each frame: at most so many atoms of each element over all frames, drawn at random."""
    symbols = np.concatenate([np.empty(0, dtype="<U2"), *(np.array(frame.get_chemical_symbols()) for frame in frames)])
    kept = np.zeros(len(symbols), dtype=bool)
    for symbol in np.unique(symbols):
        (indices,) = np.nonzero(symbols == symbol)
        kept[indices if len(indices) <= most else random.choice(indices, size=most, replace=False)] = True
    return np.split(kept, np.cumsum([len(frame) for frame in frames])[:-1]) if frames else []


def by_cell(
    values: Mapping[str, np.ndarray], frames: Sequence[Atoms], cells: Sequence[Hashable]
) -> dict[Hashable, dict[str, np.ndarray]]:
    """Values of the atoms of each cell, by element.

    Args:
        values: element → (atoms,), over all atoms of all frames in the order of `environments`.
        frames: of these values.
        cells: name of the cell of each frame; frames of one cell are joined.

    Returns:
        cell → element → (atoms,).
    """
    found: dict[Hashable, dict[str, list[np.ndarray]]] = {name: {} for name in cells}
    for symbol, of_element in values.items():
        counts = [int((frame.symbols == symbol).sum()) for frame in frames]
        parts = np.split(of_element, np.cumsum(counts)[:-1])
        for name, part in zip(cells, parts, strict=True):
            if len(part):
                found[name].setdefault(symbol, []).append(part)
    return {name: {symbol: np.concatenate(parts) for symbol, parts in each.items()} for name, each in found.items()}
