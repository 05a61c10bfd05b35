"""Positions from frame to frame: cells that flip, nearest images, and what no motion of atoms can be."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase.geometry import minkowski_reduce

from saltflow.base.errors import SaltflowError

# Of the cell. Steps to the nearest image are always below one half; those close to it may hide a longer move.
LARGEST_CERTAIN_STEP = 0.4
# A cell that is wider in one frame than in the last by more than this is another one.
LARGEST_STRAIN = 0.25
# Atoms that cross the boundary move as far as others do at most. Where they jump further, the cell is not the one in
# which positions were wrapped.
LARGEST_BOUNDARY_RATIO, SHORTEST_BOUNDARY_JUMP_A = 1.3, 1.0
BOUNDARY_STEPS_KEPT = 100  # of each frame
# Wrapped positions reach from 0 to 1 of the cell, less what a step of the few atoms that cross leaves out.
FEWEST_CROSSINGS, REACH_TOLERANCE = 20, 0.02
FRAMES_OF_QUARTER = 20
# Of the upper quartile of steps in one frame to that of the frames around: a jump of the whole cell.
LARGEST_JUMP_RATIO = 3.5
FEWEST_STEPS = 10


class Unwrapper:
    """Follows the atoms of one file from frame to frame.

    Args:
        source: the file, for messages.
        symbols: chemical symbol of each atom.
        unwrapped: whether positions are unwrapped by definition; else atoms move to the nearest image.
        oriented: whether the vectors of cells are known, not only their lengths and angles.
    """

    def __init__(self, source: str | Path, symbols: Sequence[str], *, unwrapped: bool, oriented: bool):
        self._species = sorted(set(symbols))
        self._groups = [np.flatnonzero(np.array(symbols) == symbol) for symbol in self._species]
        self._source = source
        self._unwrapped, self._oriented = unwrapped, oriented
        self._cell_A: np.ndarray | None = None
        self._fractional: np.ndarray | None = None  # unwrapped
        self._written: np.ndarray | None = None  # in the basis of the cell that is followed
        self._as_written: tuple[np.ndarray, np.ndarray] | None = None  # in the cell of its frame, and that cell
        self._reduction = np.eye(3)
        self._reduced_for = np.zeros((3, 3))
        self._quartiles_A: list[float] = []
        self._boundary_A: list[float] = []
        self._longest_A = 0.0
        self._farthest: list[np.ndarray] = []
        self._wraps = False
        kinds = len(self._species), 3
        self._crossings, self._squares_A2 = np.zeros(kinds, int), []
        self._lowest, self._highest = np.full(kinds, np.inf), np.full(kinds, -np.inf)

    def advance(self, positions_A: np.ndarray, cell_A: np.ndarray, frame: int) -> tuple[np.ndarray, np.ndarray]:
        """Unwrapped positions and cell of the next frame, (atoms, 3) and (3, 3).

        The cell is the basis of the frame's lattice that is nearest to the last cell.

        Raises:
            SaltflowError: the cell has no volume or is another one, or the image of an atom is ambiguous.
        """
        if not np.all(np.isfinite(cell_A)) or abs(np.linalg.det(cell_A)) <= 1e-6 * np.linalg.norm(cell_A) ** 3:
            raise SaltflowError(
                f"{self._source}: the cell of frame {frame} has no volume; correct it, or give the cell with --cell."
            )
        self._record_reach(positions_A @ np.linalg.inv(cell_A), cell_A)
        if self._cell_A is not None:
            cell_A = self._nearest_basis_A(cell_A, frame)
        written = positions_A @ np.linalg.inv(cell_A)
        if self._fractional is None:
            self._fractional = written
        else:
            raw = written - (self._fractional if self._written is None else self._written)
            steps = raw if self._unwrapped else self._nearest(raw, cell_A, frame)
            self._record(raw, steps, cell_A)
            self._fractional = self._fractional + steps
        self._written, self._cell_A = written, cell_A
        return self._fractional @ cell_A, cell_A

    def go_back(self, positions_A: np.ndarray, cell_A: np.ndarray, frames: int) -> None:
        """Go on from an earlier frame: its unwrapped positions, its cell, and the number of frames up to it."""
        self._fractional, self._cell_A = positions_A @ np.linalg.inv(cell_A), cell_A
        self._written = self._as_written = None
        for followed in (self._quartiles_A, self._farthest, self._squares_A2):
            del followed[frames - 1 :]

    def longest_steps(self, within: np.ndarray) -> dict[str, list[float]]:
        """The longest step of each element: Å, atom, and the frame in which it ends.

        Args:
            within: whether each step spans one interval, (frames − 1,).
        """
        numbers = np.flatnonzero(within)
        if not len(numbers):
            return {}
        steps = np.array([self._farthest[number] for number in numbers.tolist()])
        found = {}
        for index, symbol in enumerate(self._species):
            step = int(steps[:, index, 0].argmax())
            found[symbol] = [float(steps[step, index, 0]), int(steps[step, index, 1]), int(numbers[step]) + 1]
        return found

    def squared_steps_A2(self, within: np.ndarray) -> dict[str, list[float]]:
        """Mean squared step of each element in quarters of the run; none where these are short.

        Args:
            within: whether each step spans one interval, (frames − 1,).
        """
        steps_A2 = np.array(self._squares_A2)[within]
        if len(steps_A2) < 4 * FRAMES_OF_QUARTER:
            return {}
        quarters = np.array([part.mean(axis=0) for part in np.array_split(steps_A2, 4)])
        return dict(zip(self._species, quarters.T.tolist(), strict=True))

    def check(self) -> None:
        """Check the whole file.

        Raises:
            SaltflowError: many atoms jump in one frame, atoms jump at the boundary, or positions that are called
                unwrapped are wrapped.
        """
        if self._unwrapped:
            if self._wraps and np.all(self._highest.max(axis=0) - self._lowest.min(axis=0) < 1.02):
                raise SaltflowError(
                    f"{self._source} calls its positions unwrapped, but they never leave the cell while atoms "
                    "cross it; write unwrapped positions."
                )
        else:
            self._check_reach()
        if self._boundary_A and not self._unwrapped:
            jump_A = float(np.median(self._boundary_A))
            if jump_A > max(LARGEST_BOUNDARY_RATIO * self._longest_A, SHORTEST_BOUNDARY_JUMP_A):
                raise SaltflowError(
                    f"{self._source}: atoms that cross the boundary of the cell jump by {jump_A:.1f} Å, others move "
                    f"by {self._longest_A:.1f} Å at most: positions were wrapped in another cell, or its vectors point "
                    "elsewhere; write cell vectors (extended XYZ, LAMMPS dump) or correct --cell."
                )
        self._check_jumps()
        if not self._oriented and self._fits_when_turned():
            raise SaltflowError(
                f"{self._source}: positions leave the cell in one direction and would fit with its vectors exchanged; "
                "the file says lengths and angles alone: write cell vectors (extended XYZ, LAMMPS dump)."
            )

    def _check_reach(self) -> None:
        """Atoms that cross a boundary in wrapped positions fill the cell from end to end."""
        reach = self._highest - self._lowest
        for axis in range(3):
            crossing = self._crossings[:, axis] >= FEWEST_CROSSINGS
            if crossing.any() and np.all(np.abs(reach[crossing, axis] - 1) > REACH_TOLERANCE):
                fraction = reach[crossing, axis][np.abs(reach[crossing, axis] - 1).argmin()]
                length_A = np.linalg.norm(self._cell_A[axis])
                raise SaltflowError(
                    f"{self._source}: positions were wrapped in a cell of {fraction * length_A:.4g} Å along "
                    f"{'abc'[axis]}, not of {length_A:.4g} Å; correct the cell."
                )

    def _fits_when_turned(self) -> bool:
        lengths_A = np.linalg.norm(self._cell_A, axis=1)
        reach_A = (self._highest.max(axis=0) - self._lowest.min(axis=0)) * lengths_A
        leaves = np.any(reach_A > 1.05 * lengths_A)
        return bool(leaves and np.all(np.sort(reach_A) <= 1.02 * np.sort(lengths_A)))

    def _check_jumps(self) -> None:
        if len(self._quartiles_A) < FEWEST_STEPS:
            return
        steps_A = np.pad(self._quartiles_A, 2)
        around_A = np.max([steps_A[:-4], steps_A[1:-3], steps_A[3:-1], steps_A[4:]], axis=0)
        excess_A = np.array(self._quartiles_A) - LARGEST_JUMP_RATIO * around_A
        frame = int(excess_A.argmax())
        if around_A[frame] > 0 and excess_A[frame] > 0:
            raise SaltflowError(
                f"{self._source}: many atoms jump from frame {frame} to {frame + 1}, by {self._quartiles_A[frame]:.2g} "
                f"Å where {around_A[frame]:.2g} Å are usual: runs were joined, frames repeated or atoms reordered; "
                "give every run as a file of its own."
            )

    def _nearest_basis_A(self, cell_A: np.ndarray, frame: int) -> np.ndarray:
        """The basis of the lattice nearest to the last cell: LAMMPS flips a cell that is sheared far."""
        turn = np.rint(self._cell_A @ np.linalg.inv(cell_A))
        same = turn @ cell_A
        strain = np.abs(same @ np.linalg.inv(self._cell_A) - np.eye(3)).max()
        if round(abs(np.linalg.det(turn))) != 1 or strain > LARGEST_STRAIN:
            raise SaltflowError(
                f"{self._source}: the cell of frame {frame} is another one than that of frame {frame - 1}; "
                "give the parts as files of their own."
            )
        return same

    def _nearest(self, raw: np.ndarray, cell_A: np.ndarray, frame: int) -> np.ndarray:
        """Steps to the nearest image, found in the least skewed basis of the lattice."""
        if np.abs(cell_A - self._reduced_for).max() > 1e-2 * np.abs(cell_A).max():
            self._reduction, self._reduced_for = minkowski_reduce(cell_A)[1].astype(float), cell_A
        to_reduced = np.linalg.inv(self._reduction)
        in_reduced = raw @ to_reduced
        steps = in_reduced - np.rint(in_reduced)
        if steps.size and np.abs(steps).max() >= LARGEST_CERTAIN_STEP:
            atom = int(np.abs(steps).max(axis=1).argmax())
            raise SaltflowError(
                f"{self._source}: atom {atom} moves by {np.abs(steps).max():.2f} of the cell up to frame {frame}: its "
                "periodic image is ambiguous; write unwrapped positions or frames more often."
            )
        return steps @ self._reduction

    def _record_reach(self, fractional: np.ndarray, cell_A: np.ndarray) -> None:
        """Where atoms of each species are in the cell as written, and how often they cross its boundaries."""
        self._lowest = np.minimum(self._lowest, [fractional[group].min(axis=0) for group in self._groups])
        self._highest = np.maximum(self._highest, [fractional[group].max(axis=0) for group in self._groups])
        if self._as_written is not None:
            last, last_cell_A = self._as_written
            if np.abs(cell_A - last_cell_A).max() < LARGEST_STRAIN * np.abs(cell_A).max():  # no flip
                self._crossings += [(np.abs(fractional - last)[group] > 0.5).sum(axis=0) for group in self._groups]
        self._as_written = fractional, cell_A

    def _record(self, raw: np.ndarray, steps: np.ndarray, cell_A: np.ndarray) -> None:
        lengths_A = np.linalg.norm(steps @ cell_A, axis=1)
        self._quartiles_A.append(float(np.quantile(lengths_A, 0.75)))
        self._squares_A2.append([float((lengths_A[group] ** 2).mean()) for group in self._groups])
        farthest = [group[lengths_A[group].argmax()] for group in self._groups]
        self._farthest.append(np.stack([lengths_A[farthest], farthest], axis=1))
        if self._written is not None:
            crossed = np.abs(raw).max(axis=1) > 0.5
            self._wraps = self._wraps or bool(crossed.any())
            self._longest_A = max(self._longest_A, float(lengths_A[~crossed].max(initial=0.0)))
            self._boundary_A.extend(lengths_A[crossed][:BOUNDARY_STEPS_KEPT].tolist())
