"""The figure of the pair distributions of the mobile ion."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from saltflow.base.plotting import figure_of, legend, say

LARGEST_N_SHOWN = 14  # above the twelve neighbours of a dense packing


def plot_structure(result: Mapping, path: str | Path, *, mobile_ion: str, title: str) -> None:
    """g(r) and N(r) of the pairs around the mobile ion.

    Args:
        result: of `analyse_structure`.
        path: SVG to write.
        mobile_ion: the element whose neighbours are shown.
        title: composition and temperature.
    """
    with figure_of(path, columns=2, title=title, size=(9, 3.4)) as (radial, running):
        pairs = {name: pair for name, pair in result["pairs"].items() if name.split("-")[0] == mobile_ion}
        if not pairs:
            say((radial, running), "No trajectory to analyse: no accepted replica.")
            return
        for name, pair in pairs.items():
            values, errors = (np.array(pair[key], dtype=float) for key in ("g", "g_error"))
            radial.plot(result["r_A"], values, label=name)
            radial.fill_between(result["r_A"], values - errors, values + errors, alpha=0.2, lw=0)
            running.plot(result["edges_A"], pair["N"])
        radial.set(xlabel="r (Å)", ylabel="g(r)", ylim=(0, None))
        running.set(xlabel="r (Å)", ylabel=f"N(r) around {mobile_ion}", ylim=(0, LARGEST_N_SHOWN))
        legend(radial, place="right upper")
