"""The fraction of atoms beyond the in-domain threshold, with its error.

The threshold of an element is the percentile p of its held-out distances, as order statistic ⌈p (n + 1)⌉ of n. The
expected fraction beyond it is then 1 − p for replicas like the held-out cells (split conformal prediction: Vovk,
Gammerman and Shafer, Algorithmic Learning in a Random World, 2005).

Atoms of one cell are correlated, so cells are the independent unit. The error combines two parts: the scatter between
replicas (with Student's factor; at least binomial with the design effect of the held-out cells: Kish, Survey Sampling,
1965) and a jackknife over held-out cells. It is at least the error of a replica like the held-out cells.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from saltflow.learning.domain.training_environments import HeldOutCell
from saltflow.statistics.jackknife import jackknife_variance, mean_and_error

FEWEST_LINEAGES = 3  # a threshold from fewer cells describes these cells, not the composition
OWN, POOLED, NONE = "composition", "potential", "none"


@dataclass(frozen=True)
class InDomainThreshold:
    """The in-domain threshold of an element of a composition, and the held-out distances behind it.

    basis: held-out cells of the composition, of the whole potential, or none where even these are too few.
    distances: lineage → (atoms,). limit: the percentile of all of them.
    """

    basis: str
    distances: Mapping[str, np.ndarray]
    limit: float | None

    @property
    def atoms(self) -> int:
        """Number of held-out environments."""
        return sum(map(len, self.distances.values()))


def in_domain_threshold(
    cells: Sequence[HeldOutCell], *, composition: str, symbol: str, percentile: float
) -> InDomainThreshold:
    """The threshold of an element from held-out cells of its composition, or of all where they are too few.

    Args:
        cells: every held-out lineage of the potential.
        composition, symbol: of the threshold.
        percentile: of the held-out distances; 99 needs 99 environments.
    """
    for basis, chosen in ((OWN, [cell for cell in cells if cell.composition == composition]), (POOLED, cells)):
        distances = {cell.lineage: cell.distances[symbol] for cell in chosen if symbol in cell.distances}
        limit = _limit(distances.values(), percentile)
        if limit is not None and len(distances) >= FEWEST_LINEAGES:
            return InDomainThreshold(basis, distances, limit)
    return InDomainThreshold(NONE, distances, None)


def out_of_domain_fraction(
    replicas: Sequence[Mapping[str, np.ndarray]], thresholds: Mapping[str, InDomainThreshold], *, percentile: float
) -> dict[str, float]:
    """The fraction of atoms beyond their thresholds, mean over replicas, with its standard error.

    Args:
        replicas: of each replica, element → (atoms,) distances.
        thresholds: element → its threshold, with a limit; other elements do not count.
        percentile: of the thresholds.

    Returns:
        value and error.
    """
    limits = {symbol: each.limit for symbol, each in thresholds.items()}
    per_replica = np.array([_fraction(replica, limits) for replica in replicas])
    atoms, value = sum(_counted(replica, limits) for replica in replicas), float(per_replica.mean())
    heldout = _by_lineage(thresholds)
    sizes = np.array([_counted(cell, limits) for cell in heldout])
    expected = 1 - percentile / 100
    correlation = _intraclass_correlation([_fraction(cell, limits) for cell in heldout], sizes, expected=expected)
    null = expected * (1 - expected)
    null *= correlation * (1 / len(replicas) + 1 / len(heldout)) + 1 / atoms + 1 / sizes.sum()
    smoothed = (value * atoms + 1) / (atoms + 2)
    sampled = smoothed * (1 - smoothed) * (correlation / len(replicas) + 1 / atoms)
    if len(replicas) > 1:
        sampled = max(sampled, float(mean_and_error(per_replica)[1]) ** 2)
    heldout_variance = _jackknife_variance(replicas, thresholds, percentile=percentile)
    return {"value": value, "error": float(np.sqrt(max(null, sampled + heldout_variance)))}


def _limit(distances: Iterable[np.ndarray], percentile: float) -> float | None:
    """The order statistic of a percentile; None with too few values for it."""
    values = np.concatenate([np.empty(0), *distances])
    rank = math.ceil((len(values) + 1) * percentile / 100 - 1e-9)
    return float(np.partition(values, rank - 1)[rank - 1]) if rank <= len(values) else None


def _by_lineage(thresholds: Mapping[str, InDomainThreshold]) -> list[dict[str, np.ndarray]]:
    """Of each held-out cell, element → (atoms,) distances."""
    return [
        {symbol: each.distances[name] for symbol, each in thresholds.items() if name in each.distances}
        for name in _lineages(thresholds)
    ]


def _lineages(thresholds: Mapping[str, InDomainThreshold]) -> list[str]:
    return list(dict.fromkeys(name for each in thresholds.values() for name in each.distances))


def _intraclass_correlation(fractions: Sequence[float], sizes: np.ndarray, *, expected: float) -> float:
    """Between-cell variance of the fractions in excess of binomial, relative to that of single atoms."""
    single = expected * (1 - expected)
    return max(0.0, float(np.var(fractions, ddof=1)) / single - float((1 / sizes).mean()))


def _counted(distances: Mapping[str, np.ndarray], limits: Mapping[str, float]) -> int:
    """Atoms of the elements with a limit."""
    return sum(len(values) for symbol, values in distances.items() if symbol in limits)


def _fraction(distances: Mapping[str, np.ndarray], limits: Mapping[str, float]) -> float:
    """Fraction beyond the limits, of the atoms of elements with a limit."""
    beyond = sum((values > limits[symbol]).sum() for symbol, values in distances.items() if symbol in limits)
    return beyond / _counted(distances, limits)


def _jackknife_variance(
    replicas: Sequence[Mapping[str, np.ndarray]],
    thresholds: Mapping[str, InDomainThreshold],
    *,
    percentile: float,
) -> float:
    """Variance of the fraction from the choice of held-out cells: each is left out of the limits in turn."""
    fractions = []
    for excluded in _lineages(thresholds):
        limits = {symbol: _limit_without(each, excluded, percentile) for symbol, each in thresholds.items()}
        fractions.append(np.mean([_fraction(replica, limits) for replica in replicas]))
    return float(jackknife_variance(np.array(fractions)))


def _limit_without(threshold: InDomainThreshold, lineage: str, percentile: float) -> float:
    """The limit of the other lineages; their largest distance where they are too few for the percentile."""
    if lineage not in threshold.distances:
        return threshold.limit
    others = [values for name, values in threshold.distances.items() if name != lineage]
    limit = _limit(others, percentile)
    return max(values.max() for values in others) if limit is None else limit
