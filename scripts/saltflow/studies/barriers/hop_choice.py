"""Which hops are worth a path: the lowest of a cheap ranking, and those that percolation needs."""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import spearmanr

from saltflow.studies.barriers.carrier_edges import edges_between
from saltflow.studies.barriers.hop_barriers import OK, HopBarrier
from saltflow.studies.barriers.hop_classes import HopClass
from saltflow.studies.barriers.hop_graph import growth
from saltflow.studies.mobile_sites import MobileSites

NOT_COMPUTED = "not computed"
FEWEST_RANKED = 4  # hops of which a rank correlation says anything


def next_hops(
    sites: MobileSites,
    hops: Sequence[HopClass],
    cheap_eV: Mapping[str, float],
    known: Mapping[str, HopBarrier],
    *,
    cheapest: int | None,
) -> list[HopClass]:
    """Hops to compute next; none when all that are wanted are known.

    Wanted are the `cheapest` lowest of the cheap ranking, and each that connects sites when hops are added by rising
    energy until they percolate in three dimensions: by the barrier where it is known, else by the cheap energy. A hop
    without a barrier connects nothing, so another one is wanted in its place.

    Args:
        sites: of the mobile ion.
        hops: all classes.
        cheap_eV: cheap energy of each class.
        known: what has been computed, by name of the class.
        cheapest: None for all.
    """
    missing = [hop for hop in hops if hop.name not in known]
    if cheapest is None:
        return missing
    lowest = sorted(hops, key=lambda hop: cheap_eV[hop.name])[:cheapest]
    wanted = {hop.name for hop in lowest} | _connecting(sites, hops, cheap_eV, known)
    return [hop for hop in missing if hop.name in wanted]


def _connecting(
    sites: MobileSites, hops: Sequence[HopClass], cheap_eV: Mapping[str, float], known: Mapping[str, HopBarrier]
) -> set[str]:
    """Classes that connect sites until they percolate in three dimensions."""
    edges = []
    for hop in hops:
        barrier = known.get(hop.name)
        if barrier is None and np.isfinite(cheap_eV[hop.name]):
            edges += edges_between(sites, hop, cheap_eV[hop.name], cheap_eV[hop.name])
        elif barrier and barrier.status == OK:
            edges += edges_between(sites, hop, barrier.forward_eV, barrier.backward_eV)
    names = set()
    for step in growth(edges):
        if step.connects:
            names.add(step.edge.name)
        if step.dimensions == 3:
            break
    return names


def not_computed(hop: HopClass, cheap_eV: float | None) -> HopBarrier:
    """A hop that is not computed, with the reason as its status."""
    reason = "unphysical" if cheap_eV is None else f"{cheap_eV:.2f} eV"
    return HopBarrier(hop, f"{NOT_COMPUTED}: straight line {reason}", straight_line_eV=cheap_eV)


def rank_correlation(barriers: Sequence[HopBarrier]) -> dict | None:
    """Spearman's ρ of cheap energies and barriers, and of how many hops; None where fewer than four have both."""
    accepted = [each for each in barriers if each.status == OK and each.straight_line_eV is not None]
    pairs = [(each.straight_line_eV, each.highest_eV) for each in accepted]
    if len(pairs) < FEWEST_RANKED:
        return None
    rho = float(spearmanr(*zip(*pairs, strict=True)).statistic)
    return {"spearman": rho if np.isfinite(rho) else None, "hops": len(pairs)}
