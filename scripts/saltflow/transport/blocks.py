"""Displacements at the lags of a window, per block of time: what the errors are made of."""

import numpy as np

from saltflow.transport.displacements import (
    FULL_RATE_LAGS,
    Displacements,
    add_totals,
    atom_groups,
    frame_stride,
    read_pieces,
)
from saltflow.transport.frames import Segment, System

# Origins lie so close that neighbours share all but 1/128 of their interval.
ORIGINS_PER_LAG = 128


def displacement_blocks(system: System, lags: np.ndarray, *, block_frames: int) -> tuple[Displacements, np.ndarray]:
    """Displacements at chosen lags, per block of time, in the collective frame.

    An origin belongs to the block that holds the middle of its interval, so every pair of frames is used
    once and neighbouring blocks share little.

    Args:
        system: the point.
        lags: lags in frames, all of them of `available_lags`.
        block_frames: length of a block; the last one of a segment takes the remainder by even division.

    Returns:
        The sums with blocks as first axis, and the glass of each block, (blocks,).
    """
    parts, glasses = [], []
    for segment in system.segments:
        blocks = max(1, segment.n_frames // block_frames)
        parts.append(_segment_blocks(system, segment, np.asarray(lags), blocks))
        glasses += [segment.glass] * blocks
    names = ("origins", "squared_A2", "collective_A2")
    stacked = [np.concatenate([getattr(part, name) for part in parts]) for name in names]
    return Displacements(*stacked).barycentric(system), np.array(glasses)


def _segment_blocks(system: System, segment: Segment, lags: np.ndarray, blocks: int) -> Displacements:
    species, stride = len(system.species), frame_stride(system.longest_run)
    steps = [_origin_step(lag, stride) for lag in lags]
    origins = [np.arange(0, max(segment.n_frames - lag, 0), step) for lag, step in zip(lags, steps, strict=True)]
    squares_A2, totals_A = _read_moves(segment, lags, origins, steps, species=species, stride=stride)
    sums = Displacements(
        np.zeros((blocks, len(lags))),
        np.zeros((blocks, len(lags), species)),
        np.zeros((blocks, len(lags), species, species)),
    )
    for index, (lag, step, starts) in enumerate(zip(lags, steps, origins, strict=True)):
        block = ((starts + lag / 2) * blocks / segment.n_frames).astype(int)
        moves_A = totals_A[starts + lag] - totals_A[starts]
        # An origin stands for all that were left out up to the next one.
        np.add.at(sums.origins[:, index], block, step)
        np.add.at(sums.squared_A2[:, index], block, step * squares_A2[index])
        np.add.at(sums.collective_A2[:, index], block, step * np.einsum("taj,tbj->tab", moves_A, moves_A))
    return sums


def _origin_step(lag: int, stride: int) -> int:
    """Frames from one origin to the next; a whole number of strides for lags beyond the full rate."""
    unit = 1 if lag <= FULL_RATE_LAGS else stride
    return max(1, int(lag) // ORIGINS_PER_LAG // unit) * unit


def _read_moves(
    segment: Segment, lags: np.ndarray, origins: list[np.ndarray], steps: list[int], *, species: int, stride: int
) -> tuple[list[np.ndarray], np.ndarray]:
    """Σ_{i∈a} |r_i(t + lag) − r_i(t)|² at the origins of each lag, (origins, species), and the totals R_a."""
    squares_A2 = [np.zeros((len(starts), species)) for starts in origins]
    totals_A = np.zeros((segment.n_frames, species, 3))
    near = [index for index, lag in enumerate(lags) if lag <= FULL_RATE_LAGS]
    far = [index for index, lag in enumerate(lags) if lag > FULL_RATE_LAGS]
    overlap = max((int(lags[index]) for index in near), default=0)
    for atoms in atom_groups(segment, what="Errors"):
        kinds, strided_A = segment.species_of[atoms], []
        for start, new, positions_A in read_pieces(segment, atoms, overlap=overlap):
            add_totals(totals_A[start : start + new], positions_A[:new], kinds)
            for index in near:
                here = slice(*np.searchsorted(origins[index], (start, start + new)))
                _add_squares(squares_A2[index][here], positions_A, origins[index][here] - start, lags[index], kinds)
            if far:
                strided_A.append(positions_A[-start % stride : new : stride].copy())
        for index in far:
            series_A = np.concatenate(strided_A)
            _add_squares(squares_A2[index], series_A, origins[index] // stride, lags[index] // stride, kinds)
    return squares_A2, totals_A


def _add_squares(sums_A2: np.ndarray, positions_A: np.ndarray, starts: np.ndarray, lag: int, kinds: np.ndarray) -> None:
    """Add |r(start + lag) − r(start)|² of every atom to the sum of its species, (starts, species)."""
    moves_A = positions_A[starts + lag] - positions_A[starts]
    per_atom_A2 = np.einsum("taj,taj->ta", moves_A, moves_A)
    for kind in np.unique(kinds):
        sums_A2[:, kind] += per_atom_A2[:, kinds == kind].sum(axis=1)
