"""Moments and histograms of single ions: how far the ions of a curve differ, and so its error."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from saltflow.statistics.jackknife import jackknife_variance, student_factor
from saltflow.trajectory.segments import Segment, System

STEEPEST, LARGEST_RELATIVE = 6.0, 0.12  # of what `_skew_widening` corrects


@dataclass(frozen=True)
class IonMoments:
    """Sums over the origins of a segment for each ion.

    Args:
        origins: number of origins of each lag, (lags,).
        powers: Σ r² in Å² and Σ r⁴ in Å⁴ of every atom, (2, lags, atoms).
        counts: histograms of r of the mobile ions, (curves, ions, bins).
    """

    origins: np.ndarray
    powers: np.ndarray
    counts: np.ndarray

    def __add__(self, other: "IonMoments") -> "IonMoments":
        """The sums over two segments of one replica."""
        return IonMoments(self.origins + other.origins, self.powers + other.powers, self.counts + other.counts)


def ion_jackknife(
    system: System, moments: Sequence[IonMoments], *, van_hove: np.ndarray, bin_A: float
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Variance of α2 and ⟨r²⟩, (lags, species), and of 4πr²G_s, (curves, bins); bias of α2, (lags, species).

    Ions of all replicas are taken as independent; one ion of a species alone has none (nan).

    Args:
        system: the state point.
        moments: of its segments.
        van_hove: indices of the lags with histograms, (curves,).
        bin_A: width of their bins.
    """
    replicas: dict[int, tuple[Segment, IonMoments]] = {}
    for segment, found in zip(system.segments, moments, strict=True):
        earlier = replicas.get(segment.replica)
        replicas[segment.replica] = (segment, earlier[1] + found if earlier else found)
    by_species = [_of_species(list(replicas.values()), kind) for kind in range(len(system.species))]
    with np.errstate(divide="ignore", invalid="ignore"):
        densities = np.concatenate(
            [each.counts / each.origins[van_hove][:, None, None] / bin_A for _, each in replicas.values()], axis=1
        )
    alpha2, msd_A2, bias = (np.stack(each, axis=-1) for each in zip(*by_species, strict=True))
    variances = {
        "alpha2": alpha2,
        "msd_A2": msd_A2,
        "self_1_A": _jackknife(_without_each(np.moveaxis(densities, 1, 0)) / max(densities.shape[1] - 1, 1)),
    }
    return variances, np.nan_to_num(bias)


def _of_species(replicas: Sequence[tuple[Segment, IonMoments]], kind: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Variances of α2 and ⟨r²⟩, and bias of α2, (lags,) each."""
    powers = np.concatenate([each.powers[:, :, segment.species_of == kind] for segment, each in replicas], axis=2)
    ions = [np.count_nonzero(segment.species_of == kind) for segment, _ in replicas]
    origins = np.repeat([each.origins for _, each in replicas], ions, axis=0)
    second, fourth = (_without_each(power.T) for power in powers)
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = _without_each(origins)
        second, fourth = second / weights, fourth / weights
        ratios = 3 * fourth / (5 * second**2)
        whole = 3 * powers[1].sum(axis=1) * origins.sum(axis=0) / (5 * powers[0].sum(axis=1) ** 2)
        variance = _jackknife(ratios)
        widening = _skew_widening(np.sqrt(variance) / whole, _skewness(-ratios))
        return variance * widening**2, _jackknife(second), (len(ratios) - 1) * (ratios.mean(axis=0) - whole)


def _skew_widening(relative: np.ndarray, skewness: np.ndarray) -> np.ndarray:
    """Factor on an error that grows with its value: where few ions went far, a low value comes with a low error.

    The error goes as the power p of the value, ps = γ/2 with the skewness γ of the mean over ions (Johnson, J. Am.
    Stat. Assoc. 73, 536, 1978). For u = ln of the value, normal with the relative error s, the deviation over the error
    has the mean square [e^(2q²s²) − 2 e^((2q + 1)²s²/2) + e^((2q + 2)²s²/2)]/s² with q = p − 1.

    Args:
        relative: s.
        skewness: γ.
    """
    relative = np.clip(relative, 1e-3, LARGEST_RELATIVE)
    doubled = 2 * (np.clip(skewness / (2 * relative), 1.0, STEEPEST) - 1)
    terms = [np.exp((doubled + step) ** 2 * relative**2 / 2) for step in (0, 1, 2)]
    return np.sqrt((terms[0] - 2 * terms[1] + terms[2]) / relative**2)


def _skewness(influences: np.ndarray) -> np.ndarray:
    """Skewness of a mean from influences of its members, (members, ...); 0 where they are alike."""
    centred = influences - influences.mean(axis=0)
    spread = np.sqrt((centred**2).mean(axis=0))
    return np.nan_to_num((centred**3).mean(axis=0) / spread**3) / np.sqrt(len(influences))


def _without_each(values: np.ndarray) -> np.ndarray:
    """The sum over all rows but each in turn."""
    return values.sum(axis=0) - values


def _jackknife(replicates: np.ndarray) -> np.ndarray:
    if len(replicates) < 2:
        return np.full(replicates.shape[1:], np.nan)
    return jackknife_variance(replicates) * student_factor(len(replicates) - 1) ** 2
