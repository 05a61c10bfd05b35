"""The figure of the active learning: errors and explored frames by generation."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogFormatter

from saltflow.base.plotting import COLOURS, figure_of, legend

KINDS = {"accurate": "#56B4E9", "candidate": "#E69F00", "failed": "#8C564B"}
LEAST_HEIGHT_IN, PER_COMPOSITION_IN = 3.8, 0.24
BAR_WIDTH = 0.92
MOST_LINES = len(COLOURS) - 1  # the last colour is that of all compositions


def plot_learning(assessments: Sequence[Mapping], path: str | Path, *, title: str) -> None:
    """Held-out force error over generations, and explored frames by composition × generation as divided bars.

    Args:
        assessments: of all generations, in order; those after convergence are left out.
        path: SVG to write.
        title: of the figure.
    """
    own = [each for number, each in enumerate(assessments) if each["generation"] == number]
    names = sorted({name for each in own for name in each["heldout_by_composition"] | each["explored"]})
    size = (10.5, max(LEAST_HEIGHT_IN, 1.3 + PER_COMPOSITION_IN * (len(names) + 1)))
    with figure_of(path, columns=2, title=title, size=size) as (errors, explored):
        _draw_errors(errors, own, names)
        _draw_explored(explored, own, names)


def _draw_errors(axis: Axes, own: Sequence[Mapping], names: Sequence[str]) -> None:
    numbers = [each["generation"] for each in own]
    many = len(names) > MOST_LINES
    for index, name in enumerate(names):
        errors = [each["heldout_by_composition"].get(name, {}).get("force_rmse_meV_A", np.nan) for each in own]
        label = ("each composition" if index == 0 else None) if many else name
        axis.plot(numbers, errors, ".-", color="0.7" if many else COLOURS[index], lw=1, label=label)
    whole = [each["heldout"]["force_rmse_meV_A"] for each in own]
    axis.plot(numbers, whole, "o-", color="black", label="all")
    before = [(each["generation"], each["previous_generation_on_same_frames"]) for each in own]
    before = [(number, found["force_rmse_meV_A"]) for number, found in before if found]
    if before:
        axis.plot(*np.array(before).T, "o", color="black", mfc="white", label="all, generation before")
    axis.axhline(own[-1]["criteria"]["force_rmse_meV_A"]["limit"], color="0.5", ls="--", lw=0.8, label="criterion")
    axis.set_yscale("log")
    for each in (axis.yaxis.set_major_formatter, axis.yaxis.set_minor_formatter):
        each(LogFormatter(labelOnlyBase=False, minor_thresholds=(2, 1)))
    axis.set(xlabel="generation", ylabel="held-out force RMSE (meV/Å)", xticks=numbers, xlim=_limits(numbers))
    legend(axis, place="lower left", ncols=3, fontsize=7)


def _draw_explored(axis: Axes, own: Sequence[Mapping], names: Sequence[str]) -> None:
    """One bar per composition and generation, with the percentage of frames that are not accurate."""
    exploring = [each for each in own if each["explored"]]
    axis.spines[["left", "bottom"]].set_visible(False)
    axis.tick_params(length=0)
    if not exploring:
        axis.set_axis_off()
        axis.text(0.5, 0.5, "Nothing was explored.", transform=axis.transAxes, ha="center")
        return
    for column, each in enumerate(exploring):
        everything = {kind: sum(counts[kind] for counts in each["explored"].values()) for kind in ("frames", *KINDS)}
        for place, counts in enumerate([everything, *map(each["explored"].get, names)]):
            if counts and counts["frames"]:
                _draw_bar(axis, counts, column=column, place=place)
    handles = [axis.barh([0], [0], color=colour, label=kind) for kind, colour in KINDS.items()]
    axis.set(xlim=(-0.1, len(exploring)), ylim=(len(names) + 0.5, -0.5), xlabel="generation (% not accurate)")
    axis.set_xticks(np.arange(len(exploring)) + BAR_WIDTH / 2, [str(each["generation"]) for each in exploring])
    axis.set_yticks(range(len(names) + 1), ["all", *names])
    axis.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(KINDS))


def _draw_bar(axis: Axes, counts: Mapping[str, int], *, column: int, place: int) -> None:
    left = float(column)
    for kind, colour in KINDS.items():
        width = BAR_WIDTH * counts[kind] / counts["frames"]
        axis.barh(place, width, left=left, height=0.8, color=colour, lw=0)
        left += width
    share = 100 * (1 - counts["accurate"] / counts["frames"])
    axis.text(column + BAR_WIDTH / 2, place, f"{share:.0f}", ha="center", va="center", fontsize=7)


def _limits(numbers: Sequence[int]) -> tuple[float, float]:
    return min(numbers) - 0.3, max(numbers) + 0.3
