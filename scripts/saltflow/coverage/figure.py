"""The figure of a coverage: distances of environments to the nearest one that a label taught, element by element."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from saltflow.coverage.analysis import Distances
from saltflow.coverage.shares import Yardstick
from saltflow.plotting import COLOURS, figure_of, legend, say

BINS = 60
HELDOUT = "held-out cells"
NOTHING = "Nothing to compare: no glass passed its gates."


def plot_coverage(result: Mapping, distances: Distances, path: str | Path) -> None:
    """Distributions of the distances in every state over those of held-out cells, with the limit of each element.

    Args:
        result, distances: of `cover_glass`.
        path: SVG to write.
    """
    symbols = list(distances.yardsticks) or [""]
    size = (max(6.0, 2.5 * len(symbols) + 1.6), 3.4)
    with figure_of(path, columns=len(symbols), title=_title(result), size=size) as axes:
        if not distances.states:
            say(axes, NOTHING)
            return
        for axis, symbol in zip(axes, symbols, strict=True):
            _draw(axis, symbol, distances)
            shares = [(row["state"], row["elements"][symbol]["share"]) for row in result["states"]]
            axis.set_title("\n".join([symbol, *(_said(*each) for each in shares)]), fontsize=8)
        axes[0].set_ylabel("density of atoms")
        axes[len(axes) // 2].set_xlabel("distance to the nearest training environment (standard deviations)")
        legend(axes[0], place="lower center", ncols=5)


def _title(result: Mapping) -> str:
    beyond = f"beyond the limit, {100 * result['expected_share']:g} % expected"
    return f"{result['composition']}: {result['status']} by labels; of each element, the share {beyond}"


def _said(state: str, share: Mapping | None) -> str:
    return f"{state}: {100 * share['value']:.2g} ± {100 * share['error']:.1g} %" if share else f"{state}: not judged"


def _draw(axis: Axes, symbol: str, distances: Distances) -> None:
    stick = distances.yardsticks[symbol]
    series = {name: [glass[symbol] for glass in glasses] for name, glasses in distances.states.items()}
    edges = _edges(series.values(), stick)
    if stick.atoms:
        axis.hist(np.concatenate(list(stick.distances.values())), edges, density=True, color="0.8", label=HELDOUT)
    for colour, (name, parts) in zip(COLOURS, series.items(), strict=False):
        finite = np.concatenate(parts)
        finite = finite[np.isfinite(finite)]
        if len(finite):
            axis.hist(finite, edges, density=True, histtype="step", color=colour, label=name)
    if stick.limit is not None:
        axis.axvline(stick.limit, color="black", ls="--", lw=0.9, label="limit")
    axis.set_yticks([])


def _edges(series: Sequence[Sequence[np.ndarray]], stick: Yardstick) -> np.ndarray:
    values = np.concatenate([np.empty(0), *stick.distances.values(), *(part for parts in series for part in parts)])
    values = values[np.isfinite(values)]
    return np.linspace(0, values.max() * 1.02 if len(values) and values.max() else 1, BINS + 1)
