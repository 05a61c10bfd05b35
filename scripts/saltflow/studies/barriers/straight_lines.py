"""A cheap ranking before any path is relaxed: the potential's own energies along straight hops."""

from collections.abc import Sequence

import numpy as np

from saltflow.studies.barriers.endpoints import end_states
from saltflow.studies.barriers.hop_classes import HopClass
from saltflow.studies.mobile_sites import MobileSites
from saltflow.studies.relaxation.batched_evaluation import BatchedEvaluation


def straight_lines_eV(
    sites: MobileSites,
    hops: Sequence[HopClass],
    evaluation: BatchedEvaluation,
    *,
    repeats: tuple[int, int, int],
    images: int,
) -> list[float]:
    """Highest energy of each straight hop above the lower of its ends, no atom relaxed; infinite where unphysical.

    All images of all hops are one batch.

    Args:
        sites: of the mobile ion.
        hops: their classes.
        evaluation: the potential.
        repeats: of the unit cell.
        images: between the ends of a hop.
    """
    templates, positions = [], []
    for hop in hops:
        ends = end_states(sites, hop, repeats=repeats)
        templates += [ends.initial] * (images + 2)
        positions += list(np.linspace(ends.initial.positions, ends.final.positions, images + 2))
    energies = np.reshape(evaluation(templates, positions)[0], (len(hops), images + 2))
    above = energies.max(axis=1) - energies[:, [0, -1]].min(axis=1)
    return np.where(np.isfinite(above), above, np.inf).tolist()
