"""The commonest Voronoi indices, and the short-range order as a map."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from saltflow.base.plotting import COLOURS, figure_of


def plot_structure(record: Mapping, path: Path) -> None:
    """Draw a record of `study_structure`.

    Args:
        record: the record.
        path: of the figure.
    """
    with figure_of(path, columns=2, title=record["formula"], size=(8.5, 3.8)) as (bars, order):
        names = [f"<{name.strip('()').replace(' ', '')}>" for name in record["indices"]]
        bars.barh(names[::-1], [100 * each for each in record["indices"].values()][::-1], color=COLOURS[0])
        bars.set(xlabel="atoms (%)", title="Voronoi indices")
        symbols = list(record["elements"])
        alpha = np.array([each["value"] for each in record["warren_cowley"].values()]).reshape(len(symbols), -1)
        largest = max(float(np.nanmax(np.abs(alpha))), 0.1)
        order.imshow(alpha, cmap="PuOr", vmin=-largest, vmax=largest)
        order.set_xticks(range(len(symbols)), symbols)
        order.set_yticks(range(len(symbols)), symbols)
        order.set(title="Warren–Cowley α", xlabel="neighbour", ylabel="centre")
        for row, column in np.ndindex(alpha.shape):
            ink = "white" if abs(alpha[row, column]) > 0.6 * largest else "black"
            order.text(column, row, f"{alpha[row, column]:+.2f}", ha="center", va="center", color=ink, fontsize=8)
