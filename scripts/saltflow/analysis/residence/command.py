"""`saltflow residence`: residence of the mobile ion in trajectories from any program."""

import click

from saltflow.analysis.command_line import StatePoint, trajectory_options
from saltflow.base.commands import SentenceCommand


@click.command(cls=SentenceCommand)
@trajectory_options("residence")
def command(point: StatePoint) -> str:
    """Residence times of the mobile ion beside the other ions of one state point.

    FILEs are its replicas: H5MD, or files of other programs. Writes residence.json (schema: docs/residence.md)
    and its figure.

    saltflow residence run.h5md --charges Li=1,Al=3,Cl=-1 --temperature 600
    """
    from saltflow.analysis.residence.analysis import analyse_residence
    from saltflow.analysis.residence.figures import plot_residence
    from saltflow.analysis.structure.first_minima import first_minima_A
    from saltflow.analysis.structure.rdf import pair_distributions
    from saltflow.base.provenance import provenance, write_json

    result = analyse_residence(
        point.runs,
        charges=point.charges,
        mobile_ion=point.mobile_ion,
        temperature_K=point.temperature_K,
        first_minima_A=first_minima_A(pair_distributions(point.runs, **point.rdf_settings)),
        **point.settings,
    )
    result = point.judged(result)
    result["provenance"] = provenance(settings=point.settings, inputs=point.inputs, charges=point.charges)
    plot_residence(result, point.folder / "residence.svg", title=point.title)
    write_json(point.folder / "residence.json", point.identity | result)
    return result["status"]
