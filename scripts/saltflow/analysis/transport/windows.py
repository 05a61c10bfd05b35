"""The fit window of the MSD, found by rule, and the weights of the slope in it."""

from dataclasses import dataclass

import numpy as np

from saltflow.base.errors import SaltflowError

# Lags per octave of the logarithmic grid; α is a regression over the octave around a lag.
LAGS_PER_OCTAVE = 12
SMALLEST_RATIO = 2.0
FEWEST_LAGS = 4
OVERLAP_POINTS = 400


@dataclass(frozen=True)
class AlphaNarrowing:
    """How a rule for α narrows the distribution of the slopes that obey it.

    Args:
        alpha_variance: variance of α over that of the relative slope.
        correlation: of α and the slope.
        low, high: α − 1 at the bounds of the rule.
    """

    alpha_variance: float
    correlation: float
    low: float
    high: float

    def factor(self, relative_variance: np.ndarray) -> np.ndarray:
        """Variance of accepted slopes over that of all slopes, from the latter over the squared slope: a normal
        distribution that is cut off at the bounds.
        """
        from scipy import stats  # half a second

        width = np.sqrt(np.maximum(self.alpha_variance * relative_variance, 1e-12))
        accepted = stats.truncnorm.var(self.low / width, self.high / width)
        return 1 - self.correlation**2 * (1 - accepted)


@dataclass(frozen=True)
class FitWindow:
    """A range of lags and the weights of the slope in it.

    Args:
        lags: the fitted lags in frames, (fit lags,).
        slope_weights: Σ_l slope_weights[l] y[l] is the least-squares slope per ps, (fit lags,).
        decorrelation_ps: length of data per independent slope.
        start_ps: shortest lag.
        end_ps: longest lag.
        alpha: dlnMSD/dlnt over the range; nan where the species does not move.
        diffusive: whether the range obeys the rule of `find_window`.
        narrowing: how that rule narrows the distribution of slopes.
    """

    lags: np.ndarray
    slope_weights: np.ndarray
    decorrelation_ps: float
    start_ps: float
    end_ps: float
    alpha: float
    diffusive: bool
    narrowing: AlphaNarrowing


def logarithmic_lags(shortest: int, longest: int) -> np.ndarray:
    """Distinct integers from `shortest` to `longest`, evenly spaced in the logarithm."""
    octaves = np.log2(longest / shortest)
    return np.unique(np.rint(np.geomspace(shortest, longest, int(np.ceil(octaves * LAGS_PER_OCTAVE)) + 1))).astype(int)


def local_alpha(times_ps: np.ndarray, msd_A2: np.ndarray) -> np.ndarray:
    """dlnMSD/dlnt by regression over the octave around each time, (times,).

    nan where the octave is not covered on both sides, or the MSD vanishes in it.
    """
    alpha = np.full(len(times_ps), np.nan)
    for index, time_ps in enumerate(times_ps):
        low, high = time_ps / np.sqrt(2), time_ps * np.sqrt(2)
        if low < times_ps[0] or high > times_ps[-1]:
            continue
        near = (times_ps >= low) & (times_ps <= high)
        alpha[index] = power_law_exponent(times_ps[near], msd_A2[near])
    return alpha


def power_law_exponent(times_ps: np.ndarray, msd_A2: np.ndarray) -> float:
    """Exponent of MSD ∝ t^α by regression of the logarithms; nan with fewer than three moving points."""
    if len(times_ps) < 3 or np.any(msd_A2 <= 0):
        return float("nan")
    return float(np.polyfit(np.log(times_ps), np.log(msd_A2), 1)[0])


def find_window(
    lags: np.ndarray,
    msd_A2: np.ndarray,
    *,
    interval_ps: float,
    run_frames: int,
    alpha_min: float,
    alpha_max: float,
    msd_min_A2: float,
    max_lag_fraction: float,
) -> FitWindow:
    """The longest range of lags where the mobile ion diffuses.

    Rule: α(t) within [alpha_min, alpha_max] at every lag, MSD > msd_min_A2, t ≤ max_lag_fraction × run, and at least a
    factor of two between the ends. Where no range obeys it, the window is the last two octaves of allowed lags and is
    not diffusive.

    Args:
        lags: logarithmic grid in frames, (lags,).
        msd_A2: MSD of the mobile ion on the grid.
        interval_ps: time between frames.
        run_frames: length of the longest uninterrupted run.

    Raises:
        SaltflowError: the allowed lags are too few for a slope.
    """
    times_ps = lags * interval_ps
    alpha = local_alpha(times_ps, msd_A2)
    allowed = lags <= max_lag_fraction * run_frames
    if np.count_nonzero(allowed) < FEWEST_LAGS:
        raise SaltflowError(
            f"max_lag_fraction {max_lag_fraction:g} of {run_frames} frames in a row leaves fewer than "
            f"{FEWEST_LAGS} lags; run longer, write frames more often or raise max_lag_fraction."
        )
    good = allowed & (alpha >= alpha_min) & (alpha <= alpha_max) & (msd_A2 > msd_min_A2)
    start, stop = _longest_range(lags, good)
    diffusive = stop > start and lags[stop] / lags[start] >= SMALLEST_RATIO
    if not diffusive:
        stop = int(np.flatnonzero(allowed)[-1])
        start = int(np.searchsorted(lags, lags[stop] / 4))
    inside = slice(start, stop + 1)
    exponent = power_law_exponent(times_ps[inside], msd_A2[inside])
    diffusive = bool(diffusive and alpha_min <= exponent <= alpha_max)
    return _window(
        lags[inside], interval_ps=interval_ps, run_frames=run_frames, alpha=exponent, diffusive=diffusive,
        bounds=(alpha_min, alpha_max),
    )  # fmt: skip


def _longest_range(lags: np.ndarray, good: np.ndarray) -> tuple[int, int]:
    """First and last index of the range of true values that is longest in the logarithm; (0, 0) if none."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], good.astype(int), [0]])))
    ranges = [(int(start), int(stop) - 1) for start, stop in edges.reshape(-1, 2)]
    return max(ranges, key=lambda pair: lags[pair[1]] / lags[pair[0]], default=(0, 0))


def _window(
    lags: np.ndarray, *, interval_ps: float, run_frames: int, alpha: float, diffusive: bool, bounds: tuple[float, float]
) -> FitWindow:
    """Generalised least squares over one lag per octave, with the covariance of a Brownian MSD.

    Long lags have little weight. The variance of the slope, with that of one window as the unit, is the inverse number
    of windows in the run.
    """
    first, last = int(lags[0]), int(lags[-1])
    octaves = first * 2 ** np.arange(int(np.log2(last / first)) + 1)
    lags = lags[np.abs(np.log(lags / octaves[:, None])).argmin(axis=1)]
    times_ps, run_ps = lags * interval_ps, run_frames * interval_ps
    covariance = brownian_covariance(times_ps, run_ps=run_ps)
    line = np.stack([np.ones_like(times_ps), times_ps], axis=1)
    solved = np.linalg.solve(covariance, line)
    weights = np.linalg.solve(line.T @ solved, solved.T)[1]
    return FitWindow(
        lags=lags,
        slope_weights=weights,
        decorrelation_ps=float(weights @ covariance @ weights) * run_ps,
        start_ps=float(first * interval_ps),
        end_ps=float(last * interval_ps),
        alpha=alpha,
        diffusive=diffusive,
        narrowing=_narrowing(times_ps, covariance, weights, bounds=bounds),
    )


def _narrowing(
    times_ps: np.ndarray, covariance: np.ndarray, weights: np.ndarray, *, bounds: tuple[float, float]
) -> AlphaNarrowing:
    centred = np.log(times_ps) - np.log(times_ps).mean()
    # dα = Σ_l regression_l dMSD_l/MSD_l with MSD ∝ t.
    regression = centred / (centred @ centred) / times_ps
    slope, alpha = weights @ covariance @ weights, regression @ covariance @ regression
    return AlphaNarrowing(
        alpha_variance=float(alpha / slope),
        correlation=float(regression @ covariance @ weights / np.sqrt(alpha * slope)),
        low=bounds[0] - 1,
        high=bounds[1] - 1,
    )


def brownian_covariance(times_ps: np.ndarray, *, run_ps: float) -> np.ndarray:
    """Covariance of the MSD at lags s, t over all origins of a run, in units of 2/d times the squared slope.

    Displacements correlate as far as their intervals overlap: ∫∫ overlap(a, a + s; b, b + t)² da db over the origins a,
    b, divided by their ranges. In a run much longer than the lags it is s²(t − s/3)/T, s ≤ t.

    Args:
        times_ps: lags shorter than the run, (lags,).
        run_ps: length of the run.
    """
    first, second = times_ps[:, None, None], times_ps[None, :, None]
    origins, others = run_ps - first, run_ps - second
    shifts = -second + (first + second) * np.linspace(0, 1, OVERLAP_POINTS)  # of b against a, where they overlap
    overlaps = np.minimum(first, shifts + second) - np.maximum(0, shifts)
    pairs = np.maximum(np.minimum(origins, others - shifts) - np.maximum(0, -shifts), 0)
    return np.trapezoid(pairs * overlaps**2, shifts, axis=-1) / (origins * others)[..., 0]
