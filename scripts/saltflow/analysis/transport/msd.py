"""Mean squared and correlated displacements against lag, by FFT.

MSD = S1 − 2 S2, with S1 a sum over the ends of all intervals and S2 a time correlation. Source: Kneller et al., Comput.
Phys. Commun. 91, 191 (1995).
"""

import numpy as np
from scipy import fft

from saltflow.analysis.transport.correlations import CrossCorrelation, EndPoints, SelfCorrelation
from saltflow.analysis.transport.displacements import FULL_RATE_LAGS, Displacements, frame_stride
from saltflow.trajectory.chunks import SeriesChunk, series_chunks
from saltflow.trajectory.segments import Segment, System


def displacement_curves(system: System, lags: np.ndarray) -> Displacements:
    """Displacements at chosen lags, over all segments and origins, in the collective frame.

    Args:
        system: the state point.
        lags: lags in frames, all of them of `available_lags`.
    """
    parts = [_segment_curves(system, segment, lags) for segment in system.segments]
    names = ("origins", "squared_A2", "collective_A2")
    return Displacements(*(sum(getattr(part, name) for part in parts) for name in names)).barycentric(system)


def _segment_curves(system: System, segment: Segment, lags: np.ndarray) -> Displacements:
    """Sums over the origins of one segment at chosen lags, in the laboratory frame."""
    near = lags <= FULL_RATE_LAGS
    if near.all():
        return _strided_curves(system, segment, lags, stride=1)
    stride = frame_stride(system.longest_run)
    parts = [
        _strided_curves(system, segment, lags[near], stride=1),
        _strided_curves(system, segment, lags[~near] // stride, stride=stride),
    ]
    return Displacements(
        np.concatenate([part.origins for part in parts]),
        np.concatenate([part.squared_A2 for part in parts]),
        np.concatenate([part.collective_A2 for part in parts]),
    )


def _strided_curves(system: System, segment: Segment, lags: np.ndarray, *, stride: int) -> Displacements:
    """Sums at lags counted in strides, with every stride-th frame as origin; 0 at lags beyond the segment."""
    frames = -(-segment.n_frames // stride)
    sums = _DisplacementSums(frames, species=len(system.species))
    for chunk in series_chunks(
        segment.run, segment.frames[::stride], segment.species_of, basis_A=segment.basis_A, overlap=FULL_RATE_LAGS,
        multiple_of=FULL_RATE_LAGS, task=f"Displacements: replica {segment.replica + 1}",
    ):  # fmt: skip
        sums.add(chunk)
    squared_A2, collective_A2 = sums.displacements()
    inside, there = np.minimum(lags, len(squared_A2) - 1), lags < frames
    return Displacements(
        np.maximum(frames - lags, 0.0),
        squared_A2[inside] * there[:, None],
        collective_A2[inside] * there[:, None, None],
    )


class _DisplacementSums:
    """The sums behind the displacements at all lags of one segment, collected chunk by chunk."""

    def __init__(self, frames: int, *, species: int):
        lags = min(frames, FULL_RATE_LAGS + 1)
        block = FULL_RATE_LAGS if frames > FULL_RATE_LAGS else fft.next_fast_len(frames, real=True)
        self._ends = EndPoints(lags, frames=frames, shape=(species,))
        self._correlations = [SelfCorrelation(lags, block=block) for _ in range(species)]
        self._collective_ends = EndPoints(lags, frames=frames, shape=(species, species))
        self._collective = CrossCorrelation(lags, block=block, vectors=species)

    def add(self, chunk: SeriesChunk) -> None:
        """Add the atoms of one chunk."""
        new = chunk.new
        totals_A = np.zeros((len(self._correlations), 3, chunk.stop - chunk.start))
        for kind, series_A in chunk.series_A():
            totals_A[kind] += series_A.sum(axis=0)
            self._ends.add(chunk.start, np.einsum("ajt,ajt->t", series_A[..., :new], series_A[..., :new]), (kind,))
            self._correlations[kind].add(series_A.reshape(-1, series_A.shape[-1]), origins=new)
        self._collective.add(totals_A, origins=new)
        for first, first_A in enumerate(totals_A[..., :new]):
            for second, second_A in enumerate(totals_A[..., :new]):
                products_A2 = np.einsum("jt,jt->t", first_A, second_A)
                self._collective_ends.add(chunk.start, products_A2, (first, second))

    def displacements(self) -> tuple[np.ndarray, np.ndarray]:
        """Σ|Δr_i|², (lags, species), and Σ ΔR_a·ΔR_b, (lags, species, species)."""
        correlations = np.stack([correlation.sums() for correlation in self._correlations], axis=1)
        squared_A2 = self._ends.sums() - 2 * correlations
        return squared_A2, self._collective_ends.sums() - 2 * self._collective.sums()
