"""Density of the mobile ion in one replica, and mean positions of its framework."""

from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms
from ase.geometry import find_mic

from saltflow.analysis.pathways.grid import Grid, deposit, smooth
from saltflow.base.errors import SaltflowError
from saltflow.trajectory.chunks import FRACTIONAL, frame_chunks, framework_weights
from saltflow.trajectory.memory import TrajectoryReader

FEWEST_FRAMES = 4


@dataclass(frozen=True)
class IonDensity:
    """Density of the mobile ion in one replica, or in a part of its run.

    Args:
        grid: its voxels.
        counts: visits of each voxel, (n₁, n₂, n₃); not whole numbers once smoothed.
        samples: ions × frames.
        voxels_averaged: effective number of voxels in the smoothing kernel, 1 without smoothing.
    """

    grid: Grid
    counts: np.ndarray
    samples: int
    voxels_averaged: float = 1.0

    @property
    def mean_count(self) -> float:
        """Count of a voxel at uniform density."""
        return self.samples / self.grid.voxels

    def smoothed(self, width_A: float) -> "IonDensity":
        """The density convolved with a Gaussian of some standard deviation."""
        offsets, weights = self.grid.kernel(width_A)
        counts = smooth(self.counts, offsets, weights)
        return replace(self, counts=counts, voxels_averaged=float(1 / (weights**2).sum()))


@dataclass(frozen=True)
class Framework:
    """The atoms other than the mobile ion, at their mean positions.

    Args:
        atoms: mean positions, wrapped into the mean cell.
        rms_A: root mean square displacement of the atoms from their mean positions; nan without atoms.
    """

    atoms: Atoms
    rms_A: float

    def nearest(self, position_A: np.ndarray, *, count: int) -> list[tuple[str, float]]:
        """Elements and distances of the atoms nearest to a point, nearest first."""
        if not len(self.atoms):
            return []
        vectors_A = self.atoms.positions - position_A
        _, distances_A = find_mic(vectors_A, self.atoms.cell)
        return [(self.atoms.symbols[index], float(distances_A[index])) for index in np.argsort(distances_A)[:count]]


def measure_density(
    run: TrajectoryReader, *, mobile_ion: str, spacing_A: float, multiple_of: int
) -> tuple[IonDensity, IonDensity, Framework]:
    """Densities in the first and in the second half of a run, in the frame of the framework.

    The drift of the framework's centre of mass is subtracted; without a framework the frame is the laboratory.

    Args:
        run: one replica; in a cell that changes, fractional coordinates are counted on the mean cell.
        mobile_ion: element whose density it is.
        spacing_A: largest edge of a voxel.
        multiple_of: numbers of voxels are multiples of this.

    Raises:
        SaltflowError: too few frames.
    """
    if run.n_frames < FEWEST_FRAMES:
        raise SaltflowError(
            f"A density needs at least {FEWEST_FRAMES} frames, not {run.n_frames}; run longer or write more often."
        )
    mobile = np.array(run.symbols) == mobile_ion
    cell_A = run.cells_A.mean(axis=0)
    grid = Grid.of_spacing(cell_A, spacing_A, multiple_of=multiple_of)
    halves = np.zeros((2, *grid.shape), dtype=np.uint32)
    middle, moments = run.n_frames // 2, _Moments()
    drift_weights = framework_weights(run, mobile_ion)
    for chunk in frame_chunks(run, range(run.n_frames), basis_A=FRACTIONAL, drift_weights=drift_weights):
        ions = chunk.coordinates[:, mobile]
        split = int(np.clip(middle - chunk.start, 0, len(ions)))
        for half, part in enumerate((ions[:split], ions[split:])):
            deposit(halves[half], part.reshape(-1, 3))
        moments.add(chunk.coordinates[:, ~mobile] @ cell_A)
    number = int(mobile.sum())
    first = IonDensity(grid, halves[0], number * middle)
    second = IonDensity(grid, halves[1], number * (run.n_frames - middle))
    symbols = [symbol for symbol in run.symbols if symbol != mobile_ion]
    return first, second, moments.framework(symbols, cell_A)


def sum_densities(first: IonDensity, second: IonDensity) -> IonDensity:
    """The density of two parts of a run together."""
    return replace(first, counts=first.counts + second.counts, samples=first.samples + second.samples)


class _Moments:
    """Sums of positions and of their squares, counted from the first frame."""

    def __init__(self) -> None:
        self.frames, self.start_A = 0, None
        self.sums_A, self.squares_A2 = 0.0, 0.0

    def add(self, positions_A: np.ndarray) -> None:
        self.start_A = positions_A[0] if self.start_A is None else self.start_A
        moved_A = positions_A - self.start_A
        self.frames += len(moved_A)
        self.sums_A = self.sums_A + moved_A.sum(axis=0)
        self.squares_A2 = self.squares_A2 + (moved_A**2).sum(axis=(0, 2))

    def framework(self, symbols: list[str], cell_A: np.ndarray) -> Framework:
        mean_A = self.sums_A / self.frames
        variance_A2 = self.squares_A2 / self.frames - (mean_A**2).sum(axis=1)
        atoms = Atoms(symbols, positions=self.start_A + mean_A, cell=cell_A, pbc=True)
        atoms.wrap()
        rms_A = float(np.sqrt(np.maximum(variance_A2, 0).mean())) if len(symbols) else float("nan")
        return Framework(atoms, rms_A)
