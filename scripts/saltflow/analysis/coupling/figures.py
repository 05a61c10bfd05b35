"""The figure of the coupling of mobile ions to motions of polyanions."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from saltflow.base.plotting import COLOURS, figure_of, say


def plot_coupling(result: Mapping, path: str | Path, *, title: str) -> None:
    """D ratios of each frozen motion, the dominant motion, and the published rule.

    Args:
        result: of `relate_coupling`.
        path: SVG to write.
        title: composition.
    """
    with figure_of(path, columns=3, title=title, size=(12, 3.9)) as (curves, table, rule):
        if not any(row["value"] for point in result["state_points"] for row in point["ratios"].values()):
            say((curves, table, rule), _why_no_coupling(result))
            return
        _draw_ratios(curves, result)
        _draw_dominance(table, result)
        _draw_rule(rule, result)


# A mode has the same colour in every panel.
MODE_COLOURS = dict(zip(("T", "R", "V", "TR", "TV", "RV", "TRV"), COLOURS, strict=False))


def _why_no_coupling(result: Mapping) -> str:
    statuses = [replica["status"] for point in result["state_points"] for replica in point["groups"]]
    wrong = [status for status in dict.fromkeys(statuses) if status != "ok"]
    return f"No motion was frozen ({', '.join(wrong)})." if wrong else "No diffusion coefficient to compare."


def _draw_ratios(axis: Axes, result: Mapping) -> None:
    """D(mode)/D(free) over temperature; open symbols where the state point is not diffusive."""
    axis.axhline(1, color="0.6", lw=0.8, zorder=0)
    temperatures_K = np.array([point["temperature_K"] for point in result["state_points"]])
    width = 0.012 * np.ptp(temperatures_K) if len(temperatures_K) > 1 else 3.0
    for number, mode in enumerate(result["modes"]):
        colour = MODE_COLOURS[mode]
        shifted = temperatures_K + width * (number - (len(result["modes"]) - 1) / 2)
        rows = [point["ratios"][mode] for point in result["state_points"]]
        for kelvin, row in zip(shifted, rows, strict=True):
            if not row["value"]:
                continue
            known = row["low"] is not None and row["high"] is not None
            bar = [[row["value"] - row["low"]], [row["high"] - row["value"]]] if known else None
            face = colour if row["status"] == "ok" else "w"
            axis.errorbar(kelvin, row["value"], yerr=bar, fmt="o", color=colour, mfc=face, capsize=2, markersize=4)
        axis.plot([], [], "o", color=colour, label=f"{mode} frozen")
    axis.set_yscale("log")
    values = [row["value"] for point in result["state_points"] for row in point["ratios"].values() if row["value"]]
    axis.set_ylim(min(*values, 1.0) / 5, max(*values, 1.0) * 5)
    axis.set_xticks(temperatures_K)
    axis.set(xlabel="T (K)", ylabel="D(frozen) / D(free)")
    axis.legend(fontsize=7, ncols=2)


def _draw_dominance(axis: Axes, result: Mapping) -> None:
    """Ratios as a table of modes and temperatures, and the dominant motion."""
    state_points, modes = result["state_points"], result["modes"]
    values = np.array(
        [[point["ratios"][mode]["value"] or np.nan for point in state_points] for mode in modes], dtype=float
    )
    largest = max(0.3, float(np.nanmax(np.abs(np.log10(values)))))
    axis.imshow(np.log10(values), cmap="RdBu", vmin=-1.6 * largest, vmax=1.6 * largest, aspect="auto")
    for row, mode in enumerate(modes):
        for column, point in enumerate(state_points):
            ratio, dominant = point["ratios"][mode], point["dominant"]
            if not ratio["value"]:
                continue
            sign = "" if dominant["motion"] != mode else (" ★" if dominant["resolved"] else " ☆")
            text = f"{ratio['value']:.2g}{sign}" + ("" if ratio["status"] == "ok" else f"\n({ratio['status']})")
            axis.text(column, row, text, ha="center", va="center", fontsize=7)
    axis.set_xticks(range(len(state_points)), [f"{point['temperature_K']:g} K" for point in state_points])
    axis.set_yticks(range(len(modes)), [f"{mode} frozen" for mode in modes])
    axis.set_title("★ dominant motion, ☆ within errors", fontsize=8)
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)


def _draw_rule(axis: Axes, result: Mapping) -> None:
    """Rotation frequency over hop frequency beside the published rule, coloured by the dominant motion."""
    colours = MODE_COLOURS | {None: "0.5"}
    factor = result["matching_factor"]
    found = [
        (rule, point)
        for point in result["state_points"]
        for rule in point["rule"].values()
        if rule["rotation_over_hopping"]
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
        axis.plot([], [], "o", color=colours[motion], label=f"{name} dominant")
    axis.plot([], [], "o", color="0.5", mfc="w", label="within errors")
    if not found:
        axis.set_yticks([])
        axis.text(0.5, 0.5, "no frequencies of both\nwere found", transform=axis.transAxes, ha="center", fontsize=8)
    if any(rule["is_bound"] for rule, _ in found):
        axis.plot([], [], "<", color="0.5", label="rotation slower than this")
    axis.set_xscale("log")
    axis.set(xlabel="rotation / hopping frequency", ylabel="T (K)", xlim=(left, right))
    axis.margins(y=0.3)
    axis.legend(fontsize=7, loc="best")
