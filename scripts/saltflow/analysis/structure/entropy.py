"""Pair entropy from the pair distribution functions."""

import numpy as np

from saltflow.analysis.structure.rdf import PairAverages
from saltflow.statistics.block_averages import estimate_averages
from saltflow.statistics.estimate import Estimate


def pair_entropy(averages: PairAverages) -> Estimate:
    """s2/k per atom: 0 for an ideal gas, negative with order.

    s2 = −2πρ Σ_ab x_a x_b ∫ [g_ab ln g_ab − g_ab + 1] r² dr up to the last bin. Source: Baranyai & Evans, Phys. Rev. A
    40, 3817 (1989). Noise of g biases s2 downwards; the jackknife removes that bias to first order.

    Args:
        averages: pair histograms.
    """
    counts, edges_A = averages.counts, averages.edges_A
    density_per_A3 = counts.sum() / averages.volume_A3
    fractions = counts / counts.sum()
    shells_A3 = np.diff(np.concatenate([[0.0], edges_A]) ** 3) / 3
    weights = np.outer(fractions, fractions)
    # A single atom has no pair with itself; its g of 0 would count as perfect order.
    weights[np.diag_indices(len(counts))] *= counts > 1

    def entropy(means: dict) -> dict:
        g = means["g",]
        excess = np.where(g > 0, g * np.log(np.maximum(g, 1e-300)) - g + 1, 1.0)
        return {"s2": -2 * np.pi * density_per_A3 * np.einsum("ab,abr,r->", weights, excess, shells_A3)}

    return estimate_averages(averages.blocks, entropy, unbiased=("s2",))["s2"]
