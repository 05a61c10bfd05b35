"""Displacements over lags: moments, and self and distinct van Hove functions."""

from dataclasses import dataclass, replace

import numpy as np

from saltflow.analysis.motion.ion_moments import IonMoments
from saltflow.statistics.blocked_sums import BlockedSums
from saltflow.statistics.lags_and_origins import LagSchedule, graded_lags, spaced_origins
from saltflow.trajectory.chunks import FrameChunk
from saltflow.trajectory.segments import Segment, System

MOST_BLOCKS = 20


@dataclass(frozen=True)
class LagPlan:
    """Lags and bins of distance, the same for all segments of a state point.

    Args:
        interval_ps: between frames.
        lags: in frames, ascending from 0, (lags,).
        van_hove: indices in `lags` of the lags with van Hove functions, the first of them 0, (curves,).
        edges_A: outer edges of the bins of distance, (bins,).
        origins_wanted: largest number of origins per segment.
    """

    interval_ps: float
    lags: np.ndarray
    van_hove: np.ndarray
    edges_A: np.ndarray
    origins_wanted: int


def plan_lags(
    *, longest: int, interval_ps: float, curves: int, r_max_A: float, bin_A: float, origins_wanted: int
) -> LagPlan:
    """Lags evenly spaced in the logarithm, with van Hove functions at some of them.

    Args:
        longest: longest lag in frames.
        interval_ps: between frames.
        curves: number of van Hove functions, besides that at lag 0.
        r_max_A, bin_A: range and width of their bins.
        origins_wanted: origins of each segment.
    """
    lags = graded_lags(longest, every_up_to=4, per_decade=8)
    targets = np.geomspace(max(longest, 1) ** (1 / max(curves, 1)), max(longest, 1), curves)
    chosen = np.abs(lags[:, None] - targets).argmin(axis=0)
    edges_A = bin_A * np.arange(1, max(1, int(r_max_A / bin_A + 1e-9)) + 1)
    return LagPlan(interval_ps, lags, np.unique(np.append(0, chosen)), edges_A, origins_wanted)


class DisplacementRecorder:
    """Σ r² and Σ r⁴ of every species, and counts of distances for the van Hove functions of the mobile ion.

    Args:
        system: species and cell.
        segment: its atoms.
        plan: lags and bins.
    """

    def __init__(self, system: System, segment: Segment, plan: LagPlan):
        self._plan, self._cell_A = plan, segment.mean_cell_A
        self._atoms = [np.flatnonzero(segment.species_of == kind) for kind in range(len(system.species))]
        self._mobile = self._atoms[system.mobile]
        self._origins = spaced_origins(segment.n_frames, wanted=plan.origins_wanted)
        self._appointments = LagSchedule(self._origins, plan.lags)
        self._blocks = min(MOST_BLOCKS, len(self._origins))
        self._starts: dict[int, np.ndarray] = {}
        lags, curves, bins = len(plan.lags), len(plan.van_hove), len(plan.edges_A)
        self._sums = {
            "origins": np.zeros((self._blocks, lags)),
            "second_A2": np.zeros((self._blocks, lags, len(self._atoms))),
            "fourth_A4": np.zeros((self._blocks, lags, len(self._atoms))),
            "self": np.zeros((self._blocks, curves, bins)),
            "distinct": np.zeros((self._blocks, curves, bins)),
        }
        self._ions = IonMoments(
            np.zeros(lags), np.zeros((2, lags, len(segment.species_of))), np.zeros((curves, len(self._mobile), bins))
        )

    @property
    def n_blocks(self) -> int:
        """Blocks of time that the segment is divided into."""
        return self._blocks

    def advance(self, chunk: FrameChunk) -> None:
        """Take in the frames that follow."""
        for row, positions_A in enumerate(chunk.coordinates):
            origins, lags = self._appointments.at(chunk.start + row)
            for origin, lag in zip(origins.tolist(), lags.tolist(), strict=True):
                if self._plan.lags[lag] == 0:
                    self._starts[origin] = positions_A.astype(np.float32)
                self._add(origin, lag, positions_A)

    def finish(self) -> tuple[BlockedSums, IonMoments]:
        """The sums of all origins, per block of time and per ion, after the last frame."""
        return BlockedSums(self._sums), replace(self._ions, origins=self._sums["origins"].sum(axis=0))

    def _add(self, origin: int, lag: int, positions_A: np.ndarray) -> None:
        block = origin * self._blocks // len(self._origins)
        moves_A = positions_A - self._starts[origin]
        squared_A2 = np.einsum("ax,ax->a", moves_A, moves_A)
        self._sums["origins"][block, lag] += 1
        self._ions.powers[0, lag] += squared_A2
        self._ions.powers[1, lag] += squared_A2**2
        for kind, atoms in enumerate(self._atoms):
            self._sums["second_A2"][block, lag, kind] += squared_A2[atoms].sum()
            self._sums["fourth_A4"][block, lag, kind] += (squared_A2[atoms] ** 2).sum()
        curve = int(np.searchsorted(self._plan.van_hove, lag))
        if curve < len(self._plan.van_hove) and self._plan.van_hove[curve] == lag:
            of_ions = self._histograms(squared_A2[self._mobile])
            self._ions.counts[curve] += of_ions
            self._sums["self"][block, curve] += of_ions.sum(axis=0)
            self._sums["distinct"][block, curve] += self._histogram(self._distinct_A2(origin, positions_A))

    def _distinct_A2(self, origin: int, positions_A: np.ndarray) -> np.ndarray:
        """Squared distances from the position of each ion at the origin to that of every other ion now."""
        vectors_A = positions_A[self._mobile].astype(np.float32) - self._starts[origin][self._mobile][:, None]
        vectors = vectors_A @ np.linalg.inv(self._cell_A).astype(np.float32)
        vectors -= np.rint(vectors)
        vectors_A = vectors @ self._cell_A.astype(np.float32)
        squared_A2 = np.einsum("ijx,ijx->ij", vectors_A, vectors_A)
        return squared_A2[~np.eye(len(self._mobile), dtype=bool)]

    def _histogram(self, squared_A2: np.ndarray) -> np.ndarray:
        inside, bins = self._bins(squared_A2)
        return np.bincount(bins[inside], minlength=len(self._plan.edges_A))

    def _histograms(self, squared_A2: np.ndarray) -> np.ndarray:
        """One of each ion, (ions, bins)."""
        inside, bins = self._bins(squared_A2)
        found = np.zeros((len(squared_A2), len(self._plan.edges_A)))
        found[np.flatnonzero(inside), bins[inside]] = 1
        return found

    def _bins(self, squared_A2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which distances are inside the range, and the bin of each."""
        edges_A = self._plan.edges_A
        bins = np.minimum((np.sqrt(squared_A2) / edges_A[0]).astype(int), len(edges_A) - 1)
        return squared_A2 < edges_A[-1] ** 2, bins


def non_gaussian(sums: BlockedSums, counts: np.ndarray) -> np.ndarray:
    """α2 = 3⟨r⁴⟩/(5⟨r²⟩²) − 1 of every species, (..., lags, species); nan without displacement.

    Source: Rahman, Phys. Rev. 136, A405 (1964).
    """
    second, fourth = moments(sums, counts)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(second > 0, 3 * fourth / (5 * second**2) - 1, np.nan)


def moments(sums: BlockedSums, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """⟨r²⟩ in Å² and ⟨r⁴⟩ in Å⁴ of every species, (..., lags, species).

    Args:
        sums: of recorders.
        counts: atoms of each species, (species,).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = sums["origins"][..., None] * counts
        return sums["second_A2"] / weights, sums["fourth_A4"] / weights


def van_hove(sums: BlockedSums, plan: LagPlan, *, ions: int, volume_A3: float) -> tuple[np.ndarray, np.ndarray]:
    """4πr²G_s(r, t) in 1/Å, and G_d(r, t) relative to an ideal gas, both (..., curves, bins).

    G_d is that of the distance from an ion at time 0 to another ion at t; at lag 0 it is g(r).

    Args:
        sums: of recorders.
        plan: lags and bins.
        ions: number of mobile ions.
        volume_A3: of the cell.
    """
    origins = sums["origins"][..., plan.van_hove][..., None]
    shells_A3 = 4 / 3 * np.pi * np.diff(np.append(0.0, plan.edges_A) ** 3)
    with np.errstate(divide="ignore", invalid="ignore"):
        self_part = sums["self"] / (origins * ions * plan.edges_A[0])
        ideal = origins * max(ions * (ions - 1), 1) * shells_A3 / volume_A3
        return self_part, sums["distinct"] / ideal
