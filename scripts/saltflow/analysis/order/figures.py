"""The figure of the relation of order with conductivity."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from saltflow.base.plotting import COLOURS, figure_of, say

LABELS = {"log10_sigma": "log σ at the temperature of comparison", "log10_D": "log D of the mobile ion"}
ROW_HEIGHT = 0.32


def plot_order(relations: Mapping[str, Mapping], table: pd.DataFrame, path: str | Path) -> None:
    """Rank correlation with every descriptor, and predictions for hosts left out of training.

    Args:
        relations: of `relate`.
        table: of `collect`.
        path: SVG to write.
    """
    known = {target: relation for target, relation in relations.items() if relation["status"] == "ok"}
    rows = max((len(relation["associations"]) for relation in known.values()), default=0)
    with figure_of(path, columns=2, title="Order and conductivity", size=(9.5, max(3.2, 1.4 + ROW_HEIGHT * rows))) as (
        correlations,
        predictions,
    ):
        if not known:
            counts = max(relation["electrolytes"] for relation in relations.values())
            needed = next(iter(relations.values()))["needed"]
            say((correlations, predictions), f"Too few electrolytes with a value: {counts}; {needed} are needed.")
            return
        _draw_correlations(correlations, known)
        _draw_predictions(predictions, known, table)


def _draw_correlations(axis: Axes, known: Mapping[str, Mapping]) -> None:
    names = list(dict.fromkeys(row["descriptor"] for each in known.values() for row in each["associations"]))
    heights = {name: -place for place, name in enumerate(names)}
    for shift, (target, relation) in enumerate(known.items()):
        colour = COLOURS[shift]
        for row in relation["associations"]:
            face = colour if row["significant"] else "w"
            axis.errorbar(
                row["rho"],
                heights[row["descriptor"]] - 0.25 * shift,
                xerr=[[row["rho"] - row["low"]], [row["high"] - row["rho"]]],
                fmt="o",
                color=colour,
                mfc=face,
            )
        axis.plot([], [], "o", color=colour, label=LABELS[target])
    axis.plot([], [], "o", color="0.4", mfc="w", label="open: not significant")
    axis.axvline(0, color="0.6", lw=0.8, zorder=0)
    axis.set_yticks(list(heights.values()), [name.replace("_", " ") for name in names])
    axis.set(xlim=(-1.05, 1.05), xlabel="Spearman ρ, 95 % interval")
    axis.figure.legend(loc="outside lower left", ncols=3)


def _draw_predictions(axis: Axes, known: Mapping[str, Mapping], table: pd.DataFrame) -> None:
    drawn = []
    values = table.set_index("composition")
    for target, relation in known.items():
        for place, (name, model) in enumerate(relation["models"].items()):
            if target == next(iter(known)) and model["status"] == "ok":
                simulated = values.loc[list(model["predictions"]), target].to_numpy(float)
                label = f"{name}: Q² = {model['Q2']:.2f}, p = {model['p_value']:.2g}"
                predicted = np.array(list(model["predictions"].values()))
                axis.plot(simulated, predicted, "osD"[place], color=COLOURS[2 + place], mfc="none", label=label)
                drawn += [*simulated]
    _finish_predictions(axis, drawn, next(iter(known)))


def _finish_predictions(axis: Axes, drawn: Sequence[float], target: str) -> None:
    if not drawn:
        axis.set_axis_off()
        axis.text(0.5, 0.5, "Too few hosts to leave one out.", transform=axis.transAxes, ha="center")
        return
    axis.axline((drawn[0], drawn[0]), slope=1, color="0.6", lw=0.8, zorder=0)
    axis.set(xlabel=f"{LABELS[target]}, simulated", ylabel="predicted without its host")
    axis.legend(loc="best")
