"""Figures over temperature: the Arrhenius fit with its prediction, and the glass transition."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from textwrap import fill, shorten
from types import MappingProxyType

import numpy as np
from matplotlib.axes import Axes

from saltflow.base.plotting import COLOURS, figure_of, legend, say


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
    with figure_of(path, title=title, size=(5.6, 5.2)) as (axis,):
        _draw_fit(axis, fits["sigma_NE_mS_cm"], "Nernst–Einstein", colour=COLOURS[0])
        _draw_fit(axis, fits["sigma_E_mS_cm"], "Einstein", colour=COLOURS[1])
        _draw_literature(axis, literature)
        drawn = [value for line in axis.get_lines() for value in line.get_xdata()]
        if not drawn:
            say((axis,), "No temperature has a conductivity.")
            return
        if any(line.get_marker() == "x" for line in axis.get_lines()):
            axis.plot([], [], "x", color="0.4", label="not diffusive or damped: not fitted")
        axis.set_yscale("log")
        axis.set(xlabel="1000 K / T", ylabel="σT (mS K/cm)", xlim=axis.get_xlim())
        _mark_transition(axis, transition, lambda kelvin: 1000 / kelvin)
        _mark_temperatures(axis, sorted({round(1000 / value) for value in drawn}))
        legend(axis, place="lower center")


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
    """Shade the range near Tg, where there is one."""
    if transition.get("Tg_K") is None:
        return
    half_width_K = transition["near_K"]
    ends = [place(transition["Tg_K"] + sign * half_width_K) for sign in (-1, 1)]
    label = f"Tg of the quench, {transition['Tg_K']:.0f} ± {transition['error_K']:.0f} K"
    axis.axvspan(*ends, color="0.5", alpha=0.2, lw=0, label=label)


def plot_glass_transition(transition: Mapping, path: str | Path, *, title: str) -> None:
    """Volume over temperature on cooling, with the two lines that meet at Tg.

    Args:
        transition: of `find_glass_transition`.
        path: SVG to write.
        title: composition.
    """
    found = transition["status"] == "found"
    with figure_of(path, title=f"{title} — cooling", size=(5.6, 4.0)) as (axis,):
        if not found:
            axis.set_title(fill(f"no glass transition: {transition['reason']}", 80), fontsize=8)
        curve = transition.get("curve")
        if not curve:
            say((axis,), "There is no volume on cooling to show.")
            return
        kelvin, volume = (np.array(curve[key], dtype=float) for key in ("temperature_K", "relative_volume"))
        bins = np.array_split(np.arange(len(kelvin)), min(60, len(kelvin)))
        axis.plot([kelvin[each].mean() for each in bins], [volume[each].mean() for each in bins], ".",
                  color=COLOURS[0], label=f"mean of {transition['replicas']} replicas")  # fmt: skip
        if found:
            _draw_branches(axis, transition, kelvin, volume)
            _mark_transition(axis, transition, float)
        axis.set(xlabel=f"T (K), cooled at {transition['cooling_rate_K_per_ps']:g} K/ps", ylabel="V / mean V")
        legend(axis, place="lower center", ncols=3)


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
        # On a logarithmic axis, an error as large as the value has no lower end.
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
