"""Rank correlation of conductivity with single descriptors, corrected for multiple testing."""

from collections.abc import Sequence

import pandas as pd
from scipy import stats

from saltflow.statistics.rank_correlation import spearman_interval

FALSE_DISCOVERY_RATE = 0.05
FEWEST_ELECTROLYTES = 8  # below, no rank correlation is significant after correction for a dozen descriptors


def associate(table: pd.DataFrame, *, target: str, descriptors: Sequence[str]) -> list[dict]:
    """Spearman's ρ of a target with each descriptor, the strongest first.

    The interval (`rank_correlation`) assumes independent electrolytes, which those of one host are not: `regression`
    tests predictions for hosts left out. The q value is p after the correction of Benjamini and Yekutieli, valid for
    dependent descriptors.

    Args:
        table: one row per electrolyte; nan where a value is unknown.
        target: column to explain.
        descriptors: explaining columns.

    Returns:
        one row per descriptor that varies over `FEWEST_ELECTROLYTES` or more: descriptor, electrolytes, rho, low and
        high of the 95 % interval, p, q, significant (q below the false discovery rate).
    """
    rows = [row for name in descriptors if (row := _correlation(table, target, name))]
    if not rows:
        return []
    corrected = stats.false_discovery_control([row["p"] for row in rows], method="by")
    for row, q in zip(rows, corrected, strict=True):
        row |= {"q": float(q), "significant": bool(q < FALSE_DISCOVERY_RATE)}
    return sorted(rows, key=lambda row: -abs(row["rho"]))


def _correlation(table: pd.DataFrame, target: str, descriptor: str) -> dict | None:
    known = table[[target, descriptor]].dropna()
    if len(known) < FEWEST_ELECTROLYTES or known[descriptor].nunique() < 3 or known[target].nunique() < 3:
        return None
    rho, p = stats.spearmanr(known[target], known[descriptor])
    low, high = spearman_interval(float(rho), len(known))
    return {"descriptor": descriptor, "electrolytes": len(known), "rho": float(rho), "low": low, "high": high, "p": p}
