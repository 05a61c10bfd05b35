"""Panels of an assessment: force errors by element and temperature, stability of the dynamics."""

from collections.abc import Callable, Mapping

import numpy as np
from matplotlib.axes import Axes

from saltflow.base.plotting import COLOURS

STABLE, STOPPED = "#B9DDF1", "#E69F00"
BAR_WIDTH = 0.94
NOTE_SIZE = 7
ABOVE = -0.55  # position of column heads, in rows
MOST_COLOURS = len(COLOURS)


def draw_by_element(axis: Axes, assessment: Mapping) -> None:
    """Force error of each element, with the slope of predicted over reference forces."""
    _draw_parts(axis, assessment, whole="heldout_by_element", part="by_element", head="slope", note=_slope)


def draw_by_temperature(axis: Axes, assessment: Mapping) -> None:
    """Force error at each temperature, with the errors of energies and stresses."""
    _draw_parts(
        axis,
        assessment,
        whole="heldout_by_temperature",
        part="by_temperature",
        head="meV/atom, MPa",
        note=_energy_stress,
    )


def draw_stability(axis: Axes, stability: Mapping | None) -> None:
    """One bar per composition and temperature: stable cells, and cells that met a stop criterion."""
    axis.spines[["left", "bottom"]].set_visible(False)
    axis.tick_params(length=0)
    if not stability:
        axis.set_axis_off()
        axis.text(0.5, 0.5, "No cell was driven.", transform=axis.transAxes, ha="center")
        return
    rows = dict(sorted(stability["compositions"].items()))
    temperatures = sorted({kelvin for points in rows.values() for kelvin in points}, key=float)
    for place, points in enumerate(rows.values()):
        for kelvin, point in points.items():
            _draw_cells(axis, point, left=temperatures.index(kelvin), place=place)
    durations = sorted(
        {f"{point['duration_ps']:g}" for points in rows.values() for point in points.values()}, key=float
    )
    axis.set(xlim=(-0.05, len(temperatures)), ylim=(len(rows) - 0.5, -0.5))
    axis.set_xticks(np.arange(len(temperatures)) + BAR_WIDTH / 2, temperatures)
    axis.set_yticks(range(len(rows)), rows)
    axis.set_xlabel(
        f"exploration at (K), {' and '.join(durations)} ps, driven by the committee of generation "
        f"{stability['driven_by_generation']}"
    )
    handles = [
        axis.barh([0], [0], color=colour, label=label)
        for colour, label in ((STABLE, "stable cells"), (STOPPED, "met a stop criterion"))
    ]
    axis.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)


def _draw_cells(axis: Axes, point: Mapping, *, left: float, place: int) -> None:
    stopped, cells = sum(point["stop_criteria"].values()), point["cells"]
    width = BAR_WIDTH * stopped / cells
    axis.barh(place, width, left=left, height=0.8, color=STOPPED, lw=0)
    axis.barh(place, BAR_WIDTH - width, left=left + width, height=0.8, color=STABLE, lw=0)
    note = f"{stopped}/{cells}" + (f", {point['earliest_ps']:.2g} ps" if stopped else "")
    axis.text(left + BAR_WIDTH / 2, place, note, ha="center", va="center", fontsize=NOTE_SIZE)


def _draw_parts(
    axis: Axes, assessment: Mapping, *, whole: str, part: str, head: str, note: Callable[[Mapping], str]
) -> None:
    """A row per part: points for compositions, an open circle with error bar for all, and a note."""
    parts = assessment[whole]
    places = np.arange(len(parts))
    by_composition = [each[part] for each in assessment["heldout_by_composition"].values()]
    for index, found in enumerate(by_composition if len(by_composition) > 1 else []):
        values = [found.get(name, {}).get("force_rmse_meV_A", np.nan) for name in parts]
        colour = COLOURS[index] if len(by_composition) <= MOST_COLOURS else "0.6"
        axis.plot(values, places, ".", color=colour, markersize=5)
    values = [each["force_rmse_meV_A"] for each in parts.values()]
    bars = [each["force_rmse_meV_A"] * (each["force_rmse_relative_error"] or np.nan) for each in parts.values()]
    axis.errorbar(values, places, xerr=bars, fmt="o", color="black", mfc="none", lw=1)
    for place, each in zip(places, parts.values(), strict=True):
        _note(axis, place, note(each))
    _note(axis, ABOVE, head, va="bottom")
    axis.set_yticks(places, parts)
    axis.set_ylim(len(parts) - 0.5, -0.5)
    axis.set_xlim(left=0)
    axis.set_xlabel("held-out force RMSE (meV/Å)")


def _note(axis: Axes, place: float, text: str, *, va: str = "center") -> None:
    axis.text(1.01, place, text, transform=axis.get_yaxis_transform(), fontsize=NOTE_SIZE, va=va)


def _slope(found: Mapping) -> str:
    return _figures(found["force_slope"], "{:.2f}")


def _energy_stress(found: Mapping) -> str:
    return ", ".join(_figures(found[name], "{:.3g}") for name in ("energy_rmse_meV_atom", "stress_rmse_MPa"))


def _figures(value: float | None, form: str) -> str:
    return "?" if value is None else form.format(value)


def lines_of(assessment: Mapping) -> int:
    """Largest number of rows of these panels."""
    stability = (assessment["stability"] or {}).get("compositions", ())
    return max(len(assessment["heldout_by_element"]), len(assessment["heldout_by_temperature"]), len(stability))
