"""Figures of the prediction of glasses: precision and recall, calibration, parity, replayed search, proposals."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from sklearn.metrics import precision_recall_curve

from saltflow.base.plotting import COLOURS, figure_of, legend
from saltflow.studies.alloys.alloy_table import CLASSES
from saltflow.studies.alloys.held_out_folds import AT_RANDOM, BY_SYSTEM
from saltflow.studies.alloys.replayed_search import LOOP, ONE_SHOT, RANDOM
from saltflow.studies.alloys.training_weights import NONE
from saltflow.studies.alloys.validation import SHUFFLED, Run


def plot_precision_recall(runs: Sequence[Run], path: Path, *, title: str) -> None:
    """Precision over recall of each class, by division and treatment; the dotted line is chance.

    Args:
        runs: of `validate`, of classes.
        path: of the figure.
        title: of the figure.
    """
    shown = [run for run in runs if run.division != AT_RANDOM or run.treatment == NONE]
    with figure_of(path, columns=len(CLASSES), title=title, size=(9.5, 4.0)) as axes:
        for number, (axis, name) in enumerate(zip(axes, CLASSES, strict=True)):
            for run, colour in zip(shown, COLOURS, strict=False):
                mine = run.truth == name
                if mine.any():
                    precision, recall, _ = precision_recall_curve(mine, run.predicted[:, number])
                    label = f"by {run.division}, {run.treatment}"
                    axis.plot(recall, precision, color=colour, lw=1.2, label=label, ls=_style(run))
            axis.axhline(np.mean(shown[0].truth == name), color="0.5", ls=":", lw=1)
            axis.set(title=name, xlabel="recall", ylim=(0, 1.02), xlim=(0, 1))
        axes[0].set_ylabel("precision")
        legend(axes[0], place="lower center", ncols=3, title="held out, imbalance")


def plot_calibration(scores: Mapping[str, Mapping], path: Path, *, title: str) -> None:
    """Observed over predicted frequency of each class, alloy systems held out.

    Args:
        scores: treatment → scores (`score_classes`).
        path, title: as of `plot_precision_recall`.
    """
    with figure_of(path, columns=len(CLASSES), title=title, size=(9.5, 3.8)) as axes:
        for axis, name in zip(axes, CLASSES, strict=True):
            axis.plot([0, 1], [0, 1], color="0.5", ls=":", lw=1)
            for (treatment, scored), colour in zip(scores.items(), COLOURS, strict=False):
                if treatment != SHUFFLED and name in scored["classes"]:
                    bins = scored["classes"][name]["calibration"]["bins"]
                    sizes = [2 + 5 * np.sqrt(each["alloys"] / scored["alloys"]) for each in bins]
                    points = [(each["predicted"], each["observed"]) for each in bins]
                    axis.plot(*zip(*points, strict=True), color=colour, lw=1, label=treatment)
                    axis.scatter(*zip(*points, strict=True), s=np.square(sizes), color=colour)
            axis.set(title=name, xlabel="predicted probability", xlim=(0, 1), ylim=(0, 1))
        axes[0].set_ylabel("observed frequency")
        legend(axes[0], place="lower center", ncols=4, title="imbalance")


def plot_parity(runs: Sequence[Run], scores: Mapping[str, Mapping], path: Path, *, title: str) -> None:
    """Predicted over measured diameters, alloy systems held out and at random.

    Args:
        runs, scores: of `validate`, of diameters.
        path, title: as of `plot_precision_recall`.
    """
    chosen = [run for run in runs if run.treatment == NONE]
    with figure_of(path, columns=len(chosen), title=title, size=(4.2 * len(chosen), 4.2)) as axes:
        for axis, run in zip(axes, chosen, strict=True):
            largest = 1.05 * max(run.truth.max(), run.predicted.max())
            axis.plot([0, largest], [0, largest], color="0.5", ls=":", lw=1)
            axis.scatter(run.truth, run.predicted, s=9, alpha=0.5, color=COLOURS[0], linewidths=0)
            bounds = "{value:.1f} mm [{low:.1f}, {high:.1f}]".format(**scores[run.division][NONE]["rmse_mm"])
            axis.set_title(f"held out by {run.division}: RMSE {bounds}", fontsize=9)
            axis.set(xlabel="measured diameter (mm)", ylabel="predicted (mm)", xlim=(0, largest), ylim=(0, largest))


def plot_replay(repeats: Sequence[Mapping[str, list]], path: Path, *, title: str) -> None:
    """Bulk glasses found over alloys made, mean and middle 90 % of the repeats.

    Args:
        repeats: of `replay_once`, of one pool.
        path, title: as of `plot_precision_recall`.
    """
    with figure_of(path, title=title, size=(5.4, 4.2)) as (axis,):
        made = repeats[0]["made"]
        for name, colour in zip((LOOP, ONE_SHOT, RANDOM), COLOURS, strict=False):
            found = np.array([each[name] for each in repeats], dtype=float)
            axis.plot(made, found.mean(axis=0), color=colour, label=name.replace("_", " "))
            axis.fill_between(made, *np.percentile(found, [5, 95], axis=0), color=colour, alpha=0.15, lw=0)
        axis.set(xlabel="alloys made", ylabel="bulk glasses among them", ylim=(0, None))
        legend(axis, place="lower center", ncols=3)


def plot_probability_map(
    mixtures: np.ndarray, probability: np.ndarray, batch: Sequence[int], path: Path, *, symbols: Sequence[str]
) -> None:
    """Probability of a bulk glass over a ternary system, with the proposals.

    Args:
        mixtures: atomic fractions, (alloys, 3).
        probability: (alloys,).
        batch: rows of the proposals.
        path: of the figure.
        symbols: of the three elements.
    """
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(0.75)]])
    places = mixtures @ corners
    with figure_of(path, title="probability of a bulk glass, and proposals", size=(5.2, 4.4)) as (axis,):
        shades = axis.tripcolor(*places.T, probability, cmap="viridis", vmin=0, shading="gouraud")
        axis.plot(*places[list(batch)].T, "o", markerfacecolor="none", color="#D55E00", markeredgewidth=1.6)
        for symbol, corner, place in zip(symbols, corners, ("right", "left", "center"), strict=True):
            axis.text(*corner, symbol, ha=place, va="bottom" if place == "center" else "top")
        axis.figure.colorbar(shades, shrink=0.7)
        axis.set_aspect("equal")
        axis.set_axis_off()


def _style(run: Run) -> str:
    return "--" if run.treatment == SHUFFLED else "-" if run.division == BY_SYSTEM else "-."
