"""The figure of a domain: distances to the nearest training environment, by element."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from saltflow.base.plotting import COLOURS, figure_of, legend, say
from saltflow.learning.domain.domain_assessment import Distances
from saltflow.learning.domain.out_of_domain import InDomainThreshold

BINS = 50
HELDOUT = "held-out cells"
NOTHING = "No replica met the acceptance criteria."


def plot_domain(result: Mapping, distances: Distances, path: str | Path) -> None:
    """Distributions of the distances of all states and of held-out cells, with the threshold of each element.

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
            fractions = [(row["state"], row["elements"][symbol]["out_of_domain_fraction"]) for row in result["states"]]
            axis.set_xlabel("distance to the nearest training\nenvironment (standard deviations)")
            axis.set_title("\n".join([symbol, *(_format_fraction(*each) for each in fractions)]), fontsize=8)
        axes[0].set_ylabel("density of atoms")
        legend(axes[0], place="lower center", ncols=5)


def _title(result: Mapping) -> str:
    expected = f"{100 * result['expected_fraction']:g} % expected"
    return f"{result['composition']}: {result['status']}; out-of-domain fraction by element, {expected}"


def _format_fraction(state: str, fraction: Mapping | None) -> str:
    if not fraction:
        return f"{state}: not assessed"
    return f"{state}: {100 * fraction['value']:.1f} ± {100 * fraction['error']:.1f} %"


def _draw(axis: Axes, symbol: str, distances: Distances) -> None:
    threshold = distances.thresholds[symbol]
    heldout = np.concatenate([np.empty(0), *threshold.distances.values()])
    states = {
        name: np.concatenate([replica[symbol] for replica in replicas]) for name, replicas in distances.states.items()
    }
    edges = np.linspace(0, _end([heldout, *states.values()], threshold), BINS + 1)
    if len(heldout):
        axis.hist(heldout.clip(max=edges[-1]), edges, density=True, color="0.8", label=HELDOUT)
    for colour, (name, values) in zip(COLOURS, states.items(), strict=False):
        axis.hist(values.clip(max=edges[-1]), edges, density=True, histtype="step", color=colour, label=name)
    if threshold.limit is not None:
        axis.axvline(threshold.limit, color="black", ls="--", lw=0.9, label="threshold")
    axis.set_yticks([])


def _end(series: Sequence[np.ndarray], threshold: InDomainThreshold) -> float:
    """End of the axis: beyond the threshold and beyond 99 % of the atoms; its last bin holds all farther ones."""
    quantiles = [np.quantile(finite, 0.99) for each in series if len(finite := each[np.isfinite(each)])]
    return max([2 * (threshold.limit or 0.0), *quantiles]) or 1.0
