"""Mean squared and correlated displacements: all lags by FFT, chosen lags by blocks of time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import fft

from saltflow.transport.frames import Segment, System

ATOMS_PER_TRANSFORM = 64


@dataclass(frozen=True)
class Displacements:
    """Sums over origins of squared displacements, per lag and possibly per block of time.

    Args:
        origins: number of origins, (..., lags).
        squared_A2: Σ over origins and atoms of one species of |Δr|², (..., lags, species).
        collective_A2: Σ over origins of ΔR_a·ΔR_b, ΔR_a = Σ_{i∈a} Δr_i, (..., lags, species, species).
    """

    origins: np.ndarray
    squared_A2: np.ndarray
    collective_A2: np.ndarray

    def means(self) -> tuple[np.ndarray, np.ndarray]:
        """Averages over origins: Σ_{i∈a} ⟨|Δr_i|²⟩ (..., lags, species) and ⟨ΔR_a·ΔR_b⟩."""
        # A lag longer than what is left has no origin; its mean is undefined, not an error.
        origins = np.where(self.origins > 0, self.origins, np.nan)
        return self.squared_A2 / origins[..., None], self.collective_A2 / origins[..., None, None]

    def total(self) -> "Displacements":
        """Summed over the first (group) axis."""
        return Displacements(self.origins.sum(axis=0), self.squared_A2.sum(axis=0), self.collective_A2.sum(axis=0))

    def leave_one_out(self) -> "Displacements":
        """For each group on the first axis, the sum over all the others."""
        return Displacements(
            self.origins.sum(axis=0) - self.origins,
            self.squared_A2.sum(axis=0) - self.squared_A2,
            self.collective_A2.sum(axis=0) - self.collective_A2,
        )

    def grouped_by(self, labels: np.ndarray) -> "Displacements":
        """Groups with the same label summed, in the order of the sorted labels."""
        groups = [self._of(labels == label).total() for label in np.unique(labels)]
        return Displacements(
            np.stack([group.origins for group in groups]),
            np.stack([group.squared_A2 for group in groups]),
            np.stack([group.collective_A2 for group in groups]),
        )

    def _of(self, chosen: np.ndarray) -> "Displacements":
        return Displacements(self.origins[chosen], self.squared_A2[chosen], self.collective_A2[chosen])


def displacement_curves(system: System) -> Displacements:
    """Displacements at every lag 0 … frames − 1 of the longest segment, all origins, by FFT.

    Source: Kneller et al., Comput. Phys. Commun. 91, 191 (1995): MSD = S1 − 2 S2 with S2 an autocorrelation.
    """
    lags, species = system.longest_run, len(system.species)
    origins = np.zeros(lags)
    squared = np.zeros((lags, species))
    collective = np.zeros((lags, species, species))
    for segment in system.segments:
        frames = segment.n_frames
        origins[:frames] += np.arange(frames, 0, -1)
        sums_A = collective_positions(system, segment)
        for index, atoms in enumerate(system.atoms_of):
            squared[:frames, index] += _squared_sums(segment.positions_A[:, atoms])
            for other in range(index + 1):
                curve = _collective_sums(sums_A[:, index], sums_A[:, other])
                collective[:frames, index, other] += curve
                if other != index:
                    collective[:frames, other, index] += curve
    return Displacements(origins, squared, collective)


def collective_positions(system: System, segment: Segment) -> np.ndarray:
    """R_a = Σ_{i∈a} r_i, (frames, species, 3)."""
    return np.stack([segment.positions_A[:, atoms].sum(axis=1) for atoms in system.atoms_of], axis=1)


def _squared_sums(positions_A: np.ndarray) -> np.ndarray:
    frames, atoms, _ = positions_A.shape
    length = fft.next_fast_len(2 * frames, real=True)
    power = np.zeros(length // 2 + 1)
    for start in range(0, atoms, ATOMS_PER_TRANSFORM):
        chunk = positions_A[:, start : start + ATOMS_PER_TRANSFORM].reshape(frames, -1)
        spectrum = fft.rfft(chunk.T.copy(), n=length)
        power += np.einsum("ck,ck->k", spectrum.real, spectrum.real)
        power += np.einsum("ck,ck->k", spectrum.imag, spectrum.imag)
    correlation = fft.irfft(power, n=length)[:frames]
    return _end_point_sums(np.einsum("taj,taj->t", positions_A, positions_A)) - 2 * correlation


def _collective_sums(first_A: np.ndarray, second_A: np.ndarray) -> np.ndarray:
    frames = len(first_A)
    length = fft.next_fast_len(2 * frames, real=True)
    spectra = fft.rfft(first_A.T, n=length), fft.rfft(second_A.T, n=length)
    # The real part of the cross spectrum transforms to the mean of both directions in time.
    power = (spectra[0].real * spectra[1].real + spectra[0].imag * spectra[1].imag).sum(axis=0)
    correlation = fft.irfft(power, n=length)[:frames]
    return _end_point_sums(np.einsum("tj,tj->t", first_A, second_A)) - 2 * correlation


def _end_point_sums(products: np.ndarray) -> np.ndarray:
    """Σ_{t0} p(t0) + p(t0 + lag) for every lag, from p per frame."""
    cumulative = np.concatenate([[0.0], np.cumsum(products)])
    lags = np.arange(len(products))
    return cumulative[len(products) - lags] + cumulative[-1] - cumulative[lags]


def displacement_blocks(system: System, lags: Sequence[int], *, block_frames: int) -> tuple[Displacements, np.ndarray]:
    """Displacements at chosen lags, per block of time.

    An origin belongs to the block that holds the middle of its interval, so every pair of frames is used
    once and neighbouring blocks share little.

    Args:
        lags: lags in frames.
        block_frames: length of a block; the last one of a segment takes the remainder by even division.

    Returns:
        The sums with blocks as first axis, and the glass of each block, (blocks,).
    """
    parts, glasses = [], []
    for segment in system.segments:
        blocks = max(1, segment.n_frames // block_frames)
        parts.append(_segment_blocks(system, segment, lags, blocks))
        glasses += [segment.glass] * blocks
    stacked = [np.concatenate([getattr(part, name) for part in parts])
               for name in ("origins", "squared_A2", "collective_A2")]  # fmt: skip
    return Displacements(*stacked), np.array(glasses)


def _segment_blocks(system: System, segment: Segment, lags: Sequence[int], blocks: int) -> Displacements:
    species = len(system.species)
    origins = np.zeros((blocks, len(lags)))
    squared = np.zeros((blocks, len(lags), species))
    collective = np.zeros((blocks, len(lags), species, species))
    sums_A = collective_positions(system, segment)
    for index, lag in enumerate(lags):
        if lag >= segment.n_frames:
            continue
        middle = np.arange(segment.n_frames - lag) + lag / 2
        block = (middle * blocks / segment.n_frames).astype(int)
        moves_A = segment.positions_A[lag:] - segment.positions_A[:-lag]
        per_atom_A2 = np.einsum("taj,taj->ta", moves_A, moves_A)
        per_species = np.stack([per_atom_A2[:, atoms].sum(axis=1) for atoms in system.atoms_of], axis=1)
        sum_moves = sums_A[lag:] - sums_A[:-lag]
        np.add.at(origins[:, index], block, 1)
        np.add.at(squared[:, index], block, per_species)
        np.add.at(collective[:, index], block, np.einsum("taj,tbj->tab", sum_moves, sum_moves))
    return Displacements(origins, squared, collective)
