"""Canvas, colours and legend of every figure, and a sentence in place of an empty one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import fill

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from saltflow.base.provenance import atomic_write

LETTERS_PER_INCH = 11  # of a title
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C564B", "#000000")
STYLE = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": plt.cycler(color=COLOURS),
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "saltflow",  # otherwise names inside an SVG are random
}


@contextmanager
def figure_of(path: str | Path, *, columns: int = 1, title: str, size: tuple[float, float]) -> Iterator[list[Axes]]:
    """Axes in a row; the figure is written to `path`, atomically, at the end of the block."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, columns, figsize=size, layout="constrained", squeeze=False)
        figure.suptitle("\n".join(fill(line, round(LETTERS_PER_INCH * size[0])) for line in title.splitlines()))
        yield list(axes[0])
        _save(figure, path)


def _save(figure: Figure, path: str | Path) -> None:
    with atomic_write(path) as temporary:
        figure.savefig(temporary, metadata={"Date": None})
    plt.close(figure)


def say(axes: Sequence[Axes], sentence: str) -> None:
    """Write a sentence in place of empty axes."""
    for axis in axes:
        axis.set_axis_off()
    axes[0].figure.text(0.5, 0.45, sentence, ha="center", va="center")


def legend(axis: Axes, *, place: str, **choices) -> None:
    """Place the legend of an axis outside all axes."""
    axis.figure.legend(*axis.get_legend_handles_labels(), loc=f"outside {place}", **choices)
