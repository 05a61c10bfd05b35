"""Residence of the mobile ion in trajectories from any program, without Snakemake.

usage: python -m saltflow.residence run.h5md --charges Li=1,Al=3,Cl=-1 --temperature 600

Several trajectories are replicas of one point. Writes residence.json (docs/mechanism.md) and its figure.
"""

import sys

from saltflow.commandline import Point, run_analysis
from saltflow.provenance import provenance, write_json
from saltflow.residence.analysis import analyse_residence
from saltflow.residence.figures import plot_residence


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
        **point.settings,
    )
    result["provenance"] = provenance(settings=point.settings, inputs=point.inputs, charges=point.charges)
    plot_residence(result, point.folder / "residence.svg", title=point.title)
    write_json(point.folder / "residence.json", result)
    return result["status"]


if __name__ == "__main__":
    sys.exit(main())
