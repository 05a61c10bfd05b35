"""Figures of the report: one function per figure, drawn from what the analysis wrote."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import fill, shorten
from types import MappingProxyType

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from saltflow.provenance import atomic_write

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C564B", "#000000")
LARGEST_N_SHOWN = 14  # above the twelve neighbours of a dense packing, below the crowd of later shells
STYLE = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": plt.cycler(color=COLOURS),
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "saltflow",  # else the names inside an SVG differ every time
}


@contextmanager
def _figure(path: str | Path, *, columns: int = 1, title: str, size: tuple[float, float]) -> Iterator[list[Axes]]:
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, columns, figsize=size, layout="constrained", squeeze=False)
        figure.suptitle(title)
        yield list(axes[0])
        _save(figure, path)


def _save(figure: Figure, path: str | Path) -> None:
    with atomic_write(path) as temporary:
        figure.savefig(temporary, metadata={"Date": None})
    plt.close(figure)


def _say(axes: Sequence[Axes], sentence: str) -> None:
    """A sentence in place of axes that have nothing to show."""
    for axis in axes:
        axis.set_axis_off()
    axes[0].figure.text(0.5, 0.45, sentence, ha="center", va="center")


def _legend(axis: Axes, *, place: str, **choices) -> None:
    """The legend of an axis beside all axes, where it hides nothing."""
    axis.figure.legend(*axis.get_legend_handles_labels(), loc=f"outside {place}", **choices)


def plot_transport(result: Mapping, path: str | Path, *, title: str) -> None:
    """MSD of every species and its logarithmic slope α over time, with the diffusive window.

    Args:
        result: of `analyse_transport`.
        path: SVG to write.
        title: composition and temperature.
    """
    with _figure(path, columns=2, title=f"{title} — {result['status']}", size=(9, 3.4)) as (msd, slope):
        curves = result.get("curves")
        if not curves:
            _say((msd, slope), f"No trajectory to analyse ({result['reason']}).")
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
        _legend(msd, place="right upper")


def _mark_window(result: Mapping, axes: Sequence[Axes]) -> None:
    window = result.get("window")
    if not window:
        return
    found = result["status"] == "ok"
    exponent = "undefined" if window["alpha"] is None else f"{window['alpha']:.2f}"
    label = "diffusive window" if found else "best range, not diffusive"
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
    """Conductivity and transference by the three approximations, and how each two species contribute to σ_E.

    Args:
        result: of `analyse_transport`.
        path: SVG to write.
        title: composition and temperature.
    """
    with _figure(path, columns=3, title=f"{title} — {result['status']}", size=(11, 3.6)) as (totals, shares, matrix):
        if not result["quantities"]:
            _say((totals, shares, matrix), f"No trajectory to analyse ({result['reason']}).")
            return
        _draw_conductivities(totals, result)
        _draw_transference(shares, result["species"])
        _draw_matrix(matrix, result["sigma_ab_mS_cm"], list(result["species"]))


def _draw_conductivities(axis: Axes, result: Mapping) -> None:
    """NE, cNE of both decompositions with their sweep of the cut-offs, and E; pale where nothing diffuses."""
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
    """Transference numbers lie around 0 to 1; one without certainty may not squeeze the others."""
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
    """A value to the second digit of its error, and the error below."""
    if not error:
        return f"{value:.3g}"
    decimals = max(0, 1 - int(np.floor(np.log10(error))))
    return f"{value:.{decimals}f}\n±{error:.{decimals}f}"


def plot_correlation(result: Mapping, path: str | Path, *, title: str) -> None:
    """How far apart mobile ions still move together: c(r) of their displacements, and its two parts.

    Args:
        result: of `analyse_transport`.
        path: SVG to write.
        title: composition and temperature.
    """
    found = result.get("displacement_correlation", [])
    with _figure(path, columns=max(1, len(found)), title=title, size=(4.6 * max(1, len(found)), 3.6)) as axes:
        if not found:
            _say(axes, f"No trajectory to analyse ({result['reason']}).")
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
        _legend(axes[0], place="right upper")


def _round(value: float) -> str:
    """Three significant digits, without an exponent."""
    return f"{float(f'{value:.3g}'):g}"


def plot_structure(result: Mapping, path: str | Path, *, mobile_ion: str, title: str) -> None:
    """g(r) and N(r) of the pairs around the mobile ion.

    Args:
        result: of `analyse_structure`.
        path: SVG to write.
        mobile_ion: the element whose neighbours are shown.
        title: composition and temperature.
    """
    with _figure(path, columns=2, title=title, size=(9, 3.4)) as (radial, running):
        pairs = {name: pair for name, pair in result["pairs"].items() if name.split("-")[0] == mobile_ion}
        if not pairs:
            _say((radial, running), "No trajectory to analyse: no glass passed its gates.")
            return
        for name, pair in pairs.items():
            values, errors = (np.array(pair[key], dtype=float) for key in ("g", "g_error"))
            radial.plot(result["r_A"], values, label=name)
            radial.fill_between(result["r_A"], values - errors, values + errors, alpha=0.2, lw=0)
            running.plot(result["edges_A"], pair["N"])
        radial.set(xlabel="r (Å)", ylabel="g(r)", ylim=(0, None))
        running.set(xlabel="r (Å)", ylabel=f"N(r) around {mobile_ion}", ylim=(0, LARGEST_N_SHOWN))
        _legend(radial, place="right upper")


def plot_arrhenius(
    fits: Mapping[str, Mapping],
    path: str | Path,
    *,
    title: str,
    literature: Mapping,
    transition: Mapping = MappingProxyType({}),
) -> None:
    """ln(σT) over 1/T with the fit, its band, its prediction and the measured conductivity.

    Args:
        fits: quantity → result of `fit_arrhenius`.
        path: SVG to write.
        title: composition.
        literature: sigma_mS_cm, temperature_C, sigma_origin, Ea_eV, source; None where unknown.
        transition: of `find_glass_transition`.
    """
    with _figure(path, title=title, size=(5.6, 5.2)) as (axis,):
        _draw_fit(axis, fits["sigma_NE_mS_cm"], "Nernst–Einstein", colour=COLOURS[0])
        _draw_fit(axis, fits["sigma_E_mS_cm"], "Einstein", colour=COLOURS[1])
        _draw_literature(axis, literature)
        drawn = [value for line in axis.get_lines() for value in line.get_xdata()]
        if not drawn:
            _say((axis,), "No temperature has a conductivity.")
            return
        if any(line.get_marker() == "x" for line in axis.get_lines()):
            axis.plot([], [], "x", color="0.4", label="not diffusive: takes no part in the fit")
        axis.set_yscale("log")
        axis.set(xlabel="1000 K / T", ylabel="σT (mS K/cm)", xlim=axis.get_xlim())
        _mark_transition(axis, transition, lambda kelvin: 1000 / kelvin)
        _mark_temperatures(axis, sorted({round(1000 / value) for value in drawn}))
        _legend(axis, place="lower center")


def _draw_literature(axis: Axes, literature: Mapping) -> None:
    if not literature["sigma_mS_cm"]:
        return
    kelvin = literature["temperature_C"] + 273.15
    axis.plot(1000 / kelvin, literature["sigma_mS_cm"] * kelvin, "k*", markersize=10)
    label = f"literature ({literature['sigma_origin']})"
    if literature["Ea_eV"]:
        label += f", Ea = {literature['Ea_eV']:g} eV ({literature.get('Ea_origin') or 'origin unknown'})"
    if source := literature.get("source"):
        label += "\n" + shorten(source.split(":")[0], 68, placeholder=" …")
    axis.plot([], [], "k*", label=label)


def _mark_transition(axis: Axes, transition: Mapping, place: Callable[[float], float]) -> None:
    """Shade what is near Tg, where there is one."""
    if transition.get("Tg_K") is None:
        return
    half_width_K = transition["near_K"]
    ends = [place(transition["Tg_K"] + sign * half_width_K) for sign in (-1, 1)]
    label = f"Tg of the quench, {transition['Tg_K']:.0f} ± {transition['error_K']:.0f} K"
    axis.axvspan(*ends, color="0.5", alpha=0.2, lw=0, label=label)


def plot_glass_transition(transition: Mapping, path: str | Path, *, title: str) -> None:
    """Volume against temperature on cooling, with the two lines where they meet at a Tg.

    Args:
        transition: of `find_glass_transition`.
        path: SVG to write.
        title: composition.
    """
    found = transition["status"] == "found"
    with _figure(path, title=f"{title} — cooling", size=(5.6, 4.0)) as (axis,):
        if not found:
            axis.set_title(fill(f"no glass transition: {transition['reason']}", 80), fontsize=8)
        curve = transition.get("curve")
        if not curve:
            _say((axis,), "There is no volume on cooling to show.")
            return
        kelvin, volume = (np.array(curve[key], dtype=float) for key in ("temperature_K", "relative_volume"))
        bins = np.array_split(np.arange(len(kelvin)), min(60, len(kelvin)))
        axis.plot([kelvin[each].mean() for each in bins], [volume[each].mean() for each in bins], ".",
                  color=COLOURS[0], label=f"mean of {transition['glasses']} glasses")  # fmt: skip
        if found:
            _draw_branches(axis, transition, kelvin, volume)
            _mark_transition(axis, transition, float)
        axis.set(xlabel=f"T (K), cooled at {transition['cooling_rate_K_per_ps']:g} K/ps", ylabel="V / mean V")
        _legend(axis, place="lower center", ncols=3)


def _draw_branches(axis: Axes, transition: Mapping, kelvin: np.ndarray, volume: np.ndarray) -> None:
    middle = transition["Tg_K"]
    slopes = np.where(kelvin < middle, transition["expansion_glass_per_K"], transition["expansion_melt_per_K"])
    lines = slopes * (kelvin - middle)
    axis.plot(kelvin, lines + np.mean(volume - lines), color="k", lw=1, label="glass and melt")


def _mark_temperatures(axis: Axes, temperatures_K: Sequence[int]) -> None:
    """A second axis with the temperature itself at round values."""
    span = temperatures_K[-1] - temperatures_K[0]
    step = next(each for each in (20, 50, 100, 200, 500, 1000) if span <= 6 * each)
    first, last = temperatures_K[0] // step * step, temperatures_K[-1] // step * step
    above = axis.secondary_xaxis("top", functions=(_thousand_over, _thousand_over))
    above.set_xticks(range(max(step, first), last + 1, step), minor=False)
    above.set_xticks([], minor=True)
    above.tick_params(labelsize=7)
    above.set_xlabel("T (K)")


def _thousand_over(values: np.ndarray) -> np.ndarray:
    return 1000 / np.maximum(np.asarray(values, dtype=float), 1e-3)


def _draw_fit(axis: Axes, fit: Mapping, label: str, *, colour: str) -> None:
    for point in fit["points"]:
        if point["value"] is None or point["value"] <= 0:
            continue
        diffusive = point["status"] == "ok"
        kelvin, value = point["temperature_K"], point["value"]
        # On a logarithmic axis an error as large as the value would reach down for ever.
        error = point["error"] or 0.0
        bar = kelvin * np.array([[min(error, 0.9 * value)], [error]])
        axis.errorbar(1000 / kelvin, value * kelvin, yerr=bar, fmt="o" if diffusive else "x", color=colour)
    energy = (fit.get("Ea_eV") or {}).get("value")
    text = (
        f"{label}: Ea = {energy:.3f} ± {fit['Ea_eV']['error']:.3f} eV"
        if energy is not None
        else f"{label}: {fit['status']}"
    )
    axis.plot([], [], "o", color=colour, label=text)
    if line := fit.get("line"):
        kelvin, values, low, high = (
            np.array(line[key], dtype=float) for key in ("temperatures_K", "value", "low", "high")
        )
        fitted = (kelvin >= min(fit["temperatures_used_K"])) & (kelvin <= max(fit["temperatures_used_K"]))
        axis.plot(1000 / kelvin, values * kelvin, color=colour, lw=1, ls="--")
        axis.plot(1000 / kelvin[fitted], (values * kelvin)[fitted], color=colour, lw=1.6)
        axis.fill_between(1000 / kelvin, low * kelvin, high * kelvin, color=colour, alpha=0.15, lw=0)


def plot_assessment(predictions: Sequence[Mapping], assessment: Mapping, path: str | Path) -> None:
    """Predicted over reference force components on held-out frames, and error over committee spread.

    Args:
        predictions: of `assessment.predict`.
        assessment: of `assessment.assess`.
        path: SVG to write.
    """
    heldout = assessment["heldout"]
    title = f"generation {assessment['generation']}: held-out force RMSE {heldout['force_rmse_meV_A']:.0f} meV/Å"
    if before := assessment["previous_generation_on_same_frames"]:
        title += f" (generation before: {before['force_rmse_meV_A']:.0f})"
    with _figure(path, columns=2, title=title, size=(9, 3.6)) as (parity, spread):
        for name in sorted({prediction["composition"] for prediction in predictions}):
            ours = [prediction for prediction in predictions if prediction["composition"] == name]
            reference = np.concatenate([each["reference_forces_eV_A"].ravel() for each in ours])
            predicted = np.concatenate([each["forces_eV_A"].ravel() for each in ours])
            parity.plot(reference, predicted, ".", markersize=2, label=name, rasterized=True)
            deviation = np.concatenate(
                [np.linalg.norm(each["forces_eV_A"] - each["reference_forces_eV_A"], axis=1) for each in ours]
            )
            known = np.concatenate([each["force_spread_eV_A"] for each in ours])
            if known.any():
                spread.loglog(known, deviation, ".", markersize=2, rasterized=True)
        parity.axline((0, 0), slope=1, color="0.6", lw=0.8, zorder=0)
        parity.set(xlabel="reference force component (eV/Å)", ylabel="predicted (eV/Å)")
        parity.set_aspect("equal", adjustable="datalim")
        _legend(parity, place="right upper", markerscale=5)
        if not spread.has_data():
            spread.set_axis_off()
            spread.text(0.5, 0.5, "One model alone has no spread.", transform=spread.transAxes, ha="center")
            return
        spread.axline((0.1, 0.1), (1, 1), color="0.6", lw=0.8, zorder=0)
        spread.set(xlabel="committee spread of an atom's force (eV/Å)", ylabel="its error (eV/Å)")


def plot_ranking(ranking, path: str | Path) -> None:
    """Predicted conductivities with their intervals, best on top, beside the measured ones.

    Args:
        ranking: table of `ranking.rank`.
        path: SVG to write.
    """
    ranked = ranking[ranking["sigma_mS_cm"].notna()]
    rest = len(ranking) - len(ranked)
    title = "Einstein conductivity" + (f" at {ranked['at_temperature_K'].iloc[0]:g} K" if len(ranked) else "")
    with _figure(path, title=title, size=(6.5, 1.8 + 0.28 * max(2, len(ranked)))) as (axis,):
        if ranked.empty:
            _say((axis,), f"No composition has a conductivity fit yet\n({rest} without enough diffusive temperatures).")
            return
        heights = np.arange(len(ranked))[::-1]
        extrapolated = ranked["extrapolated"].to_numpy(dtype=bool)
        for beyond, face, label in ((False, COLOURS[0], "within the simulated range"), (True, "w", "extrapolated")):
            chosen = extrapolated == beyond
            if chosen.any():
                _draw_predictions(axis, ranked[chosen], heights[chosen], face=face, label=label)
        axis.plot(ranked["measured_sigma_mS_cm"].to_numpy(dtype=float), heights, "k*", label="literature")
        crossing = [name + (" †" if flag is True else "") for name, flag in zip(ranked["composition"],
                    ranked["crosses_Tg"], strict=True)]  # fmt: skip
        axis.set_yticks(heights, crossing)
        axis.set_ylim(-0.6, len(ranked) - 0.4)
        axis.set_xscale("log")
        across = "; †: across Tg" if any(name.endswith("†") for name in crossing) else ""
        axis.set_xlabel("σ (mS/cm)" + (f"; without a fit: {rest}" if rest else "") + across)
        _legend(axis, place="lower center", ncols=3)


def _draw_predictions(axis: Axes, ranked, heights: np.ndarray, *, face: str, label: str) -> None:
    values, low, high = (
        ranked[key].to_numpy(dtype=float) for key in ("sigma_mS_cm", "sigma_low_mS_cm", "sigma_high_mS_cm")
    )
    axis.errorbar(values, heights, xerr=[values - low, high - values], fmt="o", color=COLOURS[0], mfc=face, label=label)


def plot_coupling(result: Mapping, path: str | Path, *, title: str) -> None:
    """How freezing each motion changes D, which single motion matters most, and the published rule beside it.

    Args:
        result: of `relate_coupling`.
        path: SVG to write.
        title: composition.
    """
    with _figure(path, columns=3, title=title, size=(12, 3.9)) as (curves, table, rule):
        if not any(row["value"] for point in result["points"] for row in point["ratios"].values()):
            _say((curves, table, rule), _why_no_coupling(result))
            return
        _draw_ratios(curves, result)
        _draw_dominance(table, result)
        _draw_rule(rule, result)


# What is frozen has the same colour in every panel.
MODE_COLOURS = dict(zip(("T", "R", "V", "TR", "TV", "RV", "TRV"), COLOURS, strict=False))


def _why_no_coupling(result: Mapping) -> str:
    statuses = [glass["status"] for point in result["points"] for glass in point["groups"]]
    wrong = [status for status in dict.fromkeys(statuses) if status != "ok"]
    return f"No motion was frozen ({', '.join(wrong)})." if wrong else "No diffusion coefficient to compare."


def _draw_ratios(axis: Axes, result: Mapping) -> None:
    """D(mode)/D(free) over temperature; open where a point is not diffusive."""
    axis.axhline(1, color="0.6", lw=0.8, zorder=0)
    temperatures_K = np.array([point["temperature_K"] for point in result["points"]])
    width = 0.012 * np.ptp(temperatures_K) if len(temperatures_K) > 1 else 3.0
    for number, mode in enumerate(result["modes"]):
        colour = MODE_COLOURS[mode]
        shifted = temperatures_K + width * (number - (len(result["modes"]) - 1) / 2)
        rows = [point["ratios"][mode] for point in result["points"]]
        for kelvin, row in zip(shifted, rows, strict=True):
            if not row["value"]:
                continue
            known = row["low"] is not None and row["high"] is not None
            bar = [[row["value"] - row["low"]], [row["high"] - row["value"]]] if known else None
            face = colour if row["status"] == "ok" else "w"
            axis.errorbar(kelvin, row["value"], yerr=bar, fmt="o", color=colour, mfc=face, capsize=2, markersize=4)
        axis.plot([], [], "o", color=colour, label=f"{mode} frozen")
    axis.set_yscale("log")
    values = [row["value"] for point in result["points"] for row in point["ratios"].values() if row["value"]]
    axis.set_ylim(min(*values, 1.0) / 5, max(*values, 1.0) * 5)
    axis.set_xticks(temperatures_K)
    axis.set(xlabel="T (K)", ylabel="D(frozen) / D(free)")
    axis.legend(fontsize=7, ncols=2)


def _draw_dominance(axis: Axes, result: Mapping) -> None:
    """Ratios as a table of modes and temperatures, and the single motion that matters most."""
    points, modes = result["points"], result["modes"]
    values = np.array([[point["ratios"][mode]["value"] or np.nan for point in points] for mode in modes], dtype=float)
    largest = max(0.3, float(np.nanmax(np.abs(np.log10(values)))))
    axis.imshow(np.log10(values), cmap="RdBu", vmin=-1.6 * largest, vmax=1.6 * largest, aspect="auto")
    for row, mode in enumerate(modes):
        for column, point in enumerate(points):
            ratio, dominant = point["ratios"][mode], point["dominant"]
            if not ratio["value"]:
                continue
            sign = "" if dominant["motion"] != mode else (" ★" if dominant["resolved"] else " ☆")
            text = f"{ratio['value']:.2g}{sign}" + ("" if ratio["status"] == "ok" else "\n(not diffusive)")
            axis.text(column, row, text, ha="center", va="center", fontsize=7)
    axis.set_xticks(range(len(points)), [f"{point['temperature_K']:g} K" for point in points])
    axis.set_yticks(range(len(modes)), [f"{mode} frozen" for mode in modes])
    axis.set_title("★ matters most, ☆ not beyond errors", fontsize=8)
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)


def _draw_rule(axis: Axes, result: Mapping) -> None:
    """Frequency of rotation over that of hops beside the published rule, coloured by the motion found to matter."""
    colours = MODE_COLOURS | {None: "0.5"}
    factor = result["matching_factor"]
    found = [
        (rule, point) for point in result["points"] for rule in point["rule"].values() if rule["rotation_over_hopping"]
    ]
    ratios = [rule["rotation_over_hopping"] for rule, _ in found] or [1.0]
    left, right = min(*ratios, 0.1 / factor) / 3, max(*ratios, 10 * factor) * 3
    for low, high, motion in ((left, 1 / factor, "V"), (1 / factor, factor, "R"), (factor, right, "T")):
        axis.axvspan(low, high, color=colours[motion], alpha=0.12, lw=0)
        axis.text(np.sqrt(low * high), 1.02, motion, transform=axis.get_xaxis_transform(), ha="center", fontsize=8)
    for rule, point in found:
        dominant = point["dominant"]
        face = colours[dominant["motion"]] if dominant["resolved"] else "w"
        marker = "<" if rule["is_bound"] else "o"
        colour = colours[dominant["motion"]]
        axis.plot(rule["rotation_over_hopping"], point["temperature_K"], marker, color=colour, mfc=face)
    for motion, name in (("T", "translation"), ("R", "rotation"), ("V", "vibration")):
        axis.plot([], [], "o", color=colours[motion], label=f"{name} found to matter")
    axis.plot([], [], "o", color="0.5", mfc="w", label="not beyond errors")
    if any(rule["is_bound"] for rule, _ in found):
        axis.plot([], [], "<", color="0.5", label="rotation slower than this")
    axis.set_xscale("log")
    axis.set(xlabel="rotation / hopping frequency", ylabel="T (K)", xlim=(left, right))
    axis.margins(y=0.3)
    axis.legend(fontsize=7, loc="best")
