"""The glass transition of a quench: where the volume changes slope on cooling.

Volume is linear in temperature in the melt and, with less expansion, in the glass; Tg is where the two lines meet
(broken line). Tg is found only where the broken line fits significantly better than a parabola, which stands for a
gradual change of the expansion. Noise is correlated from frame to frame by the slow barostat, and its variance is
proportional to V kT κ; errors and significance come from simulated noise of that kind.

Tg depends on the cooling rate, some 1e12 K/s in simulations: 1e12 times that of a laboratory, whose Tg is lower.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from saltflow.statistics.jackknife import mean_and_error

SIGNIFICANCE = 0.05
FEWEST_FRAMES = 30
SIMULATIONS = 400
CANDIDATES = 81
# Shortest range of each line, as a fraction of the temperature range.
SHORTEST_BRANCH = 0.15
# Largest correlation of the noise from frame to frame; above it, a real bend would pass for noise.
LARGEST_CORRELATION = 0.95
# Half width, in standard errors, of the range that counts as near the transition.
NEAR = 2.0


@dataclass(frozen=True)
class CoolingCurve:
    """Volume of one replica on cooling.

    Args:
        temperatures_K: set temperature of each frame, (frames,).
        volumes_A3: volume of the cell, (frames,).
        rate_K_per_ps: cooling rate.
    """

    temperatures_K: np.ndarray
    volumes_A3: np.ndarray
    rate_K_per_ps: float


def curves_from_quenches(records: Sequence[Mapping]) -> list[CoolingCurve]:
    """Cooling curves of the accepted replicas, from the content of their quench.json; a crystal has none."""
    cooled = [record["cooling"] for record in records if record.get("status") == "ok" and record.get("cooling")]
    return [
        CoolingCurve(np.array(each["temperature_K"]), np.array(each["volume_A3"]), each["rate_K_per_ps"])
        for each in cooled
    ]


def find_glass_transition(curves: Sequence[CoolingCurve], *, seed: int) -> dict:
    """Tg of all replicas together.

    Args:
        curves: one per replica, of the same frames.
        seed: of the simulated noise.

    Returns:
        JSON-able: status "found" or "not found" (with a reason, without Tg); Tg_K, error_K (the larger of noise and
        scatter of the replicas), near_K (half width of the range near Tg),
        p_value of the break against a parabola, relative expansion 1/V dV/dT of glass and melt,
        cooling_rate_K_per_ps, per_replica_K, and the mean curve.
    """
    curves = [curve for curve in curves if len(curve.temperatures_K) == len(curves[0].temperatures_K)]
    if not curves:
        return _not_found("no replica was melted and cooled")
    result = {
        "cooling_rate_K_per_ps": curves[0].rate_K_per_ps,
        "replicas": len(curves),
        "curve": {
            "temperature_K": curves[0].temperatures_K.tolist(),
            "relative_volume": np.mean([_relative(curve) for curve in curves], axis=0).tolist(),
        },
    }
    if len(curves[0].temperatures_K) < FEWEST_FRAMES:
        return _not_found(f"the cooling has fewer than {FEWEST_FRAMES} frames", **result)
    fit = _BrokenLine(curves[0].temperatures_K)
    volumes = np.stack([_relative(curve) for curve in curves])
    best = int(fit.common(volumes))
    p_value = fit.significance(volumes, np.random.default_rng(seed))
    glass, melt = fit.expansions(volumes.mean(axis=0), best)
    result |= {"p_value": p_value, "expansion_glass_per_K": glass, "expansion_melt_per_K": melt}
    if p_value > SIGNIFICANCE:
        return _not_found("the volume has no break beyond noise or a gradual change", **result)
    if best in (0, len(fit.candidates_K) - 1):
        return _not_found("the volume changes slope at an end of the cooled range", **result)
    if melt <= glass:
        return _not_found("the volume changes slope, but the melt does not expand more than the glass", **result)
    per_replica_K = fit.candidates_K[fit.misfit(volumes).argmin(axis=0)]
    error_K = fit.error_K(volumes, best, np.random.default_rng(seed))
    if len(curves) > 1:
        error_K = max(error_K, float(mean_and_error(per_replica_K)[1]))
    return {
        "status": "found",
        "Tg_K": float(fit.candidates_K[best]),
        "error_K": error_K,
        "near_K": NEAR * error_K,
        "per_replica_K": per_replica_K.tolist(),
        **result,
    }


def side_of(temperature_K: float, transition: Mapping) -> str | None:
    """Which side of Tg a temperature lies on: "above", "below" or, within two errors, "near"; None without a Tg."""
    if transition.get("Tg_K") is None:
        return None
    if abs(temperature_K - transition["Tg_K"]) <= transition["near_K"]:
        return "near"
    return "above" if temperature_K > transition["Tg_K"] else "below"


def crosses(temperatures_K: Sequence[float], transition: Mapping) -> bool | None:
    """Whether Tg, within its uncertainty, lies in a range of temperatures; None without a Tg."""
    sides = {side_of(temperature_K, transition) for temperature_K in temperatures_K}
    return None if None in sides else sides != {"above"} and sides != {"below"}


def _not_found(reason: str, **known: object) -> dict:
    return {"status": "not found", "reason": reason, "Tg_K": None, "error_K": None, **known}


def _relative(curve: CoolingCurve) -> np.ndarray:
    return curve.volumes_A3 / curve.volumes_A3.mean()


class _BrokenLine:
    """Weighted fits of two lines that meet at any of a grid of temperatures, to many curves at once.

    Args:
        temperatures_K: of the frames, (frames,).
    """

    def __init__(self, temperatures_K: np.ndarray):
        low, high = float(temperatures_K.min()), float(temperatures_K.max())
        margin = SHORTEST_BRANCH * (high - low)
        self.temperatures_K = temperatures_K
        self.candidates_K = np.linspace(low + margin, high - margin, CANDIDATES)
        # ⟨δV²⟩ = V kT κ: the noise grows as the root of the temperature.
        self.widths = np.sqrt(temperatures_K / temperatures_K.mean())
        self.lines = np.stack([self._basis(self._broken(candidate)) for candidate in self.candidates_K])
        reduced = (temperatures_K - temperatures_K.mean()) / np.ptp(temperatures_K)
        self.parabola = self._basis(np.stack([np.ones_like(reduced), reduced, reduced**2], axis=1))

    def _broken(self, candidate_K: float) -> np.ndarray:
        beyond = self.temperatures_K - candidate_K
        return np.stack([np.ones_like(beyond), beyond, np.maximum(beyond, 0.0)], axis=1)

    def _basis(self, design: np.ndarray) -> np.ndarray:
        """Orthonormal columns of a design in units of the noise, (frames, 3)."""
        return np.linalg.qr(design / self.widths[:, None])[0]

    def misfit(self, volumes: np.ndarray) -> np.ndarray:
        """Weighted sum of squares left by each candidate, (candidates, ...), of curves (..., frames)."""
        scaled = volumes / self.widths
        explained = np.einsum("cfk,...f->c...k", self.lines, scaled) ** 2
        return np.einsum("...f,...f->...", scaled, scaled) - explained.sum(axis=-1)

    def common(self, volumes: np.ndarray) -> np.ndarray:
        """The candidate with the smallest misfit over all replicas, (...), of (..., replicas, frames)."""
        return self.misfit(volumes).sum(axis=-1).argmin(axis=0)

    def expansions(self, volumes: np.ndarray, best: int) -> tuple[float, float]:
        """Slopes below and above a candidate in 1/K, of one curve of relative volumes."""
        design = self._broken(self.candidates_K[best]) / self.widths[:, None]
        _, below, more = np.linalg.lstsq(design, volumes / self.widths, rcond=None)[0]
        return float(below), float(below + more)

    def significance(self, volumes: np.ndarray, rng: np.random.Generator) -> float:
        """Fraction of simulated noisy parabolas with as large a gain of the broken line, (replicas, frames) → p."""
        simulated = self._gain(self._like(volumes, self.parabola, rng))
        return float((1 + np.count_nonzero(simulated >= self._gain(volumes))) / (1 + len(simulated)))

    def error_K(self, volumes: np.ndarray, best: int, rng: np.random.Generator) -> float:
        """Standard error of Tg from simulated noise on the fitted lines, and from the grid of candidates."""
        scatter_K = self.candidates_K[self.common(self._like(volumes, self.lines[best], rng))].std()
        grid_K = (self.candidates_K[1] - self.candidates_K[0]) / np.sqrt(12)
        return float(np.hypot(scatter_K, grid_K))

    def _gain(self, volumes: np.ndarray) -> np.ndarray:
        """Logarithm of the misfit of parabolas over that of broken lines, (...), of (..., replicas, frames)."""
        broken = self.misfit(volumes).sum(axis=-1).min(axis=0)
        smooth = np.sum((volumes / self.widths) ** 2, axis=(-2, -1)) - np.sum(
            (volumes / self.widths @ self.parabola) ** 2, axis=(-2, -1)
        )
        return np.log(smooth / broken)

    def _like(self, volumes: np.ndarray, basis: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Simulated curves, (simulations, replicas, frames): a fit plus correlated noise."""
        scaled = volumes / self.widths
        fitted = scaled @ basis @ basis.T
        correlation, deviation = _first_order(scaled - fitted)
        # The bias of the residuals, which the fit makes too small, is measured on known noise.
        known = _noise(rng, (SIMULATIONS, *scaled.shape), correlation, deviation)
        seen, left = _first_order(known - known @ basis @ basis.T)
        correlation = float(np.clip(2 * correlation - seen, 0.0, LARGEST_CORRELATION))
        noise = _noise(rng, (SIMULATIONS, *scaled.shape), correlation, deviation * deviation / left)
        return (fitted + noise) * self.widths


def _first_order(residuals: np.ndarray) -> tuple[float, float]:
    """Correlation from one frame to the next, and standard deviation."""
    variance = np.mean(residuals**2)
    between = np.mean(residuals[..., 1:] * residuals[..., :-1])
    return float(np.clip(between / variance, 0.0, LARGEST_CORRELATION)), float(np.sqrt(variance))


def _noise(rng: np.random.Generator, shape: tuple[int, ...], correlation: float, deviation: float) -> np.ndarray:
    """Stationary first-order autoregressive noise."""
    from scipy.signal import lfilter  # half a second

    fresh = deviation * np.sqrt(1 - correlation**2) * rng.normal(size=shape)
    fresh[..., 0] /= np.sqrt(1 - correlation**2)
    return lfilter([1.0], [1.0, -correlation], fresh, axis=-1)
