"""The table of the results page: one row per composition of the table, finished or not."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from saltflow.analysis.ranking.ranking import DONE, CompositionResults, rank
from saltflow.analysis.sweep_results import doubts
from saltflow.analysis.sweep_results.page_blocks import shortened

ZERO_CELSIUS_K = 273.15


class NumberColumn(NamedTuple):
    """A column of numbers: its key, heading, unit, explanation, and whether literature stands in it."""

    key: str
    heading: str
    unit: str
    meaning: str
    is_measured: bool = False


def number_columns(target_K: float) -> list[NumberColumn]:
    """The columns of numbers, in their order."""
    at = f"at {target_K:g} K"
    return [
        NumberColumn("sigma", "σ", "mS/cm", f"Einstein conductivity {at} from the Arrhenius fit, 95 % interval"),
        NumberColumn("measured_sigma", "σ lit.", "mS/cm", "literature, at its own temperature", is_measured=True),
        NumberColumn("Ea", "Ea", "eV", "activation energy of the Einstein conductivity, standard error"),
        NumberColumn("measured_Ea", "Ea lit.", "eV", "literature", is_measured=True),
        NumberColumn("D", "D", "cm²/s", f"self-diffusion coefficient of the mobile ion {at}, 95 % interval"),
        NumberColumn("haven", "Haven ratio", "", "Haven ratio at the coolest diffusive temperature, standard error"),
        NumberColumn("t", "t", "", "transference number of the mobile ion there, standard error"),
        NumberColumn("density", "ρ", "g/cm³", "density there"),
        NumberColumn("force", "force RMSE", "meV/Å", "held-out force error of the potential"),
    ]


def rows_of(finished: Mapping[str, CompositionResults], others: Mapping[str, str], facts: Mapping) -> list[dict]:
    """Rows in the order of the ranking.

    Args:
        finished: composition id → what the ranking reads of it.
        others: status of every other composition of the table.
        facts: of `sweep_facts`.

    Returns:
        id, rank, status and reason, formula, family, mobile_ion, host, potential with its method, status and domain,
        measured_at_K, and numbers: key of `number_columns` → value with error or interval, doubts, note; keys without
        a value are left out.
    """
    literature = {name: row["literature"] for name, row in facts["compositions"].items()}
    ranking = rank(finished, others, literature=literature)
    records = ranking.astype(object).where(ranking.notna(), None).to_dict("records")
    return [_row(record, finished.get(record["composition"]), facts) for record in records]


def ranked_values(rows: Sequence[Mapping], predicted: str, measured: str) -> pd.DataFrame:
    """Both values of the rows that have them, for `agreement_of`: columns predicted and measured."""
    pairs = [
        (row["numbers"][predicted]["value"], row["numbers"][measured]["value"])
        for row in rows
        if predicted in row["numbers"] and measured in row["numbers"]
    ]
    return pd.DataFrame(pairs, columns=["predicted", "measured"])


def _row(record: Mapping, results: CompositionResults | None, facts: Mapping) -> dict:
    name = record["composition"]
    status, _, reason = record["status"].partition(": ")
    described = facts["compositions"][name]
    return {
        "id": name,
        "rank": record["rank"],
        "status": status,
        "reason": reason,
        "formula": described["formula"],
        "family": described["family"],
        "mobile_ion": described["mobile_ion"],
        "host": described["host"],
        "potential": described["potential"] or "none",
        "method": record["method"],
        "potential_status": record["potential_status"],
        "domain": record["domain"],
        "measured_at_K": None
        if record["measured_at_C"] is None
        else shortened(record["measured_at_C"] + ZERO_CELSIUS_K),
        "numbers": {key: number for key, number in _numbers(record, results, described["literature"]) if number},
    }


def _numbers(record: Mapping, results: CompositionResults | None, literature: Mapping) -> list[tuple[str, dict | None]]:
    fits = results.fit["fits"] if results else {}
    of_potential = doubts.of_potential(record) if results else []
    sigma, diffusion = (fits.get(name, {}).get("prediction") for name in ("sigma_E_mS_cm", "D_cm2_s"))
    measured_at = literature["temperature_C"]
    origin = ", ".join(part for part in (f"{measured_at:g} °C" if measured_at is not None else "",
                       literature["sigma_origin"]) if part)  # fmt: skip
    doubtful_sigma = of_potential + doubts.of_prediction(sigma)
    return [
        ("sigma", _interval(sigma, doubtful_sigma)),
        ("measured_sigma", _number(literature["sigma_mS_cm"], note=origin)),
        ("Ea", _number(record["Ea_eV"], error=record["Ea_err_eV"], doubts=_without_width(doubtful_sigma))),
        ("measured_Ea", _number(literature["Ea_eV"], note=literature["Ea_origin"])),
        ("D", _interval(diffusion, of_potential + doubts.of_prediction(diffusion))),
        ("haven", _number(record["haven_ratio"], error=record["haven_err"], doubts=of_potential)),
        ("t", _number(record["t_E"], error=record["t_E_err"], doubts=of_potential)),
        ("density", _number(record["density_g_cm3"], doubts=of_potential)),
        ("force", _number(record["force_rmse_meV_A"], doubts=[each for each in of_potential
                          if each == doubts.NOT_CONVERGED])),
    ]  # fmt: skip


def _without_width(found: Sequence[str]) -> list[str]:
    """Ea has an error of its own; a wide interval of σ, or a large σ, does not speak against it."""
    return [each for each in found if each not in (doubts.WIDE, doubts.LARGE)]


def _interval(prediction: Mapping | None, found: Sequence[str]) -> dict | None:
    if not prediction or prediction.get("value") is None:
        return None
    note = "extrapolated" if prediction["extrapolated"] else ""
    ends = {end: shortened(prediction[end]) for end in ("low", "high")}
    return {"value": shortened(prediction["value"]), **ends, "doubts": list(found), "note": note}


def _number(
    value: float | None, *, error: float | None = None, doubts: Sequence[str] = (), note: str = ""
) -> dict | None:
    if value is None:
        return None
    found = {"value": shortened(value), "doubts": list(doubts), "note": note}
    return found | {"error": shortened(error)}


def is_done(row: Mapping) -> bool:
    """Whether a row has a conductivity at the temperature of comparison."""
    return row["status"] == DONE
