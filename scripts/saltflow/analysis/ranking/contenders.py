"""Which electrolytes are among the best, how sure that is, and which must be known better to tell.

log σ of each is taken as normal about its prediction, as wide as its 95 % interval, and independent of the others. They
share the errors of their potential, which are not in it. Rounds of this are successive halving: what certainly belongs
to the best, or certainly does not, gets no more time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

import numpy as np
import pandas as pd

from saltflow.analysis.ranking.ranking import DONE, TOO_UNCERTAIN
from saltflow.base.provenance import read_json
from saltflow.campaign.production_end import judged_by
from saltflow.dynamics.looks import LONGEST

DRAWS = 4_000
Z95 = 1.959964
IN, OUT, OPEN, UNKNOWN = "among the best", "not among them", "open", "no value"
SHRINK = 1 / sqrt(2)  # of an error, when a run becomes twice as long
ERRORS = ("D_relative_error", "sigma_E_relative_error")


@dataclass(frozen=True)
class Contenders:
    """The table of `find_contenders`. top: how many best ones are looked for. confidence: that is wanted."""

    table: pd.DataFrame
    top: int
    confidence: float

    def named(self, verdict: str) -> list[str]:
        """Ids of the compositions with a verdict."""
        return list(self.table.loc[self.table["verdict"] == verdict, "composition"])


def find_contenders(ranking: pd.DataFrame, *, top: int, confidence: float, seed: int = 1) -> Contenders:
    """The probability of each composition to be among the best.

    Args:
        ranking: of `saltflow.analysis.ranking.ranking.rank`.
        top: how many are the best.
        confidence: from this probability on a composition belongs to them, below one less it does not.
        seed: of the draws.

    Returns:
        composition, sigma_mS_cm with its interval, probability and verdict: `IN`, `OUT`, `OPEN`, or `UNKNOWN` without a
        prediction; the likeliest first.
    """
    columns = ["composition", "status", "sigma_mS_cm", "sigma_low_mS_cm", "sigma_high_mS_cm"]
    table = ranking.loc[ranking["status"].isin([DONE, TOO_UNCERTAIN]), columns].reset_index(drop=True)
    centre, low, high = (np.log(pd.to_numeric(table[name]).to_numpy(float)) for name in columns[2:])
    width = (high - low) / (2 * Z95)
    drawn = np.random.default_rng(seed).normal(centre, width, (DRAWS, len(table)))
    last_of_the_best = np.sort(drawn, axis=1)[:, -min(top, len(table))] if len(table) else np.zeros(DRAWS)
    table["probability"] = (drawn >= last_of_the_best[:, None]).mean(axis=0)
    certain = [(table["probability"] >= confidence, IN), (table["probability"] <= 1 - confidence, OUT)]
    table["verdict"] = OPEN
    for which, verdict in certain:
        table.loc[which, "verdict"] = verdict
    others = ranking.loc[~ranking["composition"].isin(table["composition"]), ["composition", "status"]].copy()
    others["verdict"] = UNKNOWN
    table = table.sort_values("probability", ascending=False, kind="stable")
    return Contenders(pd.concat([table, others], ignore_index=True), top, confidence)


def ended_as_longest(folder: Path, composition: str) -> bool:
    """Whether production of a composition at any temperature ended at the longest run, not known yet.

    Args:
        folder: of the sweep. composition: its id.
    """
    records = (folder / "results" / composition / "md").glob("*K/md.json")
    return any(read_json(path).get("stopped_because") == LONGEST for path in records)


def longer(production: Mapping, *, least_error: float, at_longest: bool) -> dict | None:
    """What of `dynamics.production` makes a composition known better: twice the length.

    Args:
        production: its section now.
        least_error: relative error of D below which no time is spent.
        at_longest: whether runs ended at `duration_ps`, which then grows too.

    Returns:
        changes of the section; None where it is as good as that already.
    """
    wanted = judged_by(production)
    if wanted is None:
        return {"duration_ps": 2 * production["duration_ps"]}
    if wanted[ERRORS[0]] <= least_error:
        return None
    factor = max(SHRINK, least_error / wanted[ERRORS[0]])
    changes = {"until_known": {name: float(f"{factor * wanted[name]:.3g}") for name in ERRORS}}
    return changes | ({"duration_ps": 2 * production["duration_ps"]} if at_longest else {})


def contenders_text(found: Contenders) -> str:
    """The table and what may be said of the best."""
    shown = found.table.astype(object).where(found.table.notna(), "–")
    numbers = [found.named(verdict) for verdict in (IN, OUT, OPEN)]
    table = shown.to_string(index=False, float_format=lambda value: f"{value:.3g}")
    return (
        f"{table}\n\nOf the best {found.top}, {len(numbers[0])} are known with a confidence of {found.confidence:g}; "
        f"{len(numbers[2])} compositions are open, {len(numbers[1])} are out of it. Errors of the potential, which all "
        "share, are not in these probabilities."
    )
