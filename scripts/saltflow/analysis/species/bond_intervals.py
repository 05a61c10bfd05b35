"""When atoms are bonded: bonds with hysteresis, and what is too short to be a bond left out."""

from collections.abc import Collection
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from ase.data import atomic_numbers, covalent_radii

from saltflow.analysis.structure.coordination_shells import Snapshot, shells
from saltflow.base.errors import SaltflowError
from saltflow.trajectory.chunks import frame_chunks
from saltflow.trajectory.memory import TrajectoryReader

MADE, BROKEN = 1.2, 1.45  # of the sum of the covalent radii (Cordero et al., Dalton Trans. 2008, 2832)


@dataclass(frozen=True)
class BondIntervals:
    """Bonds with the frames in which they last, sorted by pair and beginning.

    Attributes:
        pairs: atoms of each, (bonds, 2), the lower index first.
        begins: first frame of each, (bonds,).
        ends: the frame after its last one, (bonds,).
    """

    pairs: np.ndarray
    begins: np.ndarray
    ends: np.ndarray


def bond_intervals(
    run: TrajectoryReader, elements: Collection[str], *, least_frames: int, made: float = MADE, broken: float = BROKEN
) -> BondIntervals:
    """All bonds between atoms of some elements.

    A bond is made below `made` and lost above `broken` × the sum of the covalent radii. A loss or a bond that does not
    last for `least_frames` is none, neither at the end of the run; what the first frame shows is taken as it is.

    Args:
        run: the trajectory.
        elements: of the atoms that may be bonded.
        least_frames: 1 takes every change.
        made, broken: over the sum of the radii.

    Raises:
        SaltflowError: no atom is of these elements, or the cell is narrower than twice a bond.
    """
    symbols = np.array(run.symbols)
    present = sorted(set(elements) & set(run.symbols))
    if not present:
        raise SaltflowError(
            f"No atom is of {', '.join(sorted(elements))}; the atoms are {', '.join(sorted(set(symbols)))}."
        )
    radii_A = {each: float(covalent_radii[atomic_numbers[each]]) for each in present}
    limits_A = {
        pair: broken * (radii_A[one] + radii_A[other])
        for one, other in combinations_with_replacement(present, 2)
        for pair in ((one, other), (other, one))
    }
    radius_of = np.array([radii_A.get(symbol, 0.0) for symbol in run.symbols])
    changes = _Changes()
    for chunk in frame_chunks(run, range(run.n_frames)):
        for row, (positions_A, cell_A) in enumerate(zip(chunk.coordinates, chunk.cells_A, strict=True)):
            snapshot = Snapshot(positions_A, cell_A, symbols)
            if snapshot.half_width_A < max(limits_A.values()):
                raise SaltflowError(
                    f"The cell is {2 * snapshot.half_width_A:.1f} Å wide, and bonds may be up to "
                    f"{max(limits_A.values()):.1f} Å long; give a larger cell."
                )
            found = shells(snapshot, limits_A)
            once = found.centers < found.ligands
            first, second = found.centers[once], found.ligands[once]
            keys = first * len(symbols) + second
            is_short = found.lengths_A[once] < made * (radius_of[first] + radius_of[second])
            changes.see(chunk.start + row, keys, keys[is_short])
    return _lasting(changes.intervals(run.n_frames), len(symbols), run.n_frames, least_frames)


class _Changes:
    """Beginnings and ends of bonds, frame by frame."""

    def __init__(self):
        self._bonded = np.zeros(0, int)
        self._begun: dict[int, int] = {}
        self._ended: list[tuple[int, int, int]] = []

    def see(self, frame: int, near: np.ndarray, short: np.ndarray) -> None:
        """Take a frame: pairs that are not too far for a bond, and those near enough to make one."""
        now = np.union1d(np.intersect1d(self._bonded, near), short)
        for key in np.setdiff1d(self._bonded, now).tolist():
            self._ended.append((key, self._begun.pop(key), frame))
        for key in np.setdiff1d(now, self._bonded).tolist():
            self._begun[key] = frame
        self._bonded = now

    def intervals(self, frames: int) -> np.ndarray:
        """(bonds, 3): pair, begin and end, sorted."""
        rows = self._ended + [(key, begin, frames) for key, begin in self._begun.items()]
        return np.array(sorted(rows), dtype=int).reshape(-1, 3)


def _lasting(rows: np.ndarray, atoms: int, frames: int, least_frames: int) -> BondIntervals:
    """Losses shorter than `least_frames` are bridged first, then bonds that are shorter are left out."""
    kept: list[list[int]] = []
    for key, begin, end in rows.tolist():
        until = frames if frames - end < least_frames else end
        if kept and kept[-1][0] == key and begin - kept[-1][2] < least_frames:
            kept[-1][2] = until
        else:
            kept.append([key, begin, until])
    lasting = np.array([row for row in kept if row[2] - row[1] >= least_frames or row[1] == 0], dtype=int).reshape(
        -1, 3
    )
    pairs = np.stack([lasting[:, 0] // atoms, lasting[:, 0] % atoms], axis=1)
    return BondIntervals(pairs=pairs, begins=lasting[:, 1], ends=lasting[:, 2])
