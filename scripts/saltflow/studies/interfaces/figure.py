"""Units over time, where and when something reacts, and concentrations along the normal."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from saltflow.analysis.species.figure import draw_units
from saltflow.base.plotting import COLOURS, figure_of, legend
from saltflow.studies.interfaces.reactions import Reactions, Solid
from saltflow.trajectory.memory import TrajectoryReader

REACTIONS_SHOWN = 5


def plot_reactions(
    run: TrajectoryReader,
    replicas: Sequence[Reactions],
    profiles: Mapping,
    solid: Solid,
    path: Path,
    *,
    title: str,
) -> None:
    """Three panels: units of the first replica, events of all replicas by time and depth, profiles.

    Args:
        run: trajectory of the first replica.
        replicas: of all of them.
        profiles: of `concentration_profiles`.
        solid: its planes are drawn.
        path: of the figure.
        title: of the figure.
    """
    with figure_of(path, columns=3, title=title, size=(12.0, 4.6)) as (units, events, heights):
        draw_units(units, replicas[0].history, run.times_ps, place="lower left")
        _draw_events(events, replicas, is_interface=len(solid.planes_A) > 2)
        events.set_xlim(0, max(each.history.frames for each in replicas) / run.n_frames * run.times_ps[-1])
        _draw_profiles(heights, profiles, solid)


def _draw_events(axis: Axes, replicas: Sequence[Reactions], *, is_interface: bool) -> None:
    rows = [row for each in replicas for row in each.rows]
    names = [row["reaction"] for row in rows]
    shown = sorted(set(names), key=lambda name: (-names.count(name), name))[:REACTIONS_SHOWN]
    for name, marker in zip(shown, "osD^v", strict=False):
        own = [row for row in rows if row["reaction"] == name]
        times, depths = ([float(row[key]) for row in own] for key in ("time_ps", "depth_A"))
        label = name if len(name) < 34 else f"{name[:32]} …"
        axis.plot(times, depths, marker, color="black", markerfacecolor="none", markersize=5, label=label)
    rest = [row for row in rows if row["reaction"] not in shown]
    if rest:
        axis.plot([float(row["time_ps"]) for row in rest], [float(row["depth_A"]) for row in rest], ".",
                  color="0.6", label=f"{len(set(names)) - len(shown)} other reactions")  # fmt: skip
    axis.axhline(0, color="0.6", linewidth=0.8)
    axis.set_xlabel("time (ps)")
    axis.set_ylabel("height over the interface (Å)" if is_interface else "distance from the face, > 0 in the gas (Å)")
    if rows:
        axis.legend(fontsize=6, loc="best")
    else:
        axis.set_title("no event", fontsize=9)


def _draw_profiles(axis: Axes, profiles: Mapping, solid: Solid) -> None:
    height = np.array(profiles["height_A"])
    for number, (element, found) in enumerate(profiles["elements"].items()):
        value = np.array(found["per_nm3"])
        error = np.array([np.nan if each is None else each for each in found["error_per_nm3"]])
        colour = COLOURS[number % len(COLOURS)]
        axis.plot(height, value, color=colour, label=element, linestyle="-" if number < len(COLOURS) else "--")
        axis.fill_between(height, value - error, value + error, color=colour, alpha=0.25, linewidth=0)
    for plane in solid.planes_A:
        axis.axvline(plane, color="0.6", linewidth=0.8, linestyle=":")
    axis.set_xlabel("height (Å)")
    axis.set_ylabel("atoms per nm³, second half of the run")
    legend(axis, place="lower right", ncols=4)
