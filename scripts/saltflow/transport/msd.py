"""Mean squared and correlated displacements against lag, by FFT.

Source: Kneller et al., Comput. Phys. Commun. 91, 191 (1995): MSD = S1 − 2 S2, with S2 a correlation. Positions are
read a group of atoms and a stretch of time at once, so that memory does not grow with them; what is kept per frame
are sums over the atoms of a species.
"""

from dataclasses import dataclass

import numpy as np
from scipy import fft

from saltflow.transport.displacements import (
    FULL_RATE_LAGS,
    Displacements,
    add_totals,
    atom_groups,
    frame_stride,
    read_pieces,
)
from saltflow.transport.frames import Segment, System

ATOMS_PER_TRANSFORM = 32


def displacement_curves(system: System, lags: np.ndarray) -> Displacements:
    """Displacements at chosen lags, over all segments and origins, in the collective frame.

    Args:
        system: the point.
        lags: lags in frames, all of them of `available_lags`.
    """
    stride = frame_stride(system.longest_run)
    parts = [_segment_curves(system, segment, lags, stride) for segment in system.segments]
    names = ("origins", "squared_A2", "collective_A2")
    return Displacements(*(sum(getattr(part, name) for part in parts) for name in names)).barycentric(system)


@dataclass(frozen=True)
class _Series:
    """Sums over the atoms of each species of one segment, for a constant interval between frames.

    Args:
        squares_A2: Σ_i |r_i|² per frame, (frames, species).
        totals_A: Σ_i r_i per frame, (frames, species, 3).
        correlation_A2: Σ_t Σ_i r_i(t)·r_i(t + lag), (lags, species).
    """

    squares_A2: np.ndarray
    totals_A: np.ndarray
    correlation_A2: np.ndarray

    def displacements(self, lags: np.ndarray) -> Displacements:
        """Sums at lags in units of the interval; lags beyond the segment have no origin."""
        frames, species = self.squares_A2.shape
        inside = np.minimum(lags, frames - 1)
        there = (lags < frames)[:, None]
        squared = _end_point_sums(self.squares_A2)[inside] - 2 * self.correlation_A2[inside]
        collective = np.zeros((len(lags), species, species))
        for first in range(species):
            for second in range(first + 1):
                curve = _collective_sums(self.totals_A[:, first], self.totals_A[:, second])[inside]
                collective[:, first, second] = collective[:, second, first] = curve
        return Displacements(np.maximum(frames - lags, 0.0), squared * there, collective * there[..., None])


def _segment_curves(system: System, segment: Segment, lags: np.ndarray, stride: int) -> Displacements:
    """Sums over the origins of one segment at chosen lags, in the laboratory frame."""
    fine, coarse = _read_series(segment, species=len(system.species), stride=stride)
    near = lags <= FULL_RATE_LAGS
    if near.all():
        return fine.displacements(lags)
    parts = fine.displacements(lags[near]), coarse.displacements(lags[~near] // stride)
    return Displacements(
        np.concatenate([part.origins for part in parts]),
        np.concatenate([part.squared_A2 for part in parts]),
        np.concatenate([part.collective_A2 for part in parts]),
    )


def _read_series(segment: Segment, *, species: int, stride: int) -> tuple[_Series, _Series]:
    """The sums of one segment at the full rate of frames, and for every stride-th frame."""
    squares_A2 = np.zeros((segment.n_frames, species))
    totals_A = np.zeros((segment.n_frames, species, 3))
    fine = np.zeros((min(FULL_RATE_LAGS + 1, segment.n_frames), species))
    coarse = np.zeros_like(fine)
    for atoms in atom_groups(segment, what="Displacements"):
        kinds, strided_A = segment.species_of[atoms], []
        for start, origins, positions_A in read_pieces(segment, atoms, overlap=FULL_RATE_LAGS):
            new, new_A = slice(start, start + origins), positions_A[:origins]
            per_atom_A2 = np.einsum("taj,taj->ta", new_A, new_A)
            for kind in np.unique(kinds):
                squares_A2[new, kind] += per_atom_A2[:, kinds == kind].sum(axis=1)
            add_totals(totals_A[new], new_A, kinds)
            _add_correlation(fine, positions_A, kinds, origins=origins)
            if stride > 1:
                strided_A.append(new_A[-start % stride :: stride].copy())
        if stride > 1:
            series_A = np.concatenate(strided_A)
            _add_correlation(coarse, series_A, kinds, origins=len(series_A))
    return _Series(squares_A2, totals_A, fine), _Series(squares_A2[::stride], totals_A[::stride], coarse)


def _add_correlation(sums_A2: np.ndarray, positions_A: np.ndarray, kinds: np.ndarray, *, origins: int) -> None:
    """Add Σ_{t < origins} r(t)·r(t + lag) of every atom to the sum of its species, (lags, species)."""
    frames = len(positions_A)
    lags = min(len(sums_A2), frames)
    length = fft.next_fast_len(max(frames, origins + lags - 1), real=True)
    for kind in np.unique(kinds):
        power = np.zeros(length // 2 + 1, dtype=complex)
        chosen = np.flatnonzero(kinds == kind)
        for start in range(0, len(chosen), ATOMS_PER_TRANSFORM):
            some_A = positions_A[:, chosen[start : start + ATOMS_PER_TRANSFORM]]
            series_A = some_A.reshape(frames, -1).T.copy()
            ahead = fft.rfft(series_A, n=length)
            if origins == frames:
                power += np.einsum("ck,ck->k", ahead.real, ahead.real) + np.einsum("ck,ck->k", ahead.imag, ahead.imag)
            else:
                power += np.einsum("ck,ck->k", fft.rfft(series_A[:, :origins], n=length).conj(), ahead)
        sums_A2[:lags, kind] += fft.irfft(power, n=length)[:lags]


def _collective_sums(first_A: np.ndarray, second_A: np.ndarray) -> np.ndarray:
    """Σ_t0 ΔR_a·ΔR_b for every lag, from R_a and R_b, (frames, 3) each."""
    frames = len(first_A)
    length = fft.next_fast_len(2 * frames, real=True)
    spectra = fft.rfft(first_A.T, n=length), fft.rfft(second_A.T, n=length)
    # The real part of the cross spectrum transforms to the mean of both directions in time.
    power = (spectra[0].real * spectra[1].real + spectra[0].imag * spectra[1].imag).sum(axis=0)
    correlation = fft.irfft(power, n=length)[:frames]
    return _end_point_sums(np.einsum("tj,tj->t", first_A, second_A)) - 2 * correlation


def _end_point_sums(products: np.ndarray) -> np.ndarray:
    """Σ_{t0} p(t0) + p(t0 + lag) for every lag, from p per frame, (frames, ...)."""
    cumulative = np.concatenate([np.zeros((1, *products.shape[1:])), np.cumsum(products, axis=0)])
    lags = np.arange(len(products))
    return cumulative[len(products) - lags] + cumulative[-1] - cumulative[lags]
