"""The share of a replica's atoms that lie farther from the training environments than held-out ones do, with its error.

The limit of an element is the percentile p of its held-out distances, as order statistic ⌈p (n + 1)⌉ of n, so that of
replicas like the held-out cells the expected share is 1 − p (split conformal prediction: Vovk, Gammerman and Shafer,
Algorithmic Learning in a Random World, 2005). Atoms of one cell resemble each other, so cells are the independent unit:
the error holds how replicas differ (Student's factor for so few, no less than binomial with the design effect that the
held-out cells have: Kish, Survey Sampling, 1965) and how the share moves when held-out cells are left out one at a time
(jackknife). It is no smaller than that of a replica like the held-out cells.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from saltflow.learning.domain.training_environments import Cell
from saltflow.statistics.jackknife import jackknife_variance, mean_and_error

FEWEST_LINEAGES = 3  # a limit from fewer cells says more of these than of the composition
OWN, POOLED, NONE = "composition", "potential", "none"


@dataclass(frozen=True)
class InDomainThreshold:
    """The held-out cells that an element of a composition is measured by.

    basis: whose they are: of the composition, of all that the potential was trained on, or none where even they are too
    few. distances: lineage → (atoms,). limit: the percentile of all of them.
    """

    basis: str
    distances: Mapping[str, np.ndarray]
    limit: float | None

    @property
    def atoms(self) -> int:
        """Held-out environments."""
        return sum(map(len, self.distances.values()))


def threshold(cells: Sequence[Cell], *, composition: str, symbol: str, percentile: float) -> InDomainThreshold:
    """What an element of a composition is measured by: its own held-out cells, or all where they are too few.

    Args:
        cells: every held-out lineage of the potential.
        composition, symbol: of what.
        percentile: of the limit; 99 needs 99 environments.
    """
    for basis, ours in ((OWN, [cell for cell in cells if cell.composition == composition]), (POOLED, cells)):
        distances = {cell.lineage: cell.distances[symbol] for cell in ours if symbol in cell.distances}
        limit = _limit(distances.values(), percentile)
        if limit is not None and len(distances) >= FEWEST_LINEAGES:
            return InDomainThreshold(basis, distances, limit)
    return InDomainThreshold(NONE, distances, None)


def _limit(distances: Iterable[np.ndarray], percentile: float) -> float | None:
    """The order statistic of a percentile; None where there are too few values for it."""
    values = np.concatenate([np.empty(0), *distances])
    rank = _rank(len(values), percentile)
    return float(np.partition(values, rank - 1)[rank - 1]) if rank <= len(values) else None


def _rank(count: int, percentile: float) -> int:
    return math.ceil((count + 1) * percentile / 100 - 1e-9)


def share_beyond(
    replicas: Sequence[Mapping[str, np.ndarray]], thresholds: Mapping[str, InDomainThreshold], *, percentile: float
) -> dict[str, float]:
    """The share of the atoms of some elements beyond their limits, mean over replicas, with its standard error.

    Args:
        replicas: of each replica, element → (atoms,) distances.
        thresholds: element → its threshold, with a limit; elements without one here do not count.
        percentile: of the limits.

    Returns:
        value and error.
    """
    limits = {symbol: each.limit for symbol, each in thresholds.items()}
    per_replica = np.array([_share(replica, limits) for replica in replicas])
    atoms, value = sum(_judged(replica, limits) for replica in replicas), float(per_replica.mean())
    heldout = _by_lineage(thresholds)
    sizes = np.array([_judged(cell, limits) for cell in heldout])
    expected = 1 - percentile / 100
    alike = _likeness([_share(cell, limits) for cell in heldout], sizes, expected=expected)
    null = expected * (1 - expected) * (alike * (1 / len(replicas) + 1 / len(heldout)) + 1 / atoms + 1 / sizes.sum())
    smoothed = (value * atoms + 1) / (atoms + 2)
    sampled = smoothed * (1 - smoothed) * (alike / len(replicas) + 1 / atoms)
    if len(replicas) > 1:
        sampled = max(sampled, float(mean_and_error(per_replica)[1]) ** 2)
    moved = _jackknife_variance(replicas, thresholds, percentile=percentile)
    return {"value": value, "error": float(np.sqrt(max(null, sampled + moved)))}


def _by_lineage(thresholds: Mapping[str, InDomainThreshold]) -> list[dict[str, np.ndarray]]:
    """Of each held-out cell, element → (atoms,) distances."""
    names = _lineages(thresholds)
    return [
        {symbol: each.distances[name] for symbol, each in thresholds.items() if name in each.distances}
        for name in names
    ]


def _lineages(thresholds: Mapping[str, InDomainThreshold]) -> list[str]:
    return list(dict.fromkeys(name for each in thresholds.values() for name in each.distances))


def _likeness(shares: Sequence[float], sizes: np.ndarray, *, expected: float) -> float:
    """Intraclass correlation of being beyond the limit: what the shares of cells vary by, less what chance does."""
    spread = expected * (1 - expected)
    return max(0.0, float(np.var(shares, ddof=1)) / spread - float((1 / sizes).mean()))


def _judged(distances: Mapping[str, np.ndarray], limits: Mapping[str, float]) -> int:
    """Atoms of the elements that have a limit."""
    return sum(len(values) for symbol, values in distances.items() if symbol in limits)


def _share(distances: Mapping[str, np.ndarray], limits: Mapping[str, float]) -> float:
    """Beyond their limits, of the atoms of the elements that have one."""
    beyond = sum((values > limits[symbol]).sum() for symbol, values in distances.items() if symbol in limits)
    return beyond / _judged(distances, limits)


def _jackknife_variance(
    replicas: Sequence[Mapping[str, np.ndarray]],
    thresholds: Mapping[str, InDomainThreshold],
    *,
    percentile: float,
) -> float:
    """Variance of the share from the held-out cells: each is left out of the limits in turn."""
    shares = []
    for left_out in _lineages(thresholds):
        limits = {symbol: _limit_without(each, left_out, percentile) for symbol, each in thresholds.items()}
        shares.append(np.mean([_share(replica, limits) for replica in replicas]))
    return float(jackknife_variance(np.array(shares)))


def _limit_without(threshold: InDomainThreshold, lineage: str, percentile: float) -> float:
    """The limit of the other lineages; their largest distance where they are too few for the percentile."""
    if lineage not in threshold.distances:
        return threshold.limit
    others = [values for name, values in threshold.distances.items() if name != lineage]
    limit = _limit(others, percentile)
    return max(values.max() for values in others) if limit is None else limit
