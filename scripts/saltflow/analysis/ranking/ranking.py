"""The ranking of all compositions by conductivity, with a status each, beside measured values."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from saltflow.analysis.arrhenius.fit import FEWEST_TEMPERATURES, MOST_DECADES, decades
from saltflow.analysis.conductivity_table import DOMAIN, domain_row, potential_status
from saltflow.analysis.no_result import NO_ACCEPTED_REPLICA
from saltflow.base.provenance import read_json
from saltflow.campaign.dispersion_switch import method_name
from saltflow.statistics.rank_correlation import spearman_interval

COLUMNS = [
    *("composition", "status", "at_temperature_K", "sigma_mS_cm", "sigma_low_mS_cm", "sigma_high_mS_cm"),
    *("extrapolated", "crosses_Tg", "Tg_K", "Tg_err_K", "Ea_eV", "Ea_err_eV"),
    *("of_T_K", "haven_ratio", "haven_err", "t_E", "t_E_err", "density_g_cm3"),
    *("potential", "method", "potential_status", "force_rmse_meV_A", *DOMAIN),
    *("measured_sigma_mS_cm", "measured_at_C", "measured_origin", "measured_Ea_eV"),
]
SHOWN_COLUMNS = [
    *(
        "rank",
        "composition",
        "sigma_mS_cm",
        "sigma_low_mS_cm",
        "sigma_high_mS_cm",
        "extrapolated",
        "crosses_Tg",
        "Ea_eV",
    ),
    *(
        "haven_ratio",
        "t_E",
        "density_g_cm3",
        "method",
        "potential_status",
        "domain",
        "measured_sigma_mS_cm",
        "status",
    ),
]
FEWEST_MEASURED = 5  # below, the interval of a rank correlation covers everything
DONE = "done"
NOT_DIFFUSIVE = "not diffusive"
DAMPED = "damped"
TOO_FEW_WINDOWS = "too few windows"
TOO_UNCERTAIN = "too uncertain"
LEGEND = """
done: an Arrhenius fit of the Einstein conductivity, at the temperature of comparison, with its 95 % interval. Any other
status: the reason why there is none, or why it has no rank. haven, t_E and density: at the coolest diffusive
temperature that ran long enough for them. method: reference of the potential, and the dispersion that molecular
dynamics added. measured: from compositions.tsv; nothing was fitted to it. domain: whether the simulated environments
lie in the domain of the potential; outside it, forces and conductivity are unreliable. zero-shot: a foundation drives
MD as it is; its errors and domain are not known.
ranking.csv has the rest: Tg, errors, temperatures, the potential with its force error, origins.
"""


@dataclass(frozen=True)
class CompositionResults:
    """Results of a composition that was simulated.

    Args:
        fit: content of arrhenius.json.
        points: content of transport.json and of structure.json of each temperature.
        release: content of the released.json of its potential.
        dispersion: added by the dynamics, or none.
        domain: content of domain.json; None without that analysis.
    """

    fit: Mapping
    points: Sequence[tuple[Mapping, Mapping]]
    release: Mapping
    dispersion: str
    domain: Mapping | None


def read_finished(
    arrhenius: Iterable[str | Path],
    *,
    domain: Iterable[str | Path],
    transport: Iterable[str | Path],
    structure: Iterable[str | Path],
    releases: Iterable[str | Path],
    dispersion: Mapping[str, str],
) -> dict[str, CompositionResults]:
    """Results of the compositions of a sweep, from its files.

    Args:
        arrhenius, domain: results/{composition}/arrhenius.json and domain.json.
        transport, structure: results/{composition}/md/{temperature}K/transport.json and structure.json, in the same
            order.
        releases: results/potentials/{potential}/released.json.
        dispersion: composition id → dispersion added by the dynamics, or none.
    """
    points = [tuple(map(read_json, paths)) for paths in zip(transport, structure, strict=True)]
    released = {release["potential"]: release for release in map(read_json, releases)}
    covered = {found["composition"]: found for found in map(read_json, domain)}
    return {
        (name := fit["composition"]): CompositionResults(
            fit,
            [point for point in points if point[0]["composition"] == name],
            released[fit["potential"]],
            dispersion[name],
            covered.get(name),
        )
        for fit in map(read_json, arrhenius)
    }


def rank(
    finished: Mapping[str, CompositionResults], others: Mapping[str, str], *, literature: Mapping[str, Mapping]
) -> pd.DataFrame:
    """Compositions by Einstein conductivity at the temperature of comparison, the best first.

    Args:
        finished: composition id → its results.
        others: status of every other composition of the table.
        literature: composition id → measured conductivity, its temperature and origin.

    Returns:
        one row per composition: rank, status, conductivity with interval and flags, activation energy, Haven ratio,
        transference number and density at the coolest diffusive temperature, potential, measured values.
    """
    rows = [_row(name, each) | _measured(literature[name]) for name, each in finished.items()]
    rows += [{"composition": name, "status": status} | _measured(literature[name]) for name, status in others.items()]
    table = pd.DataFrame(rows, columns=COLUMNS)
    is_done = table["status"] == DONE
    order = table["sigma_mS_cm"].where(is_done).sort_values(ascending=False, na_position="last", kind="stable").index
    ranks = [place if is_done[row] else pd.NA for place, row in enumerate(order, 1)]
    table = table.loc[order].reset_index(drop=True)
    table.insert(0, "rank", pd.array(ranks, dtype="Int64"))
    return table


def agreement(ranking: pd.DataFrame) -> dict:
    """Rank correlation of predicted with measured conductivities: Spearman's ρ.

    Args:
        ranking: of `rank`.

    Returns:
        electrolytes (with both values), rho with low and high of its 95 % interval; None for fewer than
        `FEWEST_MEASURED`.
    """
    done = ranking[ranking["status"] == DONE]
    both = done[["sigma_mS_cm", "measured_sigma_mS_cm"]].apply(pd.to_numeric).dropna()
    if len(both) < FEWEST_MEASURED:
        return {"electrolytes": len(both), "rho": None, "low": None, "high": None}
    rho = float(stats.spearmanr(*np.log(both.to_numpy(float)).T).statistic)
    low, high = spearman_interval(rho, len(both))
    return {"electrolytes": len(both), "rho": rho, "low": low, "high": high}


def format_ranking(ranking: pd.DataFrame) -> str:
    """The ranking as text: counts, agreement with measurements, the table, a legend."""
    counts = ranking["status"].str.partition(":")[0].value_counts()
    counted = ", ".join(f"{number} {status}" for status, number in counts.items())
    shown = ranking[SHOWN_COLUMNS].astype(object).where(ranking[SHOWN_COLUMNS].notna(), "–")
    table = shown.to_string(index=False, float_format=lambda value: f"{value:.3g}")
    return f"{len(ranking)} compositions: {counted}. {_format_agreement(ranking)}\n\n{table}\n{LEGEND}"


def _format_agreement(ranking: pd.DataFrame) -> str:
    found = agreement(ranking)
    if found["rho"] is None:
        return f"{found['electrolytes']} of them have a measured conductivity: too few to compare."
    return (
        f"Spearman's rho of predicted with measured conductivity: {found['rho']:.2f} "
        f"[{found['low']:.2f}, {found['high']:.2f}] over {found['electrolytes']} compositions."
    )


def _row(name: str, finished: CompositionResults) -> dict:
    einstein = finished.fit["fits"]["sigma_E_mS_cm"]
    prediction, energy = einstein.get("prediction") or {}, einstein.get("Ea_eV") or {}
    return {
        "composition": name,
        "status": _status(finished),
        "at_temperature_K": prediction.get("temperature_K"),
        "sigma_mS_cm": prediction.get("value"),
        "sigma_low_mS_cm": prediction.get("low"),
        "sigma_high_mS_cm": prediction.get("high"),
        "extrapolated": prediction.get("extrapolated"),
        "crosses_Tg": prediction.get("crosses_Tg"),
        "Tg_K": finished.fit["glass_transition"]["Tg_K"],
        "Tg_err_K": finished.fit["glass_transition"]["error_K"],
        "Ea_eV": energy.get("value"),
        "Ea_err_eV": energy.get("error"),
        **_coolest(finished.points),
        "potential": finished.release["potential"],
        "method": method_name(finished.release, finished.dispersion),
        "potential_status": potential_status(finished.release),
        "force_rmse_meV_A": finished.release["heldout"]["force_rmse_meV_A"],
        **domain_row(finished.domain),
    }


def _status(finished: CompositionResults) -> str:
    """done, or the reason why there is no fit or why it says nothing."""
    einstein = finished.fit["fits"]["sigma_E_mS_cm"]
    if einstein["status"] == "ok":
        kelvin, width = einstein["prediction"]["temperature_K"], decades(einstein["prediction"])
        if width <= MOST_DECADES:
            return DONE
        return f"{TOO_UNCERTAIN}: the 95 % interval at {kelvin:g} K spans {width:.0f} decades"
    transports = [transport for transport, _ in finished.points]
    if all(transport["status"] == NO_ACCEPTED_REPLICA for transport in transports):
        return f"{NO_ACCEPTED_REPLICA}: {transports[0]['reason']}"
    if any(transport["status"] == DAMPED for transport in transports):
        return f"{DAMPED}: the friction of the thermostat slowed diffusion"
    diffusive = sum(transport["status"] == "ok" for transport in transports)
    long_enough = sum(_collective_status(transport) == "ok" for transport in transports)
    if diffusive >= FEWEST_TEMPERATURES > long_enough:
        return f"{TOO_FEW_WINDOWS}: {long_enough} of {len(transports)} temperatures ran long enough for sigma_E"
    return f"{NOT_DIFFUSIVE}: {diffusive} of {len(transports)} temperatures have a diffusive window"


def _collective_status(transport: Mapping) -> str:
    """Status of σ_E and the transference numbers."""
    row = transport["quantities"].get("sigma_E_mS_cm", {})
    return row.get("status", "ok") if transport["status"] == "ok" else transport["status"]


def _coolest(points: Sequence[tuple[Mapping, Mapping]]) -> dict:
    """Haven ratio, transference number and density at the coolest temperature with windows enough for them."""
    diffusive = [point for point in points if _collective_status(point[0]) == "ok"]
    if not diffusive:
        return {}
    transport, structure = min(diffusive, key=lambda point: point[0]["temperature_K"])
    haven = transport["quantities"]["haven_ratio"]
    share = transport["species"][transport["mobile_ion"]]["transference_E"]
    return {
        "of_T_K": transport["temperature_K"],
        "haven_ratio": haven["value"],
        "haven_err": haven["error"],
        "t_E": share["value"],
        "t_E_err": share["error"],
        "density_g_cm3": structure["descriptors"].get("density_g_cm3", {}).get("value"),
    }


def _measured(literature: Mapping) -> dict:
    return {
        "measured_sigma_mS_cm": literature["sigma_mS_cm"],
        "measured_at_C": literature["temperature_C"],
        "measured_origin": literature["sigma_origin"],
        "measured_Ea_eV": literature["Ea_eV"],
    }
