"""Stress against strain in six directions, and the elastic constants."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from saltflow.base.plotting import COLOURS, figure_of, legend
from saltflow.studies.mechanics.elastic_tensor import DIRECTIONS, ElasticTensor


def plot_stresses(
    stresses_GPa: Mapping[tuple[int, float], np.ndarray], tensor: ElasticTensor, path: Path, *, title: str
) -> None:
    """On the left the stress along each strain with its straight line, on the right C_ij as a map.

    Args:
        stresses_GPa: as of `fit_tensor`.
        tensor: fitted to them.
        path: of the figure.
        title: of the figure.
    """
    with figure_of(path, columns=2, title=title, size=(8.5, 4.2)) as (curves, constants):
        strains = np.array(sorted({strain for _, strain in stresses_GPa}))
        for direction, colour in zip(range(DIRECTIONS), COLOURS, strict=False):
            stress = [stresses_GPa[direction, strain][direction] for strain in strains]
            offset = np.mean(stress)
            curves.plot(100 * strains, stress, "o", color=colour, label=f"{direction + 1}", markerfacecolor="none")
            slope = tensor.constants_GPa[direction, direction]
            curves.plot(100 * strains, offset + slope * strains, color=colour, linewidth=0.8)
        curves.set_xlabel("strain (%)")
        curves.set_ylabel("stress along the strain (GPa)")
        legend(curves, place="lower center", ncols=DIRECTIONS, title="Voigt's direction")
        largest = np.abs(tensor.constants_GPa).max()
        constants.imshow(tensor.constants_GPa, cmap="PuOr", vmin=-largest, vmax=largest)
        constants.set_xticks(range(DIRECTIONS), range(1, DIRECTIONS + 1))
        constants.set_yticks(range(DIRECTIONS), range(1, DIRECTIONS + 1))
        constants.set_title("C (GPa)", fontsize=9)
        for row, column in np.ndindex(DIRECTIONS, DIRECTIONS):
            value = tensor.constants_GPa[row, column]
            ink = "white" if abs(value) > 0.6 * largest else "black"
            constants.text(column, row, f"{value:.3g}", ha="center", va="center", color=ink, fontsize=7)
