"""Averages over frames, and their standard errors over blocks of time and replicas."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from saltflow.statistics.estimate import Estimate
from saltflow.statistics.jackknife import STRUCTURE_SIGNIFICANCE, combine_replicates

TIME_BLOCKS = 5

Means = Mapping[Hashable, np.ndarray]
Estimator = Callable[[Means], Mapping[Hashable, np.ndarray]]


class BlockAverages:
    """Sums of observables per block of time, added frame by frame.

    An observable that a frame lacks counts as 0 there.
    """

    def __init__(self) -> None:
        self._sums: list[dict] = []
        self._frames: list[int] = []
        self._replicas: list[int] = []

    def begin(self, *, replica: int) -> None:
        """Begin a new block of a replica."""
        self._sums.append({})
        self._frames.append(0)
        self._replicas.append(replica)

    def add(self, observed: Mapping[Hashable, np.ndarray | float]) -> None:
        """Add a frame to the current block."""
        sums = self._sums[-1]
        self._frames[-1] += 1
        for name, value in observed.items():
            sums[name] = sums.get(name, 0.0) + np.asarray(value, dtype=float)

    @property
    def frames(self) -> np.ndarray:
        """Frames of each block, (blocks,)."""
        return np.array(self._frames)

    @property
    def replicas(self) -> np.ndarray:
        """Replica of each block, (blocks,)."""
        return np.array(self._replicas)

    def sums(self) -> dict[Hashable, np.ndarray]:
        """Observable → its sum over the frames of each block, (blocks, ...)."""
        shapes = {name: np.shape(value) for block in self._sums for name, value in block.items()}
        return {
            name: np.stack([block.get(name, np.zeros(shape)) for block in self._sums]) for name, shape in shapes.items()
        }


def estimate_averages(
    blocks: BlockAverages, estimator: Estimator, *, unbiased: Sequence[Hashable] = ()
) -> dict[Hashable, Estimate]:
    """Quantities derived from averages, with errors that include the covariance of the averages.

    Args:
        blocks: of all replicas.
        estimator: averages over frames, observable → (...), to quantity → (...).
        unbiased: quantities whose bias from a finite sample the jackknife subtracts to first order:
            n θ − (n − 1) ⟨θ without one of n replicas⟩; blocks take the place of replicas where there is only one.
    """
    sums, frames, replicas = blocks.sums(), blocks.frames, blocks.replicas
    value = estimator({name: total.sum(axis=0) / frames.sum() for name, total in sums.items()})
    by_block = _replicates(sums, frames, np.arange(len(frames)), estimator)
    by_replica = _replicates(sums, frames, replicas, estimator)
    estimates = {
        name: combine_replicates(
            np.asarray(value[name], dtype=float),
            _of(by_block, name),
            _of(by_replica, name),
            significance=STRUCTURE_SIGNIFICANCE,
        )
        for name in value
    }
    return estimates | {name: _unbiased(estimates[name], by_replica or by_block, name) for name in unbiased}


def _unbiased(biased: Estimate, replicates: list[Means], name: Hashable) -> Estimate:
    if not replicates:
        return biased
    value = len(replicates) * biased.value - (len(replicates) - 1) * _of(replicates, name).mean(axis=0)
    return replace(biased, value=value)


def _replicates(sums: Means, frames: np.ndarray, groups: np.ndarray, estimator: Estimator) -> list[Means]:
    """Quantities without each group of blocks; none where there is only one group."""
    names = np.unique(groups)
    if len(names) < 2:
        return []
    replicates = []
    for group in names:
        kept = groups != group
        replicates.append(
            estimator({name: total[kept].sum(axis=0) / frames[kept].sum() for name, total in sums.items()})
        )
    return replicates


def _of(replicates: Sequence[Means], name: Hashable) -> np.ndarray | None:
    return np.stack([np.asarray(each[name], dtype=float) for each in replicates]) if replicates else None


def chosen_frames(n_frames: int, wanted: int) -> np.ndarray:
    """Evenly spaced frames of a trajectory, at most `wanted`."""
    return np.unique(np.linspace(0, n_frames - 1, min(wanted, n_frames)).round().astype(int))


def time_blocks(frames: np.ndarray) -> list[np.ndarray]:
    """Frames in blocks of time of (nearly) equal size."""
    return np.array_split(frames, min(TIME_BLOCKS, len(frames)))
