"""Tables across compositions: every point of the sweep, and the ranking."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from saltflow.provenance import atomic_write

QUANTITIES = {
    "D_cm2_s": "D_err",
    "sigma_NE_mS_cm": "sigma_NE_err",
    "sigma_cNE_mS_cm": "sigma_cNE_err",
    "sigma_E_mS_cm": "sigma_E_err",
    "haven_ratio": "haven_err",
}
LEGEND = """
D: self-diffusion of the mobile ion. NE: Nernst–Einstein, cNE: the same for clusters of bonded ions, E: Einstein (with
all ion–ion correlations). haven: D*/D_sigma of the mobile ion. t_E: its share of the Einstein conductivity.
err: standard error over time blocks and glasses. alpha: slope of ln MSD over ln t; diffusion has 1.
status ok: a diffusive window was found. Any other status: the numbers are no conductivities of the material.
side_of_Tg: above, near or below the glass transition of the quench, whose rate is far above a laboratory's.
method: what the potential was trained on; 'not converged': its held-out force error is above the set limit.
"""


def tabulate(
    points: Sequence[tuple[str, Mapping]],
    releases: Mapping[str, Mapping],
    transitions: Mapping[str, Mapping],
    *,
    potentials: Mapping[str, str],
) -> pd.DataFrame:
    """One row per composition × temperature.

    Args:
        points: (composition id, result of `analyse_transport`).
        releases: potential → its release record.
        transitions: composition id → glass transition of its quench, of its arrhenius.json.
        potentials: composition id → potential.

    Returns:
        columns composition, temperature_K, glasses, D_cm2_s, D_err, sigma_NE_mS_cm, …, t_E (transference number of
        the mobile ion), alpha, finite_size (whether mobile ions half a cell apart move together), status, side_of_Tg
        (above, near or below the glass transition of the quench; empty where none was found), potential, method,
        potential_status, force_rmse_meV_A; D in cm²/s, conductivities in mS/cm.
    """
    return pd.DataFrame(
        [
            _point_row(name, point)
            | {"side_of_Tg": transitions[name]["sides"].get(f"{point['temperature_K']:g}")}
            | _potential_row(potentials[name], releases[potentials[name]])
            for name, point in points
        ]
    )


def tabulate_foreign(name: str, point: Mapping) -> pd.DataFrame:
    """The row of a point whose trajectories come from elsewhere; nothing is known of its quench and potential.

    Args:
        name: what to call it.
        point: result of `analyse_transport`.
    """
    unknown = dict.fromkeys(("side_of_Tg", "potential", "method", "potential_status", "force_rmse_meV_A"))
    return pd.DataFrame([_point_row(name, point) | unknown])


def _point_row(composition: str, point: Mapping) -> dict:
    row = {"composition": composition, "temperature_K": round(point["temperature_K"]), "glasses": point["glasses"]}
    for quantity, error in QUANTITIES.items():
        estimate = point["quantities"].get(quantity, {})
        row |= {quantity: estimate.get("value"), error: estimate.get("error")}
    mobile = point["species"][point["mobile_ion"]] if point["quantities"] else {}
    share = mobile.get("transference_E", {})
    return row | {
        "t_E": share.get("value"),
        "t_E_err": share.get("error"),
        "alpha": point["alpha"],
        "finite_size": point.get("finite_size", {}).get("flag"),
        "status": point["status"],
    }


def _potential_row(potential: str, release: Mapping) -> dict:
    return {
        "potential": potential,
        "method": release["reference"]["name"],
        "potential_status": "converged" if release["converged"] else "not converged",
        "force_rmse_meV_A": release["heldout"]["force_rmse_meV_A"],
    }


def rank(fits: Sequence[Mapping], *, literature: Mapping[str, Mapping]) -> pd.DataFrame:
    """Electrolytes by Einstein conductivity at the temperature of comparison, the best first.

    A composition without a fit stands at the end, with the reason.

    Args:
        fits: content of each arrhenius.json.
        literature: composition id → measured conductivity, its temperature and origin.
    """
    rows = [_rank_row(fit, literature[fit["composition"]]) for fit in fits]
    table = pd.DataFrame(rows).sort_values("sigma_mS_cm", ascending=False, na_position="last", kind="stable")
    ranks = [place if pd.notna(value) else pd.NA for place, value in enumerate(table["sigma_mS_cm"], 1)]
    table.insert(0, "rank", pd.array(ranks, dtype="Int64"))
    return table.reset_index(drop=True)


def _rank_row(fit: Mapping, literature: Mapping) -> dict:
    einstein = fit["fits"]["sigma_E_mS_cm"]
    prediction, energy = einstein.get("prediction") or {}, einstein.get("Ea_eV") or {}
    return {
        "composition": fit["composition"],
        "at_temperature_K": prediction.get("temperature_K"),
        "sigma_mS_cm": prediction.get("value"),
        "sigma_low_mS_cm": prediction.get("low"),
        "sigma_high_mS_cm": prediction.get("high"),
        "extrapolated": prediction.get("extrapolated"),
        "crosses_Tg": prediction.get("crosses_Tg"),
        "Tg_K": fit["glass_transition"]["Tg_K"],
        "Tg_err_K": fit["glass_transition"]["error_K"],
        "Ea_eV": energy.get("value"),
        "Ea_err_eV": energy.get("error"),
        "status": einstein["status"],
        "measured_sigma_mS_cm": literature["sigma_mS_cm"],
        "measured_at_C": literature["temperature_C"],
        "measured_origin": literature["sigma_origin"],
        "measured_Ea_eV": literature["Ea_eV"],
    }


def write_table(table: pd.DataFrame, path: str | Path, *, text_path: str | Path | None = None) -> None:
    """Write a table as CSV and, if asked, as text to read, with a legend.

    Args:
        table: what to write.
        path: of the CSV.
        text_path: of the text.
    """
    with atomic_write(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g")
    if text_path is not None:
        with atomic_write(text_path) as temporary:
            text = table.to_string(index=False, na_rep="–", float_format=lambda value: f"{value:.3g}")
            temporary.write_text(text + "\n" + LEGEND)
