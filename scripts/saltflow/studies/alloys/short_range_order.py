"""Chemical short-range order by Warren and Cowley, beside that of the same sites with their elements shuffled.

α_ij = 1 − p_ij/c_j, with p_ij the fraction of j among the neighbours of i and c_j the atomic fraction: 0 in a random
alloy, negative where i prefers j. Cowley, Phys. Rev. 77, 669 (1950).
"""

from collections.abc import Sequence

import numpy as np

SHUFFLES = 50


def warren_cowley(
    centres: np.ndarray, neighbours: np.ndarray, kinds: np.ndarray, *, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Parameters of all pairs of elements.

    Args:
        centres, neighbours: atoms of each pair of neighbours, from both sides, (pairs,).
        kinds: number of the element of each atom, (atoms,).
        seed: of the shuffles.

    Returns:
        α, (kinds, kinds), and its standard deviation over shuffled elements; nan for an element without neighbours.
    """
    random = np.random.default_rng(seed)
    shuffled = [_parameters(centres, neighbours, random.permutation(kinds)) for _ in range(SHUFFLES)]
    return _parameters(centres, neighbours, kinds), np.std(shuffled, axis=0)


def _parameters(centres: np.ndarray, neighbours: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    number = kinds.max() + 1
    counts = np.zeros((number, number))
    np.add.at(counts, (kinds[centres], kinds[neighbours]), 1)
    total = counts.sum(axis=1, keepdims=True)
    among = np.divide(counts, total, out=np.full_like(counts, np.nan), where=total > 0)
    return 1 - among / (np.bincount(kinds) / len(kinds))


def named_pairs(symbols: Sequence[str]) -> list[tuple[str, int, int]]:
    """(name such as Cu-Zr, row, column) of each pair of elements, with itself too."""
    return [
        (f"{first}-{second}", row, column) for row, first in enumerate(symbols) for column, second in enumerate(symbols)
    ]
