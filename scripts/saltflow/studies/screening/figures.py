"""Pictures of a screening: the funnel, and the energies above the hull."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from saltflow.base.plotting import COLOURS, figure_of, legend, say
from saltflow.studies.screening.funnel import FunnelStage

MOST_SHOWN = 60


def plot_funnel(stages: Sequence[FunnelStage], path: Path, *, title: str) -> None:
    """How many crystals enter each stage and how many pass it, with the main reasons of those that do not.

    Args:
        stages: in their order.
        path: of the figure.
        title: of the figure.
    """
    with figure_of(path, title=title, size=(7.5, 1.2 + 0.75 * len(stages))) as (axis,):
        heights = np.arange(len(stages))[::-1]
        entered, passed = np.array([stage.entered for stage in stages]), np.array([stage.passed for stage in stages])
        widest = max(entered.max(), 1)
        axis.barh(heights, entered / widest, left=-entered / widest / 2, color="0.85", height=0.7)
        axis.barh(heights, passed / widest, left=-passed / widest / 2, color=COLOURS[0], height=0.7)
        for height, stage in zip(heights, stages, strict=True):
            ink = "white" if stage.passed > 0.15 * widest else "black"
            axis.text(0, height, f"{stage.passed} of {stage.entered}", ha="center", va="center", color=ink)
            kinds = Counter(reason.partition(":")[0] for reason in stage.excluded.values()).most_common(2)
            reasons = "\n".join(f"{number} {kind}" for kind, number in kinds)
            axis.text(
                0.53, height, f"{stage.seconds:.0f} s" + (f"\n{reasons}" if reasons else ""), va="center", fontsize=8
            )
        axis.set_yticks(heights, [f"{stage.name}\n({stage.lets_through})" for stage in stages])
        axis.set_xlim(-0.52, 0.95)
        axis.set_xticks([])
        axis.spines[["left", "bottom"]].set_visible(False)


def plot_above_hull(rows: Sequence[Mapping[str, str]], path: Path, *, window_eV: float, title: str) -> None:
    """Energy of each crystal above the hull of all others, the most stable on top.

    Args:
        rows: of the funnel.
        path: of the figure.
        window_eV: what counts as metastable, per atom.
        title: of the figure.
    """
    known = sorted((row for row in rows if row["above_hull_eV_atom"]), key=lambda row: float(row["above_hull_eV_atom"]))
    shown = known[:MOST_SHOWN]
    with figure_of(path, title=title, size=(6.5, 1.8 + 0.17 * max(3, len(shown)))) as (axis,):
        if not shown:
            say([axis], "No crystal has a hull; screening.tsv has the reasons.")
            return
        above_meV = np.array([1000 * float(row["above_hull_eV_atom"]) for row in shown])
        lacks = np.array([bool(row["systems_without_phase"]) for row in shown])
        heights = np.arange(len(shown))[::-1]
        axis.axvspan(0, 1000 * window_eV, color="0.9", label=f"metastable, {1000 * window_eV:g} meV/atom")
        axis.axvline(0, color="0.4", linewidth=0.8)
        for chosen, colour, name in (
            (~lacks, COLOURS[0], "every system has a phase"),
            (lacks, COLOURS[1], "some systems have none"),
        ):
            if chosen.any():
                axis.plot(above_meV[chosen], heights[chosen], "o", color=colour, markersize=4, label=name)
        axis.set_yticks(heights, [row["member"] for row in shown], fontsize=7)
        axis.set_ylim(-0.7, len(shown) - 0.3)
        more = f"; not shown: {len(known) - len(shown)}" if len(known) > len(shown) else ""
        axis.set_xlabel(f"energy above the hull of all other crystals (meV/atom){more}")
        legend(axis, place="lower center", ncols=3, fontsize=8)
