"""The conductivity table: one row per state point of the sweep."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from saltflow.base.provenance import atomic_write
from saltflow.campaign.dispersion_switch import method_name

QUANTITIES = {
    "D_cm2_s": "D_err",
    "sigma_NE_mS_cm": "sigma_NE_err",
    "sigma_cNE_mS_cm": "sigma_cNE_err",
    "sigma_E_mS_cm": "sigma_E_err",
    "haven_ratio": "haven_err",
}
DOMAIN = ("domain", "out_of_domain_fraction", "out_of_domain_err")
LEGEND = """
D: self-diffusion of the mobile ion. NE: Nernst–Einstein, cNE: the same for clusters of bonded ions, E: Einstein (with
all ion–ion correlations). haven: D*/D_sigma of the mobile ion. t_E: its share of the Einstein conductivity.
err: standard error over time blocks and replicas. alpha: slope of ln MSD over ln t; diffusion has 1.
status ok: a diffusive window was found. Any other status: the values are no conductivities of the material.
sigma_E_status: too few windows where sigma_E and t_E rest on too few independent stretches of time; no fit takes them.
side_of_Tg: above, near or below the glass transition of the quench, whose rate is far above a laboratory's.
method: reference of the potential, and the dispersion that MD added; with → mace it is a universal potential.
zero-shot: a foundation drives MD as it is, without training; its errors and its domain are not known.
not converged: its held-out force error is above the set limit.
out_of_domain_fraction: fraction of the composition's atoms in environments outside the domain of the potential.
"""


def tabulate(
    points: Sequence[Mapping],
    releases: Mapping[str, Mapping],
    transitions: Mapping[str, Mapping],
    *,
    dispersion: Mapping[str, str],
    domain: Mapping[str, Mapping],
) -> pd.DataFrame:
    """One row per composition × temperature.

    Args:
        points: content of transport.json of every state point.
        releases: potential → its release record.
        transitions: composition id → glass transition of its quench, of its arrhenius.json.
        dispersion: composition id → dispersion added by the dynamics, or none.
        domain: composition id → its domain.json; without that analysis, empty.

    Returns:
        columns composition, temperature_K, replicas, D_cm2_s, D_err, sigma_NE_mS_cm, …, t_E (transference number of
        the mobile ion), alpha, finite_size (whether displacements half a cell apart are correlated), status,
        sigma_E_status, side_of_Tg (empty without a glass transition), potential, method, potential_status,
        force_rmse_meV_A, domain, out_of_domain_fraction and out_of_domain_err; D in cm²/s, conductivities in mS/cm.
    """
    return pd.DataFrame(
        [
            _point_row(point)
            | {"side_of_Tg": transitions[point["composition"]]["sides"].get(f"{point['temperature_K']:g}")}
            | _potential_row(releases[point["potential"]], dispersion[point["composition"]])
            | domain_row(domain.get(point["composition"]))
            for point in points
        ]
    )


def tabulate_external(point: Mapping) -> pd.DataFrame:
    """The row of a state point with trajectories of another program, without quench and potential.

    Args:
        point: content of its transport.json.
    """
    unknown = dict.fromkeys(("side_of_Tg", "potential", "method", "potential_status", "force_rmse_meV_A", *DOMAIN))
    return pd.DataFrame([_point_row(point) | unknown])


def _point_row(point: Mapping) -> dict:
    row = {
        "composition": point["composition"],
        "temperature_K": round(point["temperature_K"]),
        "replicas": point["replicas"],
    }
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
        "sigma_E_status": point["quantities"].get("sigma_E_mS_cm", {}).get("status"),
    }


def _potential_row(release: Mapping, dispersion: str) -> dict:
    return {
        "potential": release["potential"],
        "method": method_name(release, dispersion),
        "potential_status": potential_status(release),
        "force_rmse_meV_A": release["heldout"]["force_rmse_meV_A"],
    }


def domain_row(domain: Mapping | None) -> dict:
    """Status of a domain.json, and its largest out-of-domain fraction; empty without that analysis."""
    if domain is None:
        return dict.fromkeys(DOMAIN)
    worst = domain["worst"] or {}
    return dict(zip(DOMAIN, (domain["status"], worst.get("value"), worst.get("error")), strict=True))


def potential_status(release: Mapping) -> str:
    """Whether a potential converged, and whether its training differs from an uninterrupted one; zero-shot without."""
    if release["converged"] is None:
        return "zero-shot"
    status = "converged" if release["converged"] else "not converged"
    # Releases of earlier versions do not say how the training ran.
    return f"{status}; resumed, differs" if release.get("training") == "resumed, differs" else status


def format_conductivity_table(table: pd.DataFrame) -> str:
    """A table of `tabulate` as text, with a legend."""
    return table.to_string(index=False, na_rep="–", float_format=lambda value: f"{value:.3g}") + "\n" + LEGEND


def write_table(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table as CSV."""
    with atomic_write(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g")
