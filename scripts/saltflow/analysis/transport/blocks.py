"""Displacements at the lags of the fit window, per block of time, for the errors."""

from dataclasses import dataclass

import numpy as np

from saltflow.analysis.transport.displacements import FULL_RATE_LAGS, Displacements, frame_stride
from saltflow.trajectory.chunks import SeriesChunk, series_chunks
from saltflow.trajectory.segments import Segment, System

# Neighbouring origins are 1/128 of the lag apart.
ORIGINS_PER_LAG = 128


def displacement_blocks(system: System, lags: np.ndarray, *, block_frames: int) -> tuple[Displacements, np.ndarray]:
    """Displacements at chosen lags, per block of time, in the collective frame.

    An origin belongs to the block that holds the middle of its interval: every pair of frames is used once, and
    neighbouring blocks share little.

    Args:
        system: the state point.
        lags: lags in frames, all of them of `available_lags`.
        block_frames: smallest length of a block; a segment is divided evenly.

    Returns:
        The sums with blocks as first axis, and the replica of each block, (blocks,).
    """
    parts, replicas = [], []
    for segment in system.segments:
        blocks = max(1, segment.n_frames // block_frames)
        parts.append(_segment_blocks(system, segment, np.asarray(lags), blocks))
        replicas += [segment.replica] * blocks
    names = ("origins", "squared_A2", "collective_A2")
    stacked = [np.concatenate([getattr(part, name) for part in parts]) for name in names]
    return Displacements(*stacked).barycentric(system), np.array(replicas)


def _segment_blocks(system: System, segment: Segment, lags: np.ndarray, blocks: int) -> Displacements:
    species, near = len(system.species), lags <= FULL_RATE_LAGS
    sums = Displacements(
        np.zeros((blocks, len(lags))),
        np.zeros((blocks, len(lags), species)),
        np.zeros((blocks, len(lags), species, species)),
    )
    for stride, chosen in ((1, np.flatnonzero(near)), (frame_stride(system.longest_run), np.flatnonzero(~near))):
        overlap = int(lags[chosen].max(initial=0)) // stride
        frames = segment.frames[::stride] if len(chosen) else range(0)
        for chunk in series_chunks(
            segment.run, frames, segment.species_of, basis_A=segment.basis_A, overlap=overlap,
            task=f"Errors: replica {segment.replica + 1}",
        ):  # fmt: skip
            origins = {
                index: spaced_origins_of(chunk, int(lags[index]), blocks=blocks, n_frames=segment.n_frames)
                for index in chosen
            }
            _add_chunk(sums, chunk, {index: some for index, some in origins.items() if len(some.blocks)})
    return sums


@dataclass(frozen=True)
class SpacedOrigins:
    """Evenly spaced origins of one lag in a chunk.

    Args:
        starts: positions of the origins in the chunk.
        ends: positions of the ends of their intervals.
        frames_apart: frames from one to the next.
        changes: where the first origin of each block of time stands among them, (blocks,).
        blocks: which blocks these are, (blocks,).
    """

    starts: slice
    ends: slice
    frames_apart: int
    changes: np.ndarray
    blocks: np.ndarray

    def moves_A(self, series_A: np.ndarray) -> np.ndarray:
        """r(t + lag) − r(t) at the origins, from (..., frames), (..., origins)."""
        return series_A[..., self.ends] - series_A[..., self.starts]

    @property
    def total(self) -> int:
        """Number of frames that the origins stand for."""
        return self.frames_apart * len(range(self.starts.start, self.starts.stop, self.starts.step))

    def per_block(self, values: np.ndarray) -> np.ndarray:
        """Sums over each block, (blocks,); each origin stands for all frames up to the next origin."""
        return self.frames_apart * np.add.reduceat(values, self.changes)


def spaced_origins_of(chunk: SeriesChunk, lag: int, *, blocks: int, n_frames: int) -> SpacedOrigins:
    """The origins of a lag in a chunk of a segment that is divided into blocks of time.

    Args:
        chunk: new frames and overlap.
        lag: in frames of the trajectory.
        blocks: of the segment.
        n_frames: of the segment.
    """
    stride = chunk.frames.step
    step, ahead = _origin_step(lag, stride) // stride, lag // stride
    first = -(-chunk.start // step) * step
    end = min(chunk.start + chunk.new, len(chunk.frames) - ahead)
    of_block = ((np.arange(first, end, step) * stride + lag / 2) * blocks / n_frames).astype(int)
    changes = np.flatnonzero(np.diff(of_block, prepend=-1))
    here, there = first - chunk.start, max(first, end) - chunk.start
    return SpacedOrigins(
        slice(here, there, step), slice(here + ahead, there + ahead, step), step * stride, changes, of_block[changes]
    )


def _origin_step(lag: int, stride: int) -> int:
    """Frames from one origin to the next, a multiple of the stride."""
    return max(1, lag // ORIGINS_PER_LAG // stride) * stride


def _add_chunk(sums: Displacements, chunk: SeriesChunk, origins: dict[int, SpacedOrigins]) -> None:
    """Add the displacements at the origins of each lag in a chunk."""
    species = sums.squared_A2.shape[-1]
    totals_A = np.zeros((species, 3, chunk.stop - chunk.start))
    for kind, series_A in chunk.series_A():
        totals_A[kind] += series_A.sum(axis=0)
        for index, some in origins.items():
            moves_A = some.moves_A(series_A)
            sums.squared_A2[some.blocks, index, kind] += some.per_block(np.einsum("ajt,ajt->t", moves_A, moves_A))
    for index, some in origins.items():
        moves_A = some.moves_A(totals_A)
        sums.origins[some.blocks, index] += some.per_block(np.ones(moves_A.shape[-1]))
        for first in range(species):
            for second in range(species):
                products_A2 = np.einsum("jt,jt->t", moves_A[first], moves_A[second])
                sums.collective_A2[some.blocks, index, first, second] += some.per_block(products_A2)
