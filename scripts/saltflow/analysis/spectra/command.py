"""`saltflow spectra`: spectra of trajectories from any program."""

import click

from saltflow.analysis.command_line import StatePoint, trajectory_options
from saltflow.base.commands import SentenceCommand


@click.command(cls=SentenceCommand)
@trajectory_options("spectra", needs_charges=False)
def command(point: StatePoint) -> str:
    """Vibrations, scattering functions and rotations of one state point.

    FILEs are its replicas: H5MD, or files of other programs. Writes spectra.json (schema: docs/spectra.md) and
    the figures. Vibrations and S(q, ω) need the velocities that H5MD files of saltflow hold; other files give slow
    motion alone.

    saltflow spectra run.h5md --temperature 600
    """
    from saltflow.analysis.spectra.analysis import analyse_spectra
    from saltflow.analysis.spectra.figures import plot_spectra
    from saltflow.base.provenance import provenance, write_json
    from saltflow.trajectory.h5md import open_velocities

    result = analyse_spectra(
        point.runs,
        [open_velocities(run.path) for run in point.runs],
        mobile_ion=point.mobile_ion,
        temperature_K=point.temperature_K,
        **point.settings,
    )
    result = point.judged(result)
    result["provenance"] = provenance(settings=point.settings, inputs=point.inputs)
    figures = [point.folder / f"{name}.svg" for name in ("vibrations", "dynamic_structure", "orientation")]
    plot_spectra(result, figures, title=point.title)
    write_json(point.folder / "spectra.json", point.identity | result)
    return result["status"]
