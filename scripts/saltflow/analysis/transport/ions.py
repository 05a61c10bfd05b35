"""The displacement tensor of every ion: how many dimensions ions move in, and how far they differ."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import special

from saltflow.analysis.transport.blocks import spaced_origins_of
from saltflow.analysis.transport.displacements import FULL_RATE_LAGS, frame_stride
from saltflow.analysis.transport.windows import FitWindow
from saltflow.trajectory.chunks import SeriesChunk, series_chunks
from saltflow.trajectory.segments import Segment, System

# With fewer windows per replica, tensors of single ions are too noisy to tell their dimensions.
FEWEST_WINDOWS = 2.0
EXCESS_SIGNIFICANCE = 0.15  # of the test whether ions differ


@dataclass(frozen=True)
class IonSlopes:
    """Slopes of the displacement tensor ⟨Δr Δrᵀ⟩ of every ion, over all replicas.

    Args:
        tensors: per species, in Å²/ps, (replicas, ions, 3, 3).
        shares: share of each replica in the frames, (replicas,).
        n_windows: independent windows in each replica, (replicas,).
    """

    tensors: tuple[np.ndarray, ...]
    shares: np.ndarray
    n_windows: np.ndarray

    @cached_property
    def sums(self) -> np.ndarray:
        """Slope of the tensor summed over the ions of each species, (species, 3, 3)."""
        return np.array([np.einsum("r,rixy->xy", self.shares, each) for each in self.tensors])

    @cached_property
    def sampling_variances(self) -> np.ndarray:
        """Variance of Σ_i ⟨|Δr_i|²⟩ of each species if its ions move independently and as Gaussians, (species,).

        2 Σ_i tr C_i²/n with C_i the tensor of an ion, each in its own dimensions and at its own rate.
        """
        return np.array([self._sampling_variance(each) for each in self.tensors])

    @cached_property
    def total_variances(self) -> np.ndarray:
        """The same from the differences between ions of one replica, (species,); nan for one ion."""
        return np.array([self.variance_of_sum(np.trace(each, axis1=-2, axis2=-1)) for each in self.tensors])

    @cached_property
    def excess_variances(self) -> np.ndarray:
        """What ions differ by significantly beyond that: lasting differences, and motion by jumps, (species,)."""
        found, expected = np.nan_to_num(self.total_variances), self.sampling_variances
        freedom = np.array([self._freedom(each.shape[1]) for each in self.tensors])
        beyond = found > expected * special.chdtri(freedom, EXCESS_SIGNIFICANCE) / freedom
        return np.where(beyond, found - expected, 0.0)

    def _freedom(self, ions: int) -> float:
        """Degrees of freedom of the variance between ions, whose slopes have a gamma distribution."""
        pooled = max(1, ions - 1) * len(self.shares)
        shape = 1.5 * max(float(self.n_windows.mean()), 1.0)
        return 2 / (2 / pooled + 6 / shape / (ions * len(self.shares)))

    def variance_of_sum(self, slopes: np.ndarray) -> np.ndarray:
        """Variance of the sum over ions of slopes, (replicas, ions, ...), from their variance within replicas."""
        ions = slopes.shape[1]
        if ions < 2:
            return np.full(slopes.shape[2:], np.nan)
        return np.einsum("r,r...->...", self.shares**2, ions * np.var(slopes, axis=1, ddof=1))

    def _sampling_variance(self, tensors: np.ndarray) -> float:
        traces = np.trace(tensors, axis1=-2, axis2=-1)
        squares, products = (traces**2).sum(axis=1), np.einsum("rixy,rixy->r", tensors, tensors)
        windows = np.maximum(self.n_windows, FEWEST_WINDOWS)
        unbiased, _ = unbiased_squares(products, squares, windows)
        # Each ion moves in one to three dimensions, and the slowest sum of squares is that of equal ions.
        total = traces.sum(axis=1) ** 2 / traces.shape[1]
        unbiased = np.clip(unbiased, total / 3, np.maximum(squares, total / 3))
        return float(np.sum(self.shares**2 * 2 * unbiased / self.n_windows))

    def dimensions(self, weights: np.ndarray) -> float:
        """(tr C)²/tr C² of the tensor summed over species with weights, (species,): 1 to 3."""
        tensor = np.einsum("s,sxy->xy", weights, self.sums)
        independent = max(FEWEST_WINDOWS, self.n_windows.sum() * max(each.shape[1] for each in self.tensors))
        products, squares = unbiased_squares((tensor**2).sum(), np.trace(tensor) ** 2, independent)
        return float(np.clip(squares / products, 1.0, 3.0)) if products > 0 else 3.0


def unbiased_squares(
    products: np.ndarray, squares: np.ndarray, n_windows: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """tr C² and (tr C)² from those of tensors that are means over n windows (Wishart statistics)."""
    own = (products - squares / n_windows) / (1 + 1 / n_windows - 2 / n_windows**2)
    return own, squares - 2 * own / n_windows


def ion_slopes(system: System, window: FitWindow, *, frame: str) -> IonSlopes:
    """The displacement tensors of all ions at the lags of a window.

    Args:
        system: the state point.
        window: lags and the weights of the slope.
        frame: frame of the single-ion quantities, "barycentric" or "framework".
    """
    sums = _TensorSums(system, window.lags, frame=frame)
    for segment in system.segments:
        sums.add(segment)
    whole = (sums.origins > 0).all(axis=1)
    frames = np.zeros(len(whole))
    np.add.at(frames, [each.replica for each in system.segments], [each.n_frames for each in system.segments])
    frames = frames[whole]
    tensors = tuple(
        np.einsum("rlixy,l->rixy", each[whole] / sums.origins[whole][:, :, None, None, None], window.slope_weights)
        for each in sums.tensors_A2
    )
    return IonSlopes(tensors, frames / frames.sum(), frames * system.interval_ps / window.decorrelation_ps)


class _TensorSums:
    """Σ over origins of Δr Δrᵀ of every ion, per replica."""

    def __init__(self, system: System, lags: np.ndarray, *, frame: str):
        self._system, self._lags = system, lags
        self._weights = np.zeros(len(system.counts))
        if system.collective_frame == "barycentric":
            self._weights = system.framework_weights if frame == "framework" else system.centre_weights
        replicas = max(segment.replica for segment in system.segments) + 1
        self.origins = np.zeros((replicas, len(lags)))
        self.tensors_A2 = [np.zeros((replicas, len(lags), count, 3, 3)) for count in system.counts]

    def add(self, segment: Segment) -> None:
        """Add a segment, in chunks of its frames."""
        near, far_stride = self._lags <= FULL_RATE_LAGS, frame_stride(self._system.longest_run)
        for stride, chosen in ((1, np.flatnonzero(near)), (far_stride, np.flatnonzero(~near))):
            frames = segment.frames[::stride] if len(chosen) else range(0)
            for chunk in series_chunks(
                segment.run, frames, segment.species_of, basis_A=segment.basis_A,
                overlap=int(self._lags[chosen].max(initial=0)) // stride,
                task=f"Ions: replica {segment.replica + 1}",
            ):  # fmt: skip
                self._add_chunk(segment, chunk, chosen)

    def _add_chunk(self, segment: Segment, chunk: SeriesChunk, chosen: np.ndarray) -> None:
        origins = {
            index: spaced_origins_of(chunk, int(self._lags[index]), blocks=1, n_frames=segment.n_frames)
            for index in chosen
        }
        origins = {index: some for index, some in origins.items() if len(some.blocks)}
        for index, some in origins.items():
            self.origins[segment.replica, index] += some.total
        centre_A = self._centre_A(chunk)
        drifts_A = {index: some.moves_A(centre_A) for index, some in origins.items()}
        done = np.zeros(len(self._weights), dtype=int)
        for kind, series_A in chunk.series_A():
            ions = slice(done[kind], done[kind] + len(series_A))
            for index, some in origins.items():
                moves_A = some.moves_A(series_A) - drifts_A[index]
                self.tensors_A2[kind][segment.replica, index, ions] += some.frames_apart * (
                    moves_A @ moves_A.swapaxes(-1, -2)
                )
            done[kind] += len(series_A)

    def _centre_A(self, chunk: SeriesChunk) -> np.ndarray:
        """How the frame of reference has moved, (3, frames)."""
        centre_A = np.zeros((3, chunk.stop - chunk.start))
        if self._weights.any():
            for kind, series_A in chunk.series_A():
                centre_A += self._weights[kind] * series_A.sum(axis=0)
        return centre_A
