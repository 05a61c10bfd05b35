"""Sums of squared and correlated displacements, and the lags at which they are taken."""

from dataclasses import dataclass

import numpy as np

from saltflow.trajectory.segments import System

# Up to this lag, every lag is available, with every frame as an origin. Longer lags use every stride-th frame, so that
# this many span the longest lag: closer origins add nothing.
FULL_RATE_LAGS = 20_000


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

    def __len__(self) -> int:
        """Number of groups on the first axis."""
        return len(self.origins)

    def means(self) -> tuple[np.ndarray, np.ndarray]:
        """Averages over origins: Σ_{i∈a} ⟨|Δr_i|²⟩ (..., lags, species) and ⟨ΔR_a·ΔR_b⟩."""
        # A lag without an origin has no mean.
        origins = np.where(self.origins > 0, self.origins, np.nan)
        return self.squared_A2 / origins[..., None], self.collective_A2 / origins[..., None, None]

    def total(self) -> "Displacements":
        """Summed over the first (group) axis."""
        return Displacements(self.origins.sum(axis=0), self.squared_A2.sum(axis=0), self.collective_A2.sum(axis=0))

    def leave_one_out(self) -> "Displacements":
        """For each group on the first axis, the sum over all other groups."""
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

    def barycentric(self, system: System) -> "Displacements":
        """The sums in the barycentric frame, from those in the laboratory frame; with one species nothing changes.

        With Δc = Σ_b w_b ΔR_b, Σ|Δr_i − Δc|² = Σ|Δr_i|² − 2 Δc·ΔR_a + N_a |Δc|².
        """
        if system.collective_frame == "laboratory":
            return self
        cross = self.collective_A2 @ system.centre_weights
        centre = cross @ system.centre_weights
        projection = np.eye(len(system.counts)) - np.outer(system.counts, system.centre_weights)
        return Displacements(
            self.origins,
            self.squared_A2 - 2 * cross + system.counts * centre[..., None],
            projection @ self.collective_A2 @ projection.T,
        )


def frame_stride(longest_run: int) -> int:
    """Frames from one origin to the next for lags beyond `FULL_RATE_LAGS`."""
    return max(1, -(-longest_run // FULL_RATE_LAGS))


def available_lags(lags: np.ndarray, *, longest_run: int) -> np.ndarray:
    """The lags nearest to the given ones for which there are curves, distinct and ascending.

    Args:
        lags: wanted lags in frames.
        longest_run: frames of the longest segment.
    """
    stride = frame_stride(longest_run)
    strided = (lags // stride) * stride
    return np.unique(np.where(lags <= FULL_RATE_LAGS, lags, strided))
