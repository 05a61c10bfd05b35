"""What the results page shows of all compositions together: verdict, Arrhenius lines, agreement, descriptors."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from saltflow.analysis.order.association import associate
from saltflow.analysis.order.electrolytes import PERCOLATION
from saltflow.analysis.ranking.ranking import FEWEST_MEASURED
from saltflow.analysis.structure.descriptors import NAMES
from saltflow.analysis.sweep_results.page_blocks import curve, shortened
from saltflow.analysis.sweep_results.rows import is_done, ranked_values
from saltflow.analysis.sweep_results.sweep_products import Products
from saltflow.statistics.rank_correlation import spearman_interval

LINE_POINTS = 13
ARRHENIUS_QUANTITIES = {
    "sigma_E_mS_cm": "σ, Einstein (all correlations)",
    "sigma_NE_mS_cm": "σ, Nernst–Einstein",
    "D_cm2_s": "D of the mobile ion",
}
TO_BE_EXPLAINED = {"sigma": "σ at {:g} K (mS/cm)", "D": "D of the mobile ion at {:g} K (cm²/s)"}


def verdict(rows: Sequence[Mapping]) -> dict:
    """How many compositions have which status, and why those without a number have none.

    Returns:
        counts: status → compositions, the most frequent first; reasons: status, reason and ids, of all but done.
    """
    counts = Counter(row["status"] for row in rows)
    reasons: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in rows:
        if not is_done(row):
            reasons[row["status"], row["reason"]].append(row["id"])
    ordered = sorted(reasons.items(), key=lambda item: (-len(item[1]), item[0]))
    return {
        "counts": dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))),
        "reasons": [{"status": status, "reason": reason, "ids": ids} for (status, reason), ids in ordered],
        "doubtful": sum(is_done(row) and bool(row["numbers"]["sigma"]["doubts"]) for row in rows),
    }


def arrhenius_of(products: Products) -> dict | None:
    """Points and fitted line of a composition by quantity, and its glass transition; None without a fit file."""
    fit = products.own.get("arrhenius")
    if fit is None:
        return None
    return {
        "Tg_K": shortened(fit["glass_transition"]["Tg_K"], digits=4),
        **{quantity: _drawn(fit["fits"][quantity]) for quantity in ARRHENIUS_QUANTITIES if quantity in fit["fits"]},
    }


def _drawn(fit: Mapping) -> dict:
    points = [point for point in fit["points"] if point["value"] is not None]
    drawn = {
        "T": [point["temperature_K"] for point in points],
        "value": [shortened(point["value"]) for point in points],
        "error": [shortened(point["error"]) for point in points],
        "used": [point["used"] for point in points],
    }
    if fit["status"] != "ok":
        return drawn | {"why": fit["status"]}
    chosen = np.unique(np.linspace(0, len(fit["line"]["value"]) - 1, LINE_POINTS).astype(int))
    line = {
        name: curve(fit["line"][name][place] for place in chosen) for name in ("temperatures_K", "value", "low", "high")
    }
    return drawn | {"line": line}


def agreement_of(rows: Sequence[Mapping], predicted: str, measured: str) -> dict:
    """Rank correlation of simulated with measured values: Spearman's ρ.

    Returns:
        electrolytes (with both), rho, and low and high of its 95 % interval; None below `FEWEST_MEASURED`.
    """
    both = ranked_values(rows, predicted, measured)
    if len(both) < FEWEST_MEASURED:
        return {"electrolytes": len(both), "needed": FEWEST_MEASURED, "rho": None, "low": None, "high": None}
    rho = float(stats.spearmanr(both["predicted"], both["measured"]).statistic)
    low, high = spearman_interval(rho, len(both))
    found = {"rho": shortened(rho, digits=3), "low": shortened(low, digits=3), "high": shortened(high, digits=3)}
    return {"electrolytes": len(both), "needed": FEWEST_MEASURED, **found}


def descriptors_of(products: Products, *, temperature_K: int) -> dict[str, float]:
    """Structural descriptors of a composition at the temperature of comparison of structures, where known."""
    point = products.points.get(temperature_K, {})
    known = point.get("structure", {}).get("descriptors", {})
    percolation = point.get("pathways", {}).get("quantities", {})
    found = {name: known.get(name, {}).get("value") for name in NAMES}
    found |= {name: (percolation.get(name) or {}).get("value") for name in PERCOLATION}
    return {name: shortened(value) for name, value in found.items() if value is not None}


def associations(rows: Sequence[Mapping], descriptors: Mapping[str, Mapping[str, float]]) -> dict[str, list[dict]]:
    """Rank correlation of σ and of D with every descriptor, as `associate` gives it."""
    names = [*NAMES, *PERCOLATION]
    found = {}
    for target in TO_BE_EXPLAINED:
        table = pd.DataFrame(
            [
                {"target": row["numbers"].get(target, {}).get("value")}
                | {name: descriptors.get(row["id"], {}).get(name) for name in names}
                for row in rows
            ],
            dtype=float,
        )
        found[target] = [
            {key: shortened(value, digits=3) if isinstance(value, float) else value for key, value in row.items()}
            for row in associate(table, target="target", descriptors=names)
        ]
    return found
