"""The figure of a domain: distances of environments to the nearest one that a label training_environments, element by element."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from saltflow.base.plotting import COLOURS, figure_of, legend, say
from saltflow.learning.domain.analysis import Distances
from saltflow.learning.domain.out_of_domain import InDomainThreshold

BINS = 50
HELDOUT = "held-out cells"
NOTHING = "Nothing to compare: no replica passed its acceptance."


def plot_domain(result: Mapping, distances: Distances, path: str | Path) -> None:
    """Distributions of the distances in every state over those of held-out cells, with the limit of each element.

    Args:
        result, distances: of `assess_domain`.
        path: SVG to write.
    """
    symbols = list(distances.thresholds) or [""]
    size = (max(6.0, 2.5 * len(symbols) + 1.6), 3.4)
    with figure_of(path, columns=len(symbols), title=_title(result), size=size) as axes:
        if not distances.states:
            say(axes, NOTHING)
            return
        for axis, symbol in zip(axes, symbols, strict=True):
            _draw(axis, symbol, distances)
            shares = [(row["state"], row["elements"][symbol]["share"]) for row in result["states"]]
            axis.set_xlabel("distance to the nearest training\nenvironment (standard deviations)")
            axis.set_title("\n".join([symbol, *(_said(*each) for each in shares)]), fontsize=8)
        axes[0].set_ylabel("density of atoms")
        legend(axes[0], place="lower center", ncols=5)


def _title(result: Mapping) -> str:
    beyond = f"beyond the limit, {100 * result['expected_share']:g} % expected"
    return f"{result['composition']}: {result['status']} by labels; of each element, the share {beyond}"


def _said(state: str, share: Mapping | None) -> str:
    return f"{state}: {100 * share['value']:.1f} ± {100 * share['error']:.1f} %" if share else f"{state}: not judged"


def _draw(axis: Axes, symbol: str, distances: Distances) -> None:
    stick = distances.thresholds[symbol]
    heldout = np.concatenate([np.empty(0), *stick.distances.values()])
    states = {name: np.concatenate([replica[symbol] for replica in ours]) for name, ours in distances.states.items()}
    edges = np.linspace(0, _end([heldout, *states.values()], stick), BINS + 1)
    if len(heldout):
        axis.hist(heldout.clip(max=edges[-1]), edges, density=True, color="0.8", label=HELDOUT)
    for colour, (name, values) in zip(COLOURS, states.items(), strict=False):
        axis.hist(values.clip(max=edges[-1]), edges, density=True, histtype="step", color=colour, label=name)
    if stick.limit is not None:
        axis.axvline(stick.limit, color="black", ls="--", lw=0.9, label="limit")
    axis.set_yticks([])


def _end(series: Sequence[np.ndarray], stick: InDomainThreshold) -> float:
    """Where the axis ends, and with it the bin of all that is farther: beyond some limits and beyond most atoms."""
    seen = [np.quantile(finite, 0.99) for each in series if len(finite := each[np.isfinite(each)])]
    return max([2 * (stick.limit or 0.0), *seen]) or 1.0
