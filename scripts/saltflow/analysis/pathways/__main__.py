"""Pathways of the mobile ion in trajectories from any program, without Snakemake.

usage: python -m saltflow.analysis.pathways run.h5md --temperature 600

Several trajectories are replicas of one point. Writes pathways.json (schema: docs/mechanism.md), pathways.cube for
VESTA and OVITO, the figure, and pathways.html, the percolating surface to turn.
"""

import sys

from saltflow.analysis.command_line import Point, run_analysis
from saltflow.analysis.pathways import analyse_pathways
from saltflow.analysis.pathways.figures import plot_pathways
from saltflow.analysis.pathways.picture import write_picture
from saltflow.analysis.pathways.volumes import write_volume
from saltflow.base.provenance import provenance, write_json


def main(arguments: list[str] | None = None) -> int:
    """Analyse the trajectories named on the command line; returns the exit code."""
    description = __doc__.split("\n", 1)[0]
    return run_analysis(
        "pathways", arguments, description=description, section="pathways", analyse=_analyse, needs_charges=False
    )


def _analyse(point: Point) -> str:
    result, volume = analyse_pathways(
        point.runs, mobile_ion=point.mobile_ion, temperature_K=point.temperature_K, **point.settings
    )
    result["provenance"] = provenance(settings=point.settings, inputs=point.inputs)
    plot_pathways(result, volume, point.folder / "pathways.svg", title=point.title)
    write_picture(result, volume, point.folder / "pathways.html", title=point.title)
    write_volume(volume, point.folder / "pathways.cube")
    write_json(point.folder / "pathways.json", result)
    return result["status"]


if __name__ == "__main__":
    sys.exit(main())
