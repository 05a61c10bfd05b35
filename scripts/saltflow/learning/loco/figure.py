"""The figure of the leave-one-composition-out validation: force errors without and with the labels."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from saltflow.base.plotting import COLOURS, figure_of, legend, say

LEAST_HEIGHT_IN, PER_COMPOSITION_IN = 2.2, 0.34
WITH, WITHOUT = COLOURS[:2]
NOTE_SIZE = 8


def plot_loco(rows: Sequence[Mapping], path: str | Path, *, title: str) -> None:
    """A line per composition from the force error with its labels to that without, with ratio and z-scores.

    Args:
        rows: of `loco_errors.compare`.
        path: SVG to write.
        title: of the figure.
    """
    drawn = [row for row in rows if row["force_rmse_without_meV_A"] is not None]
    size = (7.5, LEAST_HEIGHT_IN + PER_COMPOSITION_IN * len(drawn))
    with figure_of(path, title=title, size=size) as axes:
        if drawn:
            _draw(axes[0], sorted(drawn, key=lambda row: row["force_rmse_without_meV_A"]))
        else:
            say(axes, "No excluded composition has a held-out frame.")


def _draw(axis: Axes, rows: Sequence[Mapping]) -> None:
    places = np.arange(len(rows))
    with_labels, without = (
        np.array([row[f"force_rmse_{which}_meV_A"] for row in rows], float) for which in ("with", "without")
    )
    bars = [error_of(row) for row in rows]
    axis.hlines(places, with_labels, without, color="0.7", lw=2, zorder=1)
    axis.plot(with_labels, places, "o", color=WITH, label="with its labels: the released model")
    axis.errorbar(without, places, xerr=bars, fmt="o", color=WITHOUT, lw=1, label="without its labels")
    for place, row in zip(places, rows, strict=True):
        _note(axis, place, format_row(row))
    _note(axis, -0.75, "ratio, z std")
    axis.set_yticks(places, [row["composition"] + (" *" if row["flags"] else "") for row in rows])
    axis.set(ylim=(len(rows) - 0.4, -1.0), xlabel="held-out force RMSE (meV/Å)")
    axis.set_xlim(0, 1.05 * np.nanmax([with_labels, without, without + bars]))
    legend(axis, place="lower center", ncols=2)


def error_of(row: Mapping) -> float:
    """Standard error in meV/Å of the error without the labels, taking the one with them as exact; NaN where unknown."""
    return (row["force_ratio_err"] or np.nan) * row["force_rmse_with_meV_A"]


def format_row(row: Mapping) -> str:
    """Ratio and standard deviation of the z-scores, as "1.81 ± 0.30, 1.20"."""
    ratio, error, z_std = row["force_ratio"], row["force_ratio_err"], row["z_std"]
    shown = "?" if ratio is None else f"{ratio:.2f}" + ("" if error is None else f" ± {error:.2f}")
    return f"{shown}, {'?' if z_std is None else f'{z_std:.2f}'}"


def _note(axis: Axes, place: float, text: str) -> None:
    axis.text(1.01, place, text, transform=axis.get_yaxis_transform(), fontsize=NOTE_SIZE, va="center")
