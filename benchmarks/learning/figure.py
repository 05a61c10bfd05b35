"""The learning curves: held-out force error over labels, seed by seed, for every way to choose."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.ticker import ScalarFormatter

from saltflow.base.plotting import COLOURS, figure_of

NAMES = {
    "selection": "selection",
    "random": "random",
    "farthest": "farthest points",
    "fine-tuned": "random, foundation of others",
    "scratch": "random, from scratch",
}


def plot_curves(records: Sequence[Mapping], path: Path) -> None:
    """One panel for each composition; lines are means over the seeds, points the seeds."""
    names = list(dict.fromkeys(each["composition"] for each in records))
    with figure_of(path, columns=len(names), title="Held-out force error over labels", size=(8.0, 3.6)) as axes:
        for axis, name in zip(axes, names, strict=True):
            for colour, way in zip(COLOURS, NAMES, strict=False):
                ours = [each for each in records if (each["composition"], each["way"]) == (name, way)]
                if ours := [each for each in ours if each["labels"]]:
                    _draw(axis, ours, colour=colour, label=NAMES[way])
            axis.set(xscale="log", yscale="log", title=name, xlabel="labels", ylabel="force RMSE (meV/Å)")
            labels = sorted({each["budget"] for each in records if each["labels"]})
            axis.set_xticks(labels, [str(each) for each in labels], minor=False)
            axis.set_xticks([], minor=True)
            axis.yaxis.set_major_formatter(ScalarFormatter())
            axis.yaxis.set_minor_formatter(ScalarFormatter())
        axes[0].legend()


def _draw(axis, records: Sequence[Mapping], *, colour: str, label: str) -> None:
    budgets = sorted({each["budget"] for each in records})
    found = {
        budget: [each["errors"]["force_rmse_meV_A"] for each in records if each["budget"] == budget]
        for budget in budgets
    }
    axis.plot(budgets, [np.mean(found[budget]) for budget in budgets], color=colour, label=label)
    for budget in budgets:
        axis.plot([budget] * len(found[budget]), found[budget], "o", color=colour, markersize=3)
