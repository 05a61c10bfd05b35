"""`saltflow voronoi`: Voronoi's indices and chemical short-range order of alloys."""

from pathlib import Path

import click

from saltflow.base.commands import SentenceCommand


@click.command(cls=SentenceCommand)
@click.argument("names", metavar="FILE...", nargs=-1, required=True, type=click.Path())
@click.option("--cutoff", "cutoff_A", type=float, help="Neighbours of the order within it, Å; Voronoi's without.")
@click.option("--every", type=int, default=1, show_default=True, help="Use one of so many frames.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the shuffled elements.")
@click.option("--out", default="voronoi", show_default=True, help="Folder for the results.")
def command(names: tuple[str, ...], cutoff_A: float | None, every: int, seed: int, out: str) -> None:
    """Find Voronoi's indices, icosahedra and Warren-Cowley parameters of one alloy or crystal.

    FILEs are its replicas: structures, or trajectories as extended XYZ. Writes voronoi.json and voronoi.svg.
    """
    from saltflow.base.errors import InputError
    from saltflow.base.provenance import numbered, provenance, write_json
    from saltflow.materials.structure_files import read_structures
    from saltflow.studies.alloys.alloy_structure import study_structure
    from saltflow.studies.alloys.structure_figure import plot_structure

    if every < 1 or (cutoff_A is not None and not cutoff_A > 0):
        raise InputError(["--every has to be at least 1 and --cutoff above 0 Å; correct them."])
    record = study_structure({name: read_structures(name)[::every] for name in names}, cutoff_A=cutoff_A, seed=seed)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    plot_structure(record, folder / "voronoi.svg")
    settings = {"cutoff_A": cutoff_A, "every": every, "seed": seed}
    recorded = provenance(settings=settings, inputs=numbered("file", names))
    write_json(folder / "voronoi.json", record | {"provenance": recorded})
    click.echo(f"{record['formula']}: {100 * record['icosahedra']['value']:.1f} % of the atoms in icosahedra")
    for name, order in record["warren_cowley"].items():
        chance = "" if order["beyond_chance"] else "; as in a random alloy"
        click.echo(f"  α {name} {order['value']:+.3f}, by chance ± {order['random_deviation']:.3f}{chance}")
    click.echo(f"Written to {out}/")
