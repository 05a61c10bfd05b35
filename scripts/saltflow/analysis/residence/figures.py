"""Figures of residence: P(t) per class, residence times, activation energies."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from saltflow.analysis.residence.names import ALL, OTHER
from saltflow.base.plotting import COLOURS, figure_of, legend, say

MOST_SHELLS = 3
MARKERS = ("o", "s", "^", "D")


def plot_residence(result: Mapping, path: str | Path, *, title: str) -> None:
    """P(t) with the longest allowed absence around each kind of centre, and the residence times of every class.

    Args:
        result: of `analyse_residence`.
        path: SVG to write.
        title: composition and temperature.
    """
    shells = list(result["shells"].items())[:MOST_SHELLS]
    size = (3.4 * (max(len(shells), 1) + 1), 3.8)
    with figure_of(path, columns=len(shells) + 1, title=f"{title} — {result['status']}", size=size) as axes:
        if not shells:
            reason = result.get("reason", "no first minimum of g(r) between the mobile ion and another ion")
            say(axes, f"No residence to show ({reason}).")
            return
        for axis, (name, shell) in zip(axes, shells, strict=False):
            _draw_decay(axis, name, shell)
        _draw_times(axes[-1], shells, interval_ps=result["sampling_interval_ps"])
        legend(axes[-1], place="lower center", ncols=4)


def _shown(shell: Mapping) -> list[str]:
    """Classes with ions; without the sums over classes where there are several."""
    names = [name for name, row in shell["classes"].items() if (row["ions_around"]["value"] or 0) > 0]
    return [name for name in names if name not in (ALL, OTHER)] or names


def _draw_decay(axis: Axes, name: str, shell: Mapping) -> None:
    function = _longest_absence(shell)
    curve = shell["curves"][function]
    lags_ps = np.array(curve["lags_ps"])
    for colour, label in zip(_colours(), _shown(shell), strict=False):
        values, errors = (np.array(curve[key][label], dtype=float) for key in ("P", "error"))
        if np.isfinite(values[1:]).any():
            axis.plot(lags_ps[1:], values[1:], color=colour, label=label)
            axis.fill_between(lags_ps[1:], (values - errors)[1:], (values + errors)[1:], color=colour, alpha=0.2, lw=0)
    axis.set_title(f"{name}: P(t), {function}", fontsize=9)
    if not axis.lines:
        axis.set_axis_off()
        axis.text(0.5, 0.5, "no ion followed", transform=axis.transAxes, ha="center")
        return
    axis.axhline(np.exp(-1), color="0.6", lw=0.8, ls="--", zorder=0)
    axis.set(xlabel="t (ps)", xscale="log", ylim=(0, 1.02))
    axis.legend(loc="best", fontsize=7)


def _draw_times(axis: Axes, shells: Sequence[tuple[str, Mapping]], *, interval_ps: float) -> None:
    rows = [(f"{name} {label}", row) for name, shell in shells for label, row in _times(shell)]
    functions = list(shells[0][1]["curves"])
    for number, function in enumerate(functions):
        colour, marker = COLOURS[number], MARKERS[number % len(MARKERS)]
        for place, (_, row) in enumerate(rows):
            tau = row[function]["tau_ps"]
            if tau["value"] is None or tau["value"] <= 0:
                continue
            error = min(tau["error"] or 0.0, 0.9 * tau["value"])
            face = colour if row[function]["status"] == "ok" else "w"
            axis.errorbar(tau["value"], len(rows) - place + 0.15 * (1 - number), xerr=[[error], [tau["error"] or 0.0]],
                          fmt=marker, color=colour, mfc=face, ms=4, lw=1)  # fmt: skip
        axis.plot([], [], marker, color=colour, ms=4, label=function)
    axis.plot([], [], "o", color="0.3", mfc="w", ms=4, label="flagged")
    axis.axvline(interval_ps, color="0.6", lw=0.8, ls=":", label="interval of frames")
    axis.set_yticks(range(len(rows), 0, -1), [label for label, _ in rows], fontsize=7)
    axis.set(xscale="log", xlabel="residence time τ (ps)", title="∫P dt", ylim=(0.4, len(rows) + 0.6))


def _times(shell: Mapping) -> list[tuple[str, Mapping]]:
    return [(label, shell["classes"][label]) for label in _shown(shell)]


def _longest_absence(shell: Mapping) -> str:
    return [function for function in shell["curves"] if function.startswith("continuous")][-1]


def _colours() -> list:
    return [*COLOURS, *("0.2", "0.4", "0.6", "0.8")]


def plot_residence_activation(result: Mapping, path: str | Path, *, title: str) -> None:
    """Rates 1/τ over 1/T per class, and their activation energies beside that of diffusion.

    Args:
        result: of `fit_residence`.
        path: SVG to write.
        title: composition.
    """
    with figure_of(path, columns=2, title=title, size=(9.5, 4.2)) as (rates, energies):
        chosen = _chosen_fits(result)
        if not any(point["value"] for _, fit in chosen for point in fit["points"]):
            say((rates, energies), "No temperature has a residence time.")
            return
        for colour, (label, fit) in zip(_colours(), chosen, strict=False):
            _draw_rates(rates, fit, label, colour=colour)
        rates.set(yscale="log", xlabel="1000 K / T", ylabel="1/τ (1/ps)")
        _draw_energies(energies, chosen, result["diffusion"])
        legend(rates, place="lower center", ncols=4)


def _chosen_fits(result: Mapping) -> list[tuple[str, Mapping]]:
    """The fits of the longest allowed absence, of every class but the rare ones."""
    chosen = []
    for shell, classes in result["fits"].items():
        for name, functions in classes.items():
            function = [each for each in functions if each.startswith("continuous")][-1]
            if name != OTHER and any(point["value"] for point in functions[function]["points"]):
                chosen.append((f"{shell} {name}", functions[function]))
    return chosen


def _draw_rates(axis: Axes, fit: Mapping, label: str, *, colour) -> None:
    for point in fit["points"]:
        if point["value"]:
            error = min(point["error"] or 0.0, 0.9 * point["value"])
            axis.errorbar(1000 / point["temperature_K"], point["value"], yerr=error, fmt="o" if point["used"] else "x",
                          color=colour, ms=4)  # fmt: skip
    if line := fit.get("line"):
        used_K = fit["temperatures_used_K"]
        kelvin, values = np.array(line["temperatures_K"]), np.array(line["value"])
        inside = (kelvin >= min(used_K) * 0.98) & (kelvin <= max(used_K) * 1.02)
        axis.plot(1000 / kelvin[inside], values[inside], color=colour, lw=1)
    axis.plot([], [], "o-", color=colour, ms=4, label=label)


def _draw_energies(axis: Axes, chosen: Sequence[tuple[str, Mapping]], diffusion: Mapping) -> None:
    for place, (_, fit) in enumerate(chosen):
        if energy := fit.get("Ea_eV"):
            axis.errorbar(energy["value"], -place, xerr=[[energy["value"] - energy["low"]],
                          [energy["high"] - energy["value"]]], fmt="o", color=_colours()[place % 12])  # fmt: skip
    if energy := diffusion["Ea_eV"]:
        axis.axvspan(energy["low"], energy["high"], color="0.85", zorder=0)
        axis.axvline(energy["value"], color="0.4", lw=1, label="Ea of D with its 95 % interval")
        axis.legend(loc="best", fontsize=7)
    axis.set_yticks([-place for place in range(len(chosen))], [label for label, _ in chosen], fontsize=7)
    without = "" if diffusion["Ea_eV"] else f"; Ea of D: {diffusion['status']}"
    axis.set(xlabel="εa (eV), 95 % interval", ylim=(0.6 - len(chosen), 0.4), title=f"activation energy{without}")
