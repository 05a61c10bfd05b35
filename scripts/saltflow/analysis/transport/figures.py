"""Figures of transport: mean squared displacements, conductivities, displacement correlations."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from saltflow.base.plotting import COLOURS, figure_of, legend, say


def plot_transport(result: Mapping, path: str | Path, *, title: str) -> None:
    """MSD of every species and its logarithmic slope α over time, with the diffusive window.

    Args:
        result: of `analyse_transport`.
        path: SVG to write.
        title: composition and temperature.
    """
    with figure_of(path, columns=2, title=f"{title} — {result['status']}", size=(9, 3.4)) as (msd, slope):
        curves = result.get("curves")
        if not curves:
            say((msd, slope), f"No trajectory to analyse ({result['reason']}).")
            return
        lags = np.array(curves["lags_ps"], dtype=float)
        for species, values in curves["msd_A2"].items():
            msd.loglog(lags, np.array(values, dtype=float), label=species)
        for species, values in curves["alpha"].items():
            slope.semilogx(lags, np.array(values, dtype=float), label=species)
        _mark_window(result, (msd, slope))
        slope.axhline(1, color="0.6", lw=0.8, ls="--", zorder=0)
        slope.set(xlabel="lag (ps)", ylabel="α = d ln MSD / d ln t", ylim=(-0.1, 2.2), xlim=msd.get_xlim())
        msd.set(xlabel="lag (ps)", ylabel="MSD (Å²)")
        legend(msd, place="right upper")


def _mark_window(result: Mapping, axes: Sequence[Axes]) -> None:
    window = result.get("window")
    if not window:
        return
    found = result["status"] == "ok"
    exponent = "undefined" if window["alpha"] is None else f"{window['alpha']:.2f}"
    label = "diffusive window" if found else f"best range, {result['status']}"
    label += f"\nα = {exponent} of {result['mobile_ion']}, {window['n_windows']:.0f} windows"
    for axis in axes:
        axis.axvspan(
            window["start_ps"],
            window["end_ps"],
            color="#009E73" if found else "#D55E00",
            alpha=0.12,
            label=label,
        )


def plot_conductivity(result: Mapping, path: str | Path, *, title: str) -> None:
    """Conductivity and transference by the three approximations, and the contribution of each pair of species to σ_E.

    Args:
        result: of `analyse_transport`.
        path: SVG to write.
        title: composition and temperature.
    """
    with figure_of(path, columns=3, title=f"{title} — {result['status']}", size=(11, 3.6)) as (totals, shares, matrix):
        if not result["quantities"]:
            say((totals, shares, matrix), f"No trajectory to analyse ({result['reason']}).")
            return
        _draw_conductivities(totals, result)
        _draw_transference(shares, result["species"])
        _draw_matrix(matrix, result["sigma_ab_mS_cm"], list(result["species"]))


def _draw_conductivities(axis: Axes, result: Mapping) -> None:
    """NE, cNE of both decompositions with the sweep of cut-offs, and E; pale unless the status is ok."""
    quantities, clusters = result["quantities"], result["clusters"]
    bound, free = clusters["mobile ion bound"], clusters["mobile ion free"]
    rows = {
        "NE": quantities["sigma_NE_mS_cm"],
        "cNE": bound["sigma_cNE_mS_cm"],
        "cNE,\nion free": free["sigma_cNE_mS_cm"],
        "E": quantities["sigma_E_mS_cm"],
    }
    values, errors = _values_and_errors(list(rows.values()))
    colours = [COLOURS[0], COLOURS[1], COLOURS[1], COLOURS[2]]
    bars = axis.bar(list(rows), values, yerr=errors, color=colours, capsize=4)
    for bar, alpha in zip(bars, (1.0, 1.0, 0.6, 1.0), strict=True):
        bar.set_alpha(alpha if result["status"] == "ok" else 0.35 * alpha)
    for place, swept in ((1, bound), (2, free)):
        heights = [each["sigma_cNE_mS_cm"]["value"] for each in swept["cutoff_sweep"] if each["shift_A"]]
        axis.plot([place] * len(heights), heights, "k_", ms=14)
    axis.plot([], [], "k_", ms=14, label="cut-offs shorter and longer")
    axis.axhline(0, color="0.6", lw=0.8)
    axis.set(ylabel="σ (mS/cm)", title="conductivity")
    axis.margins(y=0.2)
    axis.legend(loc="upper center", fontsize=7)


def _values_and_errors(rows: Sequence[Mapping]) -> tuple[np.ndarray, np.ndarray]:
    """Values and errors of rows, nan where undefined."""
    return tuple(np.array([row[key] for row in rows], dtype=float) for key in ("value", "error"))


def _draw_transference(axis: Axes, species: Mapping[str, Mapping]) -> None:
    places = np.arange(len(species))
    for shift, name in zip((-0.25, 0.0, 0.25), ("NE", "cNE", "E"), strict=True):
        values, errors = _values_and_errors([row[f"transference_{name}"] for row in species.values()])
        axis.bar(places + shift, values, 0.25, yerr=errors, capsize=2, label=name)
    axis.axhline(0, color="0.6", lw=0.8)
    axis.set_xticks(places, list(species))
    axis.set(title="transference number", ylim=_limits(axis))
    axis.legend(loc="best")


def _limits(axis: Axes) -> tuple[float, float]:
    """Limits around 0 to 1, whatever the uncertain ones are."""
    low, high = axis.get_ylim()
    return max(low, -1.5), min(high, 2.5)


def _draw_matrix(axis: Axes, pairs: Mapping[str, Mapping], species: Sequence[str]) -> None:
    values = np.full((len(species),) * 2, np.nan)
    for first, symbol in enumerate(species):
        for second, other in enumerate(species):
            row = pairs.get(f"{symbol}-{other}") or pairs[f"{other}-{symbol}"]
            values[first, second] = np.nan if row["value"] is None else row["value"]
            if row["value"] is not None:
                axis.text(second, first, _with_error(row["value"], row["error"]), ha="center", va="center", fontsize=7)
    largest = np.nanmax(np.abs(values)) if np.isfinite(values).any() else 1.0
    axis.imshow(values, cmap="PuOr", vmin=-1.6 * (largest or 1.0), vmax=1.6 * (largest or 1.0))
    axis.set_xticks(range(len(species)), species)
    axis.set_yticks(range(len(species)), species)
    axis.set(title="σ between species (mS/cm)")
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)


def _with_error(value: float, error: float | None) -> str:
    """A value to the second digit of its error, and the error on the next line."""
    if not error:
        return f"{value:.3g}"
    decimals = max(0, 1 - int(np.floor(np.log10(error))))
    return f"{value:.{decimals}f}\n±{error:.{decimals}f}"


def plot_correlation(result: Mapping, path: str | Path, *, title: str) -> None:
    """Displacement–displacement correlation c(r) of the mobile ions, with its longitudinal and transverse parts.

    Args:
        result: of `analyse_transport`.
        path: SVG to write.
        title: composition and temperature.
    """
    found = result.get("displacement_correlation", [])
    with figure_of(path, columns=max(1, len(found)), title=title, size=(4.6 * max(1, len(found)), 3.6)) as axes:
        if not found:
            say(axes, f"No trajectory to analyse ({result['reason']}).")
            return
        for axis, one in zip(axes, found, strict=True):
            row = one["pairs"][f"{result['mobile_ion']}-{result['mobile_ion']}"]
            for name in ("total", "longitudinal", "transverse"):
                values, errors = (np.array(row[key], dtype=float) for key in (name, f"{name}_error"))
                axis.plot(one["r_A"], values, label=name)
                axis.fill_between(one["r_A"], values - errors, values + errors, alpha=0.2, lw=0)
            axis.axhline(0, color="0.6", lw=0.8, zorder=0)
            mobile = result["mobile_ion"]
            axis.set(
                xlabel="r (Å) at the start",
                ylabel=f"c(r) of {mobile}–{mobile}",
                title=f"t = {_round(one['lag_ps'])} ps",
            )
        legend(axes[0], place="right upper")


def _round(value: float) -> str:
    """Three significant digits, without an exponent."""
    return f"{float(f'{value:.3g}'):g}"
