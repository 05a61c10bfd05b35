"""`saltflow structure`: structure of trajectories from any program."""

import click

from saltflow.analysis.command_line import StatePoint, trajectory_options
from saltflow.base.commands import SentenceCommand


@click.command(cls=SentenceCommand)
@trajectory_options("structure")
def command(point: StatePoint) -> str:
    """Pair distributions, structure factors, polyhedra and their network of one state point.

    FILEs are its replicas: H5MD, or files of other programs. Writes structure.json (schema: docs/structure.md),
    structure.csv with the columns of a sweep's structure table, and the figures.

    saltflow structure run.h5md --charges Li=1,Al=3,Cl=-1,O=-2 --temperature 600
    """
    from saltflow.analysis.conductivity_table import write_table
    from saltflow.analysis.structure.analysis import analyse_structure
    from saltflow.analysis.structure.figures import plot_angles, plot_network, plot_polyhedra, plot_scattering
    from saltflow.analysis.structure.rdf_figure import plot_structure
    from saltflow.analysis.structure.table import tabulate_structure
    from saltflow.base.provenance import provenance, write_json

    result = analyse_structure(point.runs, charges=point.charges, mobile_ion=point.mobile_ion, **point.settings)
    result = point.judged(result)
    result["provenance"] = provenance(settings=point.settings, inputs=point.inputs, charges=point.charges)
    folder, title = point.folder, point.title
    plot_structure(result, folder / "structure.svg", mobile_ion=point.mobile_ion, title=title)
    plot_scattering(result, folder / "scattering.svg", title=title)
    plot_polyhedra(result, folder / "polyhedra.svg", title=title)
    plot_network(result, folder / "network.svg", title=title)
    plot_angles(result, folder / "angles.svg", title=title)
    write_table(tabulate_structure([point.identity | result]), folder / "structure.csv")
    write_json(folder / "structure.json", point.identity | result)
    if result["status"] != "ok":
        return result["status"]
    return ", ".join(flag["flag"] for flag in result["flags"]) or "no flag"
