"""The picture of what was learned: held-out predictions, and which features they need."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from saltflow.base.plotting import COLOURS, figure_of

MOST_SHOWN = 12


def plot_predictions(
    target: np.ndarray,
    predicted: np.ndarray,
    gain: np.ndarray,
    error: np.ndarray,
    names: Sequence[str],
    path: Path,
    *,
    title: str,
) -> None:
    """Predictions of held-out compositions against what their dynamics gave, and the importances of features.

    Args:
        target, predicted: log10 of mean squared displacements in Å², (cells,).
        gain, error: of `importances`, (features,).
        names: of the features.
        path: of the figure.
        title: of the figure.
    """
    with figure_of(path, columns=2, title=title, size=(8.5, 3.8)) as (left, right):
        ends = [min(target.min(), predicted.min()), max(target.max(), predicted.max())]
        left.plot(ends, ends, color="0.7", linewidth=0.8)
        left.plot(target, predicted, "o", color=COLOURS[0], markersize=4)
        left.set_xlabel("log$_{10}$ MSD (Å²) of dynamics")
        left.set_ylabel("predicted, held out")
        shown = np.argsort(-gain)[:MOST_SHOWN][::-1]
        right.barh(range(len(shown)), gain[shown], xerr=error[shown], color=COLOURS[0])
        right.set_yticks(range(len(shown)), [names[place] for place in shown], fontsize=7)
        right.set_xlabel("error that another cell's adds")
