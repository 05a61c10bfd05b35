"""Residence of the mobile ion in trajectories from any program, without Snakemake.

usage: python -m saltflow.analysis.residence run.h5md --charges Li=1,Al=3,Cl=-1 --temperature 600

Several trajectories are replicas of one point. Writes residence.json (docs/mechanism.md) and its figure.
"""

import sys

from saltflow.analysis.command_line import Point, run_analysis
from saltflow.analysis.residence.analysis import analyse_residence
from saltflow.analysis.residence.figures import plot_residence
from saltflow.analysis.structure.first_minima import first_minima_A
from saltflow.analysis.structure.rdf import pair_distributions
from saltflow.base.provenance import provenance, write_json


def main(arguments: list[str] | None = None) -> int:
    """Analyse the trajectories named on the command line; returns the exit code."""
    description = __doc__.split("\n", 1)[0]
    return run_analysis("residence", arguments, description=description, section="residence", analyse=_analyse)


def _analyse(point: Point) -> str:
    result = analyse_residence(
        point.runs,
        charges=point.charges,
        mobile_ion=point.mobile_ion,
        temperature_K=point.temperature_K,
        first_minima_A=first_minima_A(pair_distributions(point.runs, **point.rdf_settings)),
        **point.settings,
    )
    result["provenance"] = provenance(settings=point.settings, inputs=point.inputs, charges=point.charges)
    plot_residence(result, point.folder / "residence.svg", title=point.title)
    write_json(point.folder / "residence.json", result)
    return result["status"]


if __name__ == "__main__":
    sys.exit(main())
