"""What is done about imbalance: weights of the alloys that a model is trained on, 0 for those that are pruned.

Tables of glasses are unbalanced twice: in the classes, as most glasses were made as ribbons only, and in composition
space, where some systems have a hundred neighbours side by side and most have one or two.
"""

import numpy as np

from saltflow.studies.composition_space import exchanged

NONE, PRUNED, REWEIGHTED = "none", "pruned", "reweighted"
TREATMENTS = (NONE, PRUNED, REWEIGHTED)
NEIGHBOUR_WITHIN = 0.05  # atomic fraction that has to be exchanged for others
MOST_NEIGHBOURS = 1


def training_weights(treatment: str, fractions: np.ndarray, strata: np.ndarray, *, seed: int) -> np.ndarray:
    """Weights of the training alloys.

    Args:
        treatment: `NONE`: all 1. `PRUNED`: dense regions are thinned: in random order, an alloy is kept while at most
            `MOST_NEIGHBOURS` kept alloys of its stratum differ from it in less than `NEIGHBOUR_WITHIN` of their atoms.
            `REWEIGHTED`: inversely proportional to the size of the stratum, mean 1.
        fractions: atomic, (alloys, elements).
        strata: class, or range of diameters, (alloys,).
        seed: of the order.
    """
    if treatment == PRUNED:
        return _pruned(fractions, strata, np.random.default_rng(seed))
    if treatment == REWEIGHTED:
        _, stratum, sizes = np.unique(strata, return_inverse=True, return_counts=True)
        return len(strata) / (len(sizes) * sizes[stratum])
    return np.ones(len(strata))


def _pruned(fractions: np.ndarray, strata: np.ndarray, random: np.random.Generator) -> np.ndarray:
    weights = np.zeros(len(strata))
    kept: dict[object, list[int]] = {}
    for row in random.permutation(len(strata)):
        rows = kept.setdefault(strata[row], [])
        if np.count_nonzero(exchanged(fractions[rows], fractions[row]) < NEIGHBOUR_WITHIN) <= MOST_NEIGHBOURS:
            rows.append(row)
            weights[row] = 1.0
    return weights
