"""The ranking of crystals by the barriers at which paths cross them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from saltflow.base.plotting import COLOURS, figure_of, legend, say
from saltflow.studies.barriers.barrier_ranking import OK

MOST_RANKED = 40
MARKERS = {"1D": "o", "2D": "s", "3D": "D"}


def plot_ranking(rows: Sequence[Mapping[str, str]], path: str | Path) -> None:
    """Barriers at which paths cross the crystals in one, two and three dimensions, the lowest on top.

    Args:
        rows: of `barrier_ranking.ranking_rows`.
    """
    ranked = [row for row in rows if row["status"] == OK][:MOST_RANKED]
    with figure_of(path, title="Migration barriers", size=(6.5, 1.8 + 0.28 * max(2, len(ranked)))) as (axis,):
        if not ranked:
            say([axis], "No path crosses a crystal; ranking.tsv has the reasons.")
            return
        heights = np.arange(len(ranked))[::-1]
        for colour, (dimension, marker) in zip(COLOURS, MARKERS.items(), strict=False):
            barriers_eV = [float(row[f"barrier_{dimension}_eV"] or "nan") for row in ranked]
            axis.plot(barriers_eV, heights, marker, color=colour, label=dimension, markerfacecolor="none")
        axis.set_yticks(heights, [f"{row['structure']}: {row['formula']}" for row in ranked])
        axis.set_ylim(-0.6, len(ranked) - 0.4)
        axis.set_xlim(left=0)
        rest = len(rows) - len(ranked)
        axis.set_xlabel("barrier at which paths cross the crystal (eV)" + (f"; not shown: {rest}" if rest else ""))
        legend(axis, place="lower center", ncols=3)
