"""`saltflow transport`: transport of trajectories from any program."""

import click

from saltflow.analysis.command_line import StatePoint, trajectory_options
from saltflow.base.commands import SentenceCommand


@click.command(cls=SentenceCommand)
@trajectory_options("transport")
def command(point: StatePoint) -> str:
    """Diffusion coefficients, conductivities, Haven ratio and transference numbers of one state point.

    FILEs are its replicas: H5MD, or files of other programs. Writes transport.json (schema: docs/transport.md),
    transport.csv with the columns of a sweep's conductivity.csv, msd.csv.gz with the MSD at every lag, and the figures.

    saltflow transport run.h5md --charges Li=1,Cl=-1 --temperature 600
    """
    from saltflow.analysis.conductivity_table import tabulate_external, write_table
    from saltflow.analysis.structure.first_minima import first_minima_A
    from saltflow.analysis.structure.rdf import pair_distributions
    from saltflow.analysis.transport.analysis import analyse_transport
    from saltflow.analysis.transport.figures import plot_conductivity, plot_correlation, plot_transport
    from saltflow.base.provenance import provenance, write_json

    result = analyse_transport(
        point.runs,
        charges=point.charges,
        mobile_ion=point.mobile_ion,
        temperature_K=point.temperature_K,
        first_minima_A=first_minima_A(pair_distributions(point.runs, **point.rdf_settings)),
        curves_path=point.folder / "msd.csv.gz",
        **point.settings,
    )
    result = point.judged(result)
    result["provenance"] = provenance(settings=point.settings, inputs=point.inputs, charges=point.charges)
    plot_transport(result, point.folder / "transport.svg", title=point.title)
    plot_conductivity(result, point.folder / "conductivity.svg", title=point.title)
    plot_correlation(result, point.folder / "correlation.svg", title=point.title)
    write_table(tabulate_external(point.identity | result), point.folder / "transport.csv")
    write_json(point.folder / "transport.json", point.identity | result)
    return result["status"]
