"""Hops of the ion as hops of the carrier: a vacancy runs against it."""

from collections.abc import Mapping, Sequence

from saltflow.studies.barriers.attempt_frequencies import Prefactors
from saltflow.studies.barriers.hop_barriers import OK, HopBarrier
from saltflow.studies.barriers.hop_classes import HopClass, hop_vector
from saltflow.studies.barriers.hop_graph import ATTEMPT_PER_S, Edge
from saltflow.studies.mobile_sites import MobileSites

USUAL = (ATTEMPT_PER_S, ATTEMPT_PER_S)


def edges_between(
    sites: MobileSites,
    hop: HopClass,
    forward_eV: float,
    backward_eV: float,
    attempts_per_s: tuple[float, float] = USUAL,
) -> list[Edge]:
    """All hops of a class, as those of the carrier.

    A vacancy runs against the ion: from the end of its hop to the start with the forward barrier.

    Args:
        sites: of the mobile ion.
        hop: the class.
        forward_eV, backward_eV: barriers of the ion.
        attempts_per_s: attempt frequencies, forward and backward.
    """
    forward, backward = (forward_eV, attempts_per_s[0]), (backward_eV, attempts_per_s[1])
    if sites.atoms[0] >= 0:
        forward, backward = backward, forward
    return [
        Edge(*each, hop.name, forward[0], backward[0], hop_vector(sites, each), forward[1], backward[1])
        for each in hop.members
    ]


def edges_of(sites: MobileSites, barriers: Sequence[HopBarrier], prefactors: Mapping[str, Prefactors]) -> list[Edge]:
    """The hops of all classes with a barrier; attempt frequencies are 10¹³ s⁻¹ where there are no others.

    Args:
        sites: of the mobile ion.
        barriers: of classes.
        prefactors: of some of them, by name.
    """
    edges = []
    for barrier in barriers:
        if barrier.status == OK:
            found = prefactors.get(barrier.hop.name)
            attempts = (found.forward_per_s, found.backward_per_s) if found and found.is_valid else USUAL
            edges += edges_between(sites, barrier.hop, barrier.forward_eV, barrier.backward_eV, attempts)
    return edges
