"""Barriers of reactions from how often they happen at several temperatures."""

from collections.abc import Mapping, Sequence

import numpy as np
from ase.units import kB
from scipy.optimize import brentq
from scipy.special import logsumexp, softmax

OK, FEW = "ok", "too few events"
FEWEST = 10  # events, over at least two temperatures
DROP = 1.920729  # of the log-likelihood at the ends of an interval of 95 %: half the quantile of χ² with one degree
WIDEST_eV = 20.0


def rate_barriers(states: Sequence[Mapping]) -> list[dict]:
    """k(T) = k0 exp(−Ea / kT) for every reaction, by maximum likelihood of Poisson counts.

    Args:
        states: of each temperature, temperature_K, watched_ps_nm2 (time × area) and reactions (reaction, events).

    Returns:
        rows with reaction, events, barrier_eV, its 95 % interval by the profile of the likelihood, k0_per_ns_nm2 and
        status, the most frequent first.
    """
    temperatures_K = np.array([state["temperature_K"] for state in states])
    watched_ps_nm2 = np.array([state["watched_ps_nm2"] for state in states])
    of_states = [{row["reaction"]: row["events"] for row in state["reactions"]} for state in states]
    names = {name for found in of_states for name in found}
    rows = [
        {"reaction": name, **fit_barrier([each.get(name, 0) for each in of_states], watched_ps_nm2, temperatures_K)}
        for name in names
    ]
    return sorted(rows, key=lambda row: (-row["events"], row["reaction"]))


def fit_barrier(events: Sequence[int], watched_ps_nm2: np.ndarray, temperatures_K: np.ndarray) -> dict:
    """The barrier of one reaction.

    Args:
        events, watched_ps_nm2, temperatures_K: of each temperature, (temperatures,).
    """
    counts, inverse_eV = np.asarray(events, dtype=float), 1 / (kB * np.asarray(temperatures_K, dtype=float))
    total = counts.sum()
    empty = {"events": int(total), "barrier_eV": None, "interval_eV": None, "k0_per_ns_nm2": None, "status": FEW}
    if total < FEWEST or np.count_nonzero(counts) < 2:
        return empty
    middle, weights = counts @ inverse_eV / total, np.log(watched_ps_nm2)

    def log_expected(barrier_eV: float) -> np.ndarray:
        """Logarithm of the events that a barrier lets expect, up to a factor."""
        return weights - barrier_eV * (inverse_eV - middle)

    def slope(barrier_eV: float) -> float:
        """Of the log-likelihood per event, with the best k0; it falls with the barrier."""
        return softmax(log_expected(barrier_eV)) @ (inverse_eV - middle)

    def loss(barrier_eV: float) -> float:
        """Log-likelihood below its maximum, less the drop of the interval."""
        return total * (logsumexp(log_expected(barrier_eV)) - logsumexp(log_expected(best_eV))) - DROP

    best_eV = brentq(slope, -WIDEST_eV, WIDEST_eV)
    interval_eV = [brentq(loss, best_eV, best_eV + side * WIDEST_eV) for side in (-1, 1)]
    k0 = 1000 * total / (watched_ps_nm2 * np.exp(-best_eV * inverse_eV)).sum()
    return empty | {
        "barrier_eV": float(best_eV),
        "interval_eV": interval_eV,
        "k0_per_ns_nm2": float(k0),
        "status": OK,
    }
