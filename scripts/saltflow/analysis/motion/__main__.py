"""Motion of the mobile ion in trajectories from any program, without Snakemake.

usage: python -m saltflow.analysis.motion run.h5md --charges Li=1,Al=3,Cl=-1 --temperature 600

Several trajectories are replicas of one point. Writes motion.json (docs/mechanism.md) and its figures.
"""

import sys

from saltflow.analysis.command_line import Point, run_analysis
from saltflow.analysis.motion.analysis import analyse_motion
from saltflow.analysis.motion.figures import plot_hops, plot_residence_map, plot_van_hove
from saltflow.base.provenance import provenance, write_json


def main(arguments: list[str] | None = None) -> int:
    """Analyse the trajectories named on the command line; returns the exit code."""
    description = __doc__.split("\n", 1)[0]
    return run_analysis("motion", arguments, description=description, section="motion", analyse=_analyse)


def _analyse(point: Point) -> str:
    result = analyse_motion(
        point.runs,
        charges=point.charges,
        mobile_ion=point.mobile_ion,
        temperature_K=point.temperature_K,
        **point.settings,
    )
    result["provenance"] = provenance(settings=point.settings, inputs=point.inputs, charges=point.charges)
    plot_van_hove(result, point.folder / "van_hove.svg", title=point.title)
    plot_hops(result, point.folder / "hops.svg", title=point.title)
    plot_residence_map(result, point.folder / "residence_map.svg", title=point.title)
    write_json(point.folder / "motion.json", result)
    return result["status"]


if __name__ == "__main__":
    sys.exit(main())
