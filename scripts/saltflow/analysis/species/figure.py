"""Numbers of units over time, and when something reacts."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from saltflow.analysis.species.unit_history import UnitHistory
from saltflow.base.plotting import COLOURS, figure_of, legend

SHOWN = len(COLOURS)


def plot_units(history: UnitHistory, times_ps: np.ndarray, path: Path, *, title: str) -> None:
    """Units whose number changes most, and the number of events so far.

    Args:
        history: of one trajectory.
        times_ps: of its frames.
        path: of the figure.
        title: of the figure.
    """
    with figure_of(path, columns=2, title=title, size=(9.0, 3.8)) as (numbers, events):
        draw_units(numbers, history, times_ps)
        at_ps = times_ps[[event.frame for event in history.events]]
        events.step([times_ps[0], *at_ps, times_ps[-1]], [0, *range(1, len(at_ps) + 1), len(at_ps)], where="post")
        events.set_xlabel("time (ps)")
        events.set_ylabel("events so far")
        events.set_ylim(bottom=0)


def draw_units(axis: Axes, history: UnitHistory, times_ps: np.ndarray, *, place: str = "lower center") -> None:
    """Numbers of those units that change most, with their legend outside, at a place."""
    counts = {formula: history.counts_of(formula) for formula in history.spans}
    shown = sorted(counts, key=lambda formula: (-np.ptp(counts[formula]), -counts[formula].mean(), formula))[:SHOWN]
    for formula, colour in zip(shown, COLOURS, strict=False):
        axis.step(times_ps, counts[formula], where="post", color=colour, label=formula)
    axis.set_xlabel("time (ps)")
    axis.set_ylabel("units")
    axis.set_ylim(bottom=0)
    rest = len(counts) - len(shown)
    legend(axis, place=place, ncols=4, title=f"{rest} more formulas in species.json" if rest else None)
