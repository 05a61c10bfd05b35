"""`saltflow motion`: motion of the mobile ion in trajectories from any program."""

import click

from saltflow.analysis.command_line import StatePoint, trajectory_options
from saltflow.base.commands import SentenceCommand


@click.command(cls=SentenceCommand)
@trajectory_options("motion")
def command(point: StatePoint) -> str:
    """Van Hove functions, hops and strings of the mobile ion of one state point.

    FILEs are its replicas: H5MD, or files of other programs. Writes motion.json (schema: docs/motion.md) and
    its figures.

    saltflow motion run.h5md --charges Li=1,Al=3,Cl=-1 --temperature 600
    """
    from saltflow.analysis.motion.analysis import analyse_motion
    from saltflow.analysis.motion.figures import plot_hops, plot_residence_map, plot_van_hove
    from saltflow.base.provenance import provenance, write_json

    result = analyse_motion(
        point.runs,
        charges=point.charges,
        mobile_ion=point.mobile_ion,
        temperature_K=point.temperature_K,
        **point.settings,
    )
    result = point.judged(result)
    result["provenance"] = provenance(settings=point.settings, inputs=point.inputs, charges=point.charges)
    plot_van_hove(result, point.folder / "van_hove.svg", title=point.title)
    plot_hops(result, point.folder / "hops.svg", title=point.title)
    plot_residence_map(result, point.folder / "residence_map.svg", title=point.title)
    write_json(point.folder / "motion.json", point.identity | result)
    return result["status"]
