"""Volume and enthalpy on cooling at several rates, and Tg over the rate."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from saltflow.base.plotting import COLOURS, figure_of, legend
from saltflow.studies.alloys.cooling_rates import FOUND

LABELS = {"volume": "V / mean V", "enthalpy": "H − mean H (eV per atom)"}
OFFSETS = {"volume": 0.0, "enthalpy": 1.0}  # enthalpies are fitted with mean 1
MOST_POINTS = 60


def plot_cooling(rows: Sequence[Mapping], path: Path, *, title: str) -> None:
    """One panel for each quantity, one for Tg over the rate; crosses are transitions.

    Args:
        rows: of `transitions_by_rate`.
        path: of the figure.
        title: of the figure.
    """
    quantities = [name for name in LABELS if any(row[name] for row in rows)]
    with figure_of(path, columns=len(quantities) + 1, title=title, size=(3.6 * (len(quantities) + 1), 3.8)) as axes:
        for axis, name in zip(axes, quantities, strict=False):
            for row, colour in zip(rows, COLOURS, strict=False):
                if row[name]:
                    _draw(axis, row[name], colour, offset=OFFSETS[name], label=f"{row['rate_K_per_ps']:g} K/ps")
            axis.set(xlabel="T (K)", ylabel=LABELS[name])
        for name, colour in zip(quantities, COLOURS, strict=False):
            found = [row for row in rows if row[name] and row[name]["status"] == FOUND]
            rates = [row["rate_K_per_ps"] * 1e12 for row in found]
            values, errors = ([row[name][key] for row in found] for key in ("Tg_K", "error_K"))
            axes[-1].errorbar(rates, values, yerr=errors, fmt="o", color=colour, label=name)
        axes[-1].set(xscale="log", xlabel="cooling rate (K/s)", ylabel="Tg (K)")
        axes[-1].legend()
        legend(axes[0], place="lower center", ncols=4, markerscale=3)


def _draw(axis: Axes, transition: Mapping, colour: str, *, offset: float, label: str) -> None:
    kelvin, value = (np.array(transition["curve"][key]) for key in ("temperature_K", "relative_volume"))
    value = value - offset
    bins = np.array_split(np.arange(len(kelvin)), min(MOST_POINTS, len(kelvin)))
    points = np.array([[kelvin[each].mean(), value[each].mean()] for each in bins])
    axis.plot(*points.T, ".", ms=3, color=colour, label=label)
    if transition["status"] == FOUND:
        middle = transition["Tg_K"]
        beyond = points[:, 0] - middle
        slopes = np.where(beyond < 0, transition["expansion_glass_per_K"], transition["expansion_melt_per_K"])
        lines = slopes * beyond
        height = np.mean(points[:, 1] - lines)
        axis.plot(points[:, 0], lines + height, color=colour, lw=1)
        axis.plot(middle, height, "x", color="k", ms=7, zorder=3)
