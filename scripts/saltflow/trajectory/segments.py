"""Segments of trajectories without gaps in time, and the system that they belong to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from numbers import Real

import numpy as np

from saltflow.base.errors import SaltflowError
from saltflow.trajectory.chunks import FRACTIONAL, read_coordinates
from saltflow.trajectory.memory import UNWRAPPED, TrajectoryReader
from saltflow.trajectory.state_point_checks import check_state_point

FEWEST_FRAMES = 20
INTERVAL_TOLERANCE = 0.01
STEPS_LOOKED_AT = 50


@dataclass(frozen=True)
class Segment:
    """Frames of one replica at a constant interval, without a gap.

    Args:
        replica: index of the trajectory that it comes from.
        run: the trajectory.
        first: its first frame in the trajectory.
        n_frames: number of frames.
        species_of: index of each atom's species, (atoms,).
        mean_cell_A: mean cell of the replica, (3, 3).
        breathes: whether the cell changes.
    """

    replica: int
    run: TrajectoryReader
    first: int
    n_frames: int
    species_of: np.ndarray
    mean_cell_A: np.ndarray
    breathes: bool

    @property
    def frames(self) -> range:
        """Its frames in the trajectory."""
        return range(self.first, self.first + self.n_frames)

    @property
    def basis_A(self) -> np.ndarray | None:
        """The basis in which a breathing cell moves no atom (`chunks`); None where the cell does not change."""
        return self.mean_cell_A if self.breathes else None


@dataclass(frozen=True)
class System:
    """The cell of one state point, and the segments of its trajectories.

    Args:
        species: element symbols, sorted.
        counts: atoms of each species in the cell, (species,).
        charges: formal charge of each species in e, (species,).
        masses_u: atomic mass of each species, (species,).
        mobile: index of the mobile ion in `species`.
        volume_A3: mean volume over frames and replicas.
        temperature_K: temperature of the run.
        interval_ps: time between frames.
        collective_frame: "barycentric"; "laboratory" where there is one species only.
        segments: the segments of all replicas.
    """

    species: tuple[str, ...]
    counts: np.ndarray
    charges: np.ndarray
    masses_u: np.ndarray
    mobile: int
    volume_A3: float
    temperature_K: float
    interval_ps: float
    collective_frame: str
    segments: tuple[Segment, ...]

    @cached_property
    def centre_weights(self) -> np.ndarray:
        """Weights w such that Σ_b w_b ΔR_b moves with the centre of mass of all atoms, (species,)."""
        return self.masses_u / (self.masses_u @ self.counts)

    @cached_property
    def framework_weights(self) -> np.ndarray:
        """Weights f such that Σ_b f_b ΔR_b moves with the framework's centre of mass, (species,)."""
        weights = self.masses_u.copy()
        weights[self.mobile] = 0.0
        mass = weights @ self.counts
        return weights / mass if mass > 0 else weights

    @property
    def longest_run(self) -> int:
        """Frames of the longest segment."""
        return max(segment.n_frames for segment in self.segments)

    @property
    def n_replicas(self) -> int:
        """Number of replicas."""
        return len({segment.replica for segment in self.segments})


def prepare_system(
    trajectories: Sequence[TrajectoryReader], *, charges: Mapping[str, float], mobile_ion: str, temperature_K: float
) -> System:
    """Check the replicas of one state point and cut them into segments.

    Raises:
        SaltflowError: no or too short trajectories, replicas that differ, a charge or the mobile ion missing, or
            positions that jump to the other side of the cell.
    """
    check_state_point(trajectories, temperature_K=temperature_K, mobile_ion=mobile_ion)
    first = trajectories[0]
    species = tuple(sorted(set(first.symbols)))
    _check_same_composition(trajectories)
    interval_ps = _common_interval_ps(trajectories)
    for replica, run in enumerate(trajectories):
        _check_unwrapped(replica, run, interval_ps=interval_ps)
    return System(
        species=species,
        counts=np.array([first.symbols.count(symbol) for symbol in species]),
        charges=_charges_of(species, charges),
        masses_u=np.array([first.masses_u[np.array(first.symbols) == symbol].mean() for symbol in species]),
        mobile=species.index(mobile_ion),
        volume_A3=float(np.mean([np.abs(np.linalg.det(run.cells_A)).mean() for run in trajectories])),
        temperature_K=float(temperature_K),
        interval_ps=interval_ps,
        collective_frame="laboratory" if len(species) == 1 else "barycentric",
        segments=tuple(
            segment
            for replica, run in enumerate(trajectories)
            for segment in _segments(replica, run, species, interval_ps=interval_ps)
        ),
    )


def _charges_of(species: Sequence[str], charges: Mapping[str, float]) -> np.ndarray:
    missing = [symbol for symbol in species if symbol not in charges]
    if missing:
        raise SaltflowError(f"No charge is given for {', '.join(missing)}; add it to the oxidation states.")
    for symbol in species:
        if not isinstance(charges[symbol], Real):
            raise SaltflowError(
                f"{symbol} carries the charges {charges[symbol]!r} at once: a formal charge is one number "
                "per element; give the mean of a mixed valence or leave the composition out."
            )
    return np.array([float(charges[symbol]) for symbol in species])


def _check_same_composition(trajectories: Sequence[TrajectoryReader]) -> None:
    for replica, run in enumerate(trajectories):
        if run.n_frames < FEWEST_FRAMES:
            raise SaltflowError(
                f"Trajectory {replica} has {run.n_frames} frames; at least {FEWEST_FRAMES} are needed for a "
                "displacement curve: run longer or write frames more often."
            )
        if sorted(run.symbols) != sorted(trajectories[0].symbols):
            raise SaltflowError(
                f"Trajectory {replica} holds other atoms than trajectory 0; replicas of one state point must have the "
                "same composition and size."
            )


def _check_unwrapped(replica: int, run: TrajectoryReader, *, interval_ps: float) -> None:
    """Check evenly spaced steps from frame to frame: in a wrapped run, some atom always crosses the boundary."""
    if run.metadata.get(UNWRAPPED):
        return
    steady = np.flatnonzero(np.diff(run.times_ps) < (1 + INTERVAL_TOLERANCE) * interval_ps)
    chosen = steady[np.unique(np.linspace(0, len(steady) - 1, STEPS_LOOKED_AT).astype(int))]
    for frame in chosen.tolist():
        fractional = read_coordinates(run, range(frame, frame + 2), basis_A=FRACTIONAL)
        if (step := np.abs(fractional[1] - fractional[0]).max(axis=1)).max() > 0.5:
            raise SaltflowError(
                f"Trajectory {replica} is wrapped: atom {int(step.argmax())} moves by {step.max():.2f} of the cell "
                f"from frame {frame} to {frame + 1}. Write unwrapped positions (LAMMPS: xu yu zu or image flags), or "
                "frames more often."
            )


def _common_interval_ps(trajectories: Sequence[TrajectoryReader]) -> float:
    intervals_ps = [float(np.median(np.diff(run.times_ps))) for run in trajectories]
    if np.ptp(intervals_ps) > INTERVAL_TOLERANCE * min(intervals_ps):
        raise SaltflowError(
            f"The trajectories were written every {', '.join(f'{value:g}' for value in intervals_ps)} ps; "
            "the replicas of one state point need one interval."
        )
    return float(np.mean(intervals_ps))


def _segments(replica: int, run: TrajectoryReader, species: Sequence[str], *, interval_ps: float) -> list[Segment]:
    steps = np.diff(run.times_ps) / interval_ps
    if np.any(steps < 1 - INTERVAL_TOLERANCE):
        frame = int(np.argmax(steps < 1 - INTERVAL_TOLERANCE))
        raise SaltflowError(
            f"Trajectory {replica} has frames {frame} and {frame + 1} "
            f"only {steps[frame] * interval_ps:g} ps apart, less than its interval of {interval_ps:g} ps; "
            "write frames at a constant interval."
        )
    edges = [0, *(np.flatnonzero(steps > 1 + INTERVAL_TOLERANCE) + 1).tolist(), run.n_frames]
    spans = [(start, stop - start) for start, stop in pairwise(edges) if stop - start >= FEWEST_FRAMES]
    if not spans:
        raise SaltflowError(
            f"Trajectory {replica} has gaps in its times and no {FEWEST_FRAMES} frames in a row between them; "
            "run longer or write frames at a constant interval."
        )
    species_of = np.searchsorted(species, run.symbols)
    mean_cell_A = run.cells_A.mean(axis=0)
    breathes = bool(np.ptp(run.cells_A, axis=0).max() > 0.0)
    return [Segment(replica, run, first, frames, species_of, mean_cell_A, breathes) for first, frames in spans]
