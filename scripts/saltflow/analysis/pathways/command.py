"""`saltflow pathways`: pathways of the mobile ion in trajectories from any program."""

import click

from saltflow.analysis.command_line import StatePoint, trajectory_options
from saltflow.base.commands import SentenceCommand


@click.command(cls=SentenceCommand)
@trajectory_options("pathways", needs_charges=False)
def command(point: StatePoint) -> str:
    """Density of the mobile ion of one state point, and the free energies at which it percolates.

    FILEs are its replicas: H5MD, or files of other programs. Writes pathways.json (schema: docs/pathways.md),
    pathways.cube for VESTA and OVITO, the figure, and pathways.html, the percolating surface to turn.

    saltflow pathways run.h5md --temperature 600
    """
    from saltflow.analysis.pathways.analysis import analyse_pathways
    from saltflow.analysis.pathways.figures import plot_pathways
    from saltflow.analysis.pathways.picture import write_picture
    from saltflow.analysis.pathways.volumes import write_volume
    from saltflow.base.provenance import provenance, write_json

    result, volume = analyse_pathways(
        point.runs, mobile_ion=point.mobile_ion, temperature_K=point.temperature_K, **point.settings
    )
    result = point.judged(result)
    result["provenance"] = provenance(settings=point.settings, inputs=point.inputs)
    plot_pathways(result, volume, point.folder / "pathways.svg", title=point.title)
    write_picture(result, volume, point.folder / "pathways.html", title=point.title)
    write_volume(volume, point.folder / "pathways.cube")
    write_json(point.folder / "pathways.json", point.identity | result)
    return result["status"]
