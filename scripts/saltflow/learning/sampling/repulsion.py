"""Short-range repulsion sampling: packed cells in which two neighbours are pushed together.

A cell is charge-balanced, so that every reference can label it (a free pair such as Al–O or Zr–Cl has an odd number of
electrons), and the pair has its neighbours.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations_with_replacement, islice

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii

from saltflow.learning.sampling.sampled_cells import plain_frame
from saltflow.materials.compositions import Composition
from saltflow.materials.frame_info import REPULSION, FrameInfo

log = logging.getLogger(__name__)


def repulsion_frames_of_all(
    cells: Sequence[Atoms], compositions: Sequence[Composition], *, initial_structures: Mapping
) -> list[Atoms]:
    """The frames of every composition; see `repulsion_frames`.

    Args:
        cells: packed cells with composition, lineage and split.
        compositions: of the cells.
        initial_structures: the section `learning.initial_structures`.
    """
    choices = {
        "count": initial_structures["repulsion_frames"],
        "closest_factor": initial_structures["repulsion_min_factor"],
    }
    by_name = {each.id: [cell for cell in cells if FrameInfo.of(cell).composition == each.id] for each in compositions}
    return [frame for own in by_name.values() for frame in repulsion_frames(own, **choices)]


def repulsion_frames(cells: Sequence[Atoms], *, count: int, closest_factor: float) -> list[Atoms]:
    """Training cells of one composition, each with one pair of atoms at a short distance.

    Pairs of elements take turns; distances go from the closest to the sum of covalent radii (Cordero et al., Dalton
    Trans. 2008, 2832). Both atoms move along their line by half; no other pair becomes closer than the closest.

    Args:
        cells: with split; held-out ones are not used.
        count: largest number of frames; a blocked pair is left out.
        closest_factor: smallest distance over the sum of the covalent radii.
    """
    trained = [cell for cell in cells if FrameInfo.of(cell).split == "train"]
    if count == 0 or not trained:
        return []
    pairs = _pairs(trained[0])
    rounds = -(-count // len(pairs))
    frames = []
    for index in range(count):
        share = (index // len(pairs)) / max(1, rounds - 1)
        factor = closest_factor + share * (1 - closest_factor)
        cell, pair = trained[index % len(trained)], pairs[index % len(pairs)]
        found = _pushed_together(cell, pair, factor=factor, closest_factor=closest_factor)
        frames += islice(found, 1)
    log.info(
        "%s: %d of %d short-range pairs have a free path", FrameInfo.of(trained[0]).composition, len(frames), count
    )
    return frames


def _pairs(cell: Atoms) -> list[tuple[str, str]]:
    symbols = cell.get_chemical_symbols()
    pairs = combinations_with_replacement(sorted(set(symbols)), 2)
    return [(one, other) for one, other in pairs if one != other or symbols.count(one) > 1]


def _pushed_together(cell: Atoms, pair: tuple[str, str], *, factor: float, closest_factor: float) -> Iterator[Atoms]:
    """Cells with one pair of these elements at `factor` × the sum of their covalent radii, nearest neighbours first."""
    distances, contacts = cell.get_all_distances(mic=True), _contacts_A(cell)
    symbols = np.array(cell.get_chemical_symbols())
    wanted = factor * sum(covalent_radii[atomic_numbers[symbol]] for symbol in pair)
    first, second = np.nonzero(np.triu(_is_pair(symbols, pair) & (distances > wanted), k=1))
    for order in np.argsort(distances[first, second]):
        one, other = int(first[order]), int(second[order])
        frame = plain_frame(cell, origin=f"{REPULSION}:{pair[0]}-{pair[1]}")
        frame.set_distance(one, other, wanted, fix=0.5, mic=True)
        after = frame.get_all_distances(mic=True)
        too_close = (after < closest_factor * contacts) & (after < distances - 1e-6)
        too_close[[one, other], [other, one]] = False
        if not np.triu(too_close, k=1).any():
            frame.wrap()
            yield frame


def _is_pair(symbols: np.ndarray, pair: tuple[str, str]) -> np.ndarray:
    """(atoms, atoms) whether two atoms are of these elements."""
    one, other = symbols == pair[0], symbols == pair[1]
    return np.outer(one, other) | np.outer(other, one)


def _contacts_A(cell: Atoms) -> np.ndarray:
    """(atoms, atoms) sums of covalent radii."""
    radii = covalent_radii[cell.numbers]
    return radii[:, None] + radii
