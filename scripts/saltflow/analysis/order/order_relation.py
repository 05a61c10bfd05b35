"""The relation of structural descriptors with conductivity and with diffusion."""

from collections.abc import Sequence

import pandas as pd

from saltflow.analysis.order.association import FEWEST_ELECTROLYTES, associate
from saltflow.analysis.order.electrolytes import TARGETS
from saltflow.analysis.order.regression import cross_validate


def relate(table: pd.DataFrame, *, descriptors: Sequence[str], shuffles: int, seed: int) -> dict:
    """Relate structural descriptors to conductivity and diffusion, one by one and together.

    Args:
        table: of `collect`.
        descriptors: its descriptor columns.
        shuffles: as for `cross_validate`.
        seed: of models and shuffles.

    Returns:
        target → status ("ok", or "too few" with how many there are), electrolytes, hosts, associations of
        `associate` and models of `cross_validate`.
    """
    return {target: _relation(table, target, descriptors, shuffles, seed) for target in TARGETS}


def _relation(table: pd.DataFrame, target: str, descriptors: Sequence[str], shuffles: int, seed: int) -> dict:
    known = table[table[target].notna()]
    counts = {"electrolytes": len(known), "hosts": int(known["host"].nunique()), "of": len(table)}
    if len(known) < FEWEST_ELECTROLYTES:
        return {"status": "too few", **counts, "needed": FEWEST_ELECTROLYTES, "associations": [], "models": {}}
    return {
        "status": "ok",
        **counts,
        "associations": associate(table, target=target, descriptors=descriptors),
        "models": cross_validate(table, target=target, descriptors=descriptors, shuffles=shuffles, seed=seed),
    }
