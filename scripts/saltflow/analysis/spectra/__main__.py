"""Spectra of trajectories from any program, without Snakemake.

usage: python -m saltflow.analysis.spectra run.h5md --temperature 600

Several trajectories are replicas of one point. Writes spectra.json (schema: docs/mechanism.md) and the figures.
Vibrations and S(q, ω) need the velocities that H5MD files of saltflow hold; of other files only slow motion is seen.
"""

import sys

from saltflow.analysis.command_line import Point, run_analysis
from saltflow.analysis.spectra import analyse_spectra
from saltflow.analysis.spectra.figures import plot_spectra
from saltflow.base.provenance import provenance, write_json
from saltflow.trajectory import open_velocities


def main(arguments: list[str] | None = None) -> int:
    """Analyse the trajectories named on the command line; returns the exit code."""
    description = __doc__.split("\n", 1)[0]
    return run_analysis(
        "spectra", arguments, description=description, section="spectra", analyse=_analyse, needs_charges=False
    )


def _analyse(point: Point) -> str:
    result = analyse_spectra(
        point.runs,
        [open_velocities(run.path) for run in point.runs],
        mobile_ion=point.mobile_ion,
        temperature_K=point.temperature_K,
        **point.settings,
    )
    result["provenance"] = provenance(settings=point.settings, inputs=point.inputs)
    figures = [point.folder / f"{name}.svg" for name in ("vibrations", "dynamic_structure", "orientation")]
    plot_spectra(result, figures, title=point.title)
    write_json(point.folder / "spectra.json", result)
    return result["status"]


if __name__ == "__main__":
    sys.exit(main())
