"""The hull of each chemical system, drawn by pymatgen: energies of two elements, ties of three and of four."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt

from saltflow.base.plotting import STYLE
from saltflow.base.provenance import atomic_write

if TYPE_CHECKING:
    from pymatgen.analysis.phase_diagram import PhaseDiagram

FEWEST_ELEMENTS, MOST_ELEMENTS = 2, 4
MOST_PICTURES = 30


def plot_hulls(diagrams: Iterable["PhaseDiagram"], folder: Path, *, window_eV: float) -> list[Path]:
    """Draw every hull that has two to four elements, the first `MOST_PICTURES` of them.

    Args:
        diagrams: each of one chemical system.
        folder: for a figure of each, Li-P-S.svg; made where it is missing, and emptied of earlier ones.
        window_eV: per atom, up to which phases above the hull are drawn too.

    Returns:
        The figures.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for earlier in folder.glob("*.svg"):
        earlier.unlink()
    fitting = [each for each in diagrams if FEWEST_ELEMENTS <= len(each.elements) <= MOST_ELEMENTS]
    return [_plot(each, folder, window_eV) for each in fitting[:MOST_PICTURES]]


def _plot(diagram: "PhaseDiagram", folder: Path, window_eV: float) -> Path:
    from pymatgen.analysis.phase_diagram import PDPlotter

    path = folder / f"{'-'.join(sorted(element.symbol for element in diagram.elements))}.svg"
    with plt.rc_context(STYLE):
        plotter = PDPlotter(diagram, show_unstable=window_eV, backend="matplotlib", markersize=4, linewidth=1)
        figure = plotter.get_plot().figure
        with atomic_write(path) as temporary:
            figure.savefig(temporary, metadata={"Date": None}, bbox_inches="tight")
        plt.close(figure)
    return path
