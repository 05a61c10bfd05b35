"""Energy profiles of hops, what percolates at which barrier, and the graph of hops in the cell."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from scipy.interpolate import PchipInterpolator

from saltflow.base.plotting import COLOURS, figure_of, legend, say
from saltflow.studies.barriers.hop_barriers import OK, HopBarrier
from saltflow.studies.barriers.hop_graph import Edge, growth, thresholds
from saltflow.studies.mobile_sites import MobileSites

MOST_PROFILES = 8
NO_BARRIER = "No path has a barrier; barriers.json has the reasons."
BY_DIMENSIONS = ("0.85", "#56B4E9", "#009E73", "#D55E00")  # that percolate
ASIDE = (0.31, 0.17)  # of the other two lattice vectors, by which the view of the graph leaves an axis


def plot_profiles(barriers: Sequence[HopBarrier], path: str | Path, *, title: str) -> None:
    """Energies of the images along each path that has a barrier, the lowest first.

    The line between images is a monotone cubic one, which cannot overshoot them (Fritsch & Butland, SIAM J. Sci. Stat.
    Comput. 5, 300, 1984).
    """
    found = sorted((each for each in barriers if each.status == OK), key=lambda each: each.highest_eV)
    with figure_of(path, title=title, size=(6, 3.6)) as (axis,):
        if not found:
            say([axis], NO_BARRIER)
            return
        for each in found[:MOST_PROFILES]:
            length, energies = each.band.length_A, each.band.energies_eV - each.band.energies_eV[0]
            fine = np.linspace(0, length[-1], 200)
            (line,) = axis.plot(
                fine, PchipInterpolator(length, energies)(fine), label=f"{each.hop.name}: {each.forward_eV:.3f} eV"
            )
            axis.plot(length, energies, "o", color=line.get_color(), markersize=3)
        axis.set(xlabel="length of the path (Å)", ylabel="energy (eV)")
        legend(axis, place="right upper")


def plot_percolation(edges: Sequence[Edge], path: str | Path, *, title: str) -> None:
    """Barriers of hops by rising barrier, coloured by the dimensions in which sites connect with them."""
    with figure_of(path, title=title, size=(6, 3.6)) as (axis,):
        if not edges:
            say([axis], NO_BARRIER)
            return
        classes: dict[str, tuple[float, int]] = {}
        for step in growth(edges):
            classes[step.edge.name] = step.edge.highest_eV, step.dimensions
        for number, (barrier_eV, dimensions) in enumerate(classes.values()):
            axis.bar(number, barrier_eV, color=BY_DIMENSIONS[dimensions], width=0.7)
            axis.annotate(f"{barrier_eV:.2f}", (number, barrier_eV), ha="center", va="bottom", fontsize=7)
        for dimensions, colour in enumerate(BY_DIMENSIONS):
            label = "no path crosses the crystal" if not dimensions else f"{dimensions}D"
            if any(each[1] == dimensions for each in classes.values()):
                axis.bar(0, 0, color=colour, label=label)
        names = list(classes)
        for each, limit in enumerate(thresholds(edges), start=1):
            if limit:
                axis.axhline(limit.barrier_eV, color=BY_DIMENSIONS[each], linewidth=0.8, zorder=0)
        axis.set_xticks(range(len(names)), names, rotation=90 if len(names) > 12 else 0)
        axis.set(xlabel="hops by rising barrier", ylabel="larger barrier of the hop (eV)")
        axis.set_title(_reached(edges), fontsize=9)
        legend(axis, place="right upper")


def _reached(edges: Sequence[Edge]) -> str:
    """Which hop limits each dimension, in words."""
    limits = [
        f"{dimensions}D {limit.barrier_eV:.2f} eV ({limit.name})"
        for dimensions, limit in enumerate(thresholds(edges), start=1)
        if limit
    ]
    return ", ".join(limits) or "no path crosses the crystal"


def plot_graph(sites: MobileSites, edges: Sequence[Edge], path: str | Path, *, title: str) -> None:
    """Sites of the unit cell and the hops that join them at the lowest barriers, seen aslant."""
    with figure_of(path, title=title, size=(6, 4.5)) as (axis,):
        if not edges:
            say([axis], NO_BARRIER)
            return
        view = _view(sites.cell)
        _draw_cell(axis, sites.cell @ view)
        drawn = list(dict.fromkeys(step.edge.name for step in growth(edges) if step.connects))
        for number, name in enumerate(drawn):
            members = [edge for edge in edges if edge.name == name]
            for edge in members:
                ends = np.array([[0, 0, 0], edge.vector_A]) + sites.positions[edge.start] @ sites.cell
                label = f"{name}: {edge.highest_eV:.2f} eV" if edge is members[0] else None
                axis.plot(*(ends @ view).T, color=COLOURS[number % len(COLOURS)], linewidth=1.5, label=label)
                axis.plot(*(ends[1] @ view), "o", color="white", markeredgecolor="0.5", markersize=5)
        axis.plot(*(sites.positions @ sites.cell @ view).T, "o", color="0.2", markersize=6, zorder=3)
        for number, place in enumerate(sites.positions @ sites.cell @ view):
            axis.annotate(str(number), place, xytext=(5, 5), textcoords="offset points", fontsize=7, zorder=4)
        axis.set_aspect("equal")
        axis.set_axis_off()
        legend(axis, place="right upper")


def _view(cell: np.ndarray) -> np.ndarray:
    """Projection onto a plane, shape (3, 2), so that few sites and hops of a crystal hide each other."""
    lengths = np.linalg.norm(cell, axis=1)
    units = cell / lengths[:, None]
    shortest = int(np.argmin(lengths))
    first, second = (shortest + 1) % 3, (shortest + 2) % 3
    along = units[shortest] + ASIDE[0] * units[first] + ASIDE[1] * units[second]
    along /= np.linalg.norm(along)
    right = units[first] - (units[first] @ along) * along
    right /= np.linalg.norm(right)
    return np.column_stack([right, np.cross(along, right)])


def _draw_cell(axis: Axes, edges: np.ndarray) -> None:
    for number in range(3):
        one, two = edges[(number + 1) % 3], edges[(number + 2) % 3]
        for corner in (np.zeros(2), one, two, one + two):
            axis.plot(*np.array([corner, corner + edges[number]]).T, color="0.8", linewidth=0.7, zorder=0)
        axis.annotate("abc"[number], edges[number], color="0.5", fontsize=8)
