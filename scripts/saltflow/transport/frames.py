"""From trajectories to displacement-ready segments: species, reference frame, mean cell, gaps in time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Real

import numpy as np

from saltflow.errors import SaltflowError
from saltflow.trajectory import Trajectory

FEWEST_FRAMES = 20
INTERVAL_TOLERANCE = 0.01


@dataclass(frozen=True)
class Segment:
    """Frames of one glass at a constant interval, without a gap.

    Args:
        glass: index of the trajectory that it comes from.
        positions_A: positions in the collective frame, atoms sorted by species, (frames, atoms, 3).
    """

    glass: int
    positions_A: np.ndarray

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self.positions_A)


@dataclass(frozen=True)
class System:
    """Everything that transport needs to know of one composition at one temperature.

    Args:
        species: element symbols, sorted.
        counts: atoms of each species in the cell, (species,).
        charges: formal charge of each species in e, (species,).
        masses_u: atomic mass of each species, (species,).
        mobile: index of the mobile ion in `species`.
        volume_A3: mean volume over frames and glasses.
        temperature_K: temperature of the run.
        interval_ps: time between frames.
        collective_frame: "barycentric", or "laboratory" where there is no framework to move against.
        segments: the uninterrupted pieces of all glasses.
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
    def atoms_of(self) -> tuple[slice, ...]:
        """The atoms of each species in a segment."""
        ends = np.cumsum(self.counts)
        return tuple(slice(int(end - count), int(end)) for end, count in zip(ends, self.counts, strict=True))

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
    def n_glasses(self) -> int:
        """Number of glasses."""
        return len({segment.glass for segment in self.segments})


def prepare_system(
    trajectories: Sequence[Trajectory], *, charges: Mapping[str, float], mobile_ion: str, temperature_K: float
) -> System:
    """Check the glasses of one point and bring them into the frame of collective transport.

    Displacements are taken in fractional coordinates times the mean cell of each glass, so a breathing
    cell moves nothing by itself.

    Raises:
        SaltflowError: no or too short trajectories, glasses that differ, a charge or the mobile ion missing.
    """
    if not trajectories:
        raise SaltflowError("Transport needs at least one trajectory; run the molecular dynamics first.")
    if not temperature_K > 0:
        raise SaltflowError(f"Transport needs a temperature above 0 K, not {temperature_K} K.")
    first = trajectories[0]
    species = tuple(sorted(set(first.symbols)))
    if mobile_ion not in species:
        raise SaltflowError(f"The mobile ion {mobile_ion} is not among the atoms {', '.join(species)}.")
    _check_same_composition(trajectories)
    interval_ps = _common_interval_ps(trajectories)
    alone = len(species) == 1
    return System(
        species=species,
        counts=np.array([first.symbols.count(symbol) for symbol in species]),
        charges=_charges_of(species, charges),
        masses_u=np.array([first.masses_u[first.indices_of(symbol)].mean() for symbol in species]),
        mobile=species.index(mobile_ion),
        volume_A3=float(np.mean([np.abs(np.linalg.det(run.cells_A)).mean() for run in trajectories])),
        temperature_K=float(temperature_K),
        interval_ps=interval_ps,
        collective_frame="laboratory" if alone else "barycentric",
        segments=tuple(
            segment
            for glass, run in enumerate(trajectories)
            for segment in _segments(glass, run, interval_ps=interval_ps, laboratory=alone)
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


def _check_same_composition(trajectories: Sequence[Trajectory]) -> None:
    for glass, run in enumerate(trajectories):
        if run.n_frames < FEWEST_FRAMES:
            raise SaltflowError(
                f"Trajectory {glass} has {run.n_frames} frames; at least {FEWEST_FRAMES} are needed for a "
                "displacement curve: run longer or write frames more often."
            )
        if sorted(run.symbols) != sorted(trajectories[0].symbols):
            raise SaltflowError(
                f"Trajectory {glass} holds other atoms than trajectory 0; glasses of one point must have the "
                "same composition and size."
            )


def _common_interval_ps(trajectories: Sequence[Trajectory]) -> float:
    intervals_ps = [float(np.median(np.diff(run.times_ps))) for run in trajectories]
    if np.ptp(intervals_ps) > INTERVAL_TOLERANCE * min(intervals_ps):
        raise SaltflowError(
            f"The trajectories were written every {', '.join(f'{value:g}' for value in intervals_ps)} ps; "
            "the glasses of one point need one interval."
        )
    return float(np.mean(intervals_ps))


def _segments(glass: int, run: Trajectory, *, interval_ps: float, laboratory: bool) -> list[Segment]:
    steps = np.diff(run.times_ps) / interval_ps
    if np.any(steps < 1 - INTERVAL_TOLERANCE):
        frame = int(np.argmax(steps < 1 - INTERVAL_TOLERANCE))
        raise SaltflowError(
            f"Trajectory {glass} has frames {frame} and {frame + 1} "
            f"only {steps[frame] * interval_ps:g} ps apart, less than its interval of {interval_ps:g} ps; "
            "write frames at a constant interval."
        )
    positions_A = _mean_cell_positions(run)
    if not laboratory:
        positions_A -= (np.asarray(run.masses_u) @ positions_A / np.sum(run.masses_u))[:, None]
    positions_A = positions_A[:, np.argsort(run.symbols, kind="stable")]
    gaps = np.flatnonzero(steps > 1 + INTERVAL_TOLERANCE) + 1
    pieces = [piece for piece in np.split(positions_A, gaps) if len(piece) >= FEWEST_FRAMES]
    if not pieces:
        raise SaltflowError(
            f"Trajectory {glass} has gaps in its times and no {FEWEST_FRAMES} frames in a row between them; "
            "run longer or write frames at a constant interval."
        )
    return [Segment(glass, piece) for piece in pieces]


def _mean_cell_positions(run: Trajectory) -> np.ndarray:
    """Positions relative to the first frame in the mean cell, (frames, atoms, 3), float64."""
    positions_A = np.asarray(run.positions_A, dtype=float)
    if np.ptp(run.cells_A, axis=0).max() == 0.0:
        return positions_A - positions_A[0]
    fractional = positions_A @ np.linalg.inv(run.cells_A)
    fractional -= fractional[0].copy()
    return fractional @ run.cells_A.mean(axis=0)
