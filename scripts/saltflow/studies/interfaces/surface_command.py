"""`saltflow surface`: surfaces of a crystal by energy, and what happens to them in gas."""

import logging
import sys
from pathlib import Path

import click

from saltflow.base.commands import SentenceCommand
from saltflow.studies.interfaces.command_options import potential_options, run_options


@click.command(cls=SentenceCommand)
@click.argument("name", metavar="CRYSTAL", type=click.Path())
@click.option("--gas", default="", help="Molecules above the slab, such as CO2:20,O2:10.")
@click.option("--pressure", "pressure_bar", type=float, help="Of the ideal gas, bar; --gas has its parts then.")
@click.option("--miller", "millers", multiple=True, default=("1,0,0",), show_default=True, help="Plane; repeatable.")
@potential_options
@run_options
@click.option("--out", default="surface", show_default=True, help="Folder for the results.")
def command(
    name: str, gas: str, millers: tuple[str, ...], model: str, sha256: str | None, device: str, out: str, **options
) -> None:
    """Rank the surfaces of a crystal by energy, run the lowest in gas, and tell what reacts.

    Writes surface.json, surfaces.extxyz, trajectories, events, profiles, candidates.extxyz for labels and a figure.
    Typed again, it goes on where it stopped.
    """
    from saltflow.base.provenance import provenance, write_json
    from saltflow.studies.given_crystal import read_crystal
    from saltflow.studies.given_potential import load_given
    from saltflow.studies.interfaces.command_options import as_settings, plane_of, tell_dynamics
    from saltflow.studies.interfaces.gas import parse_gas
    from saltflow.studies.interfaces.surface_study import study_surface

    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    settings = as_settings(options) | {"millers": [plane_of(each, "--miller") for each in millers], "potential": model}
    settings["gas"] = parse_gas(gas)
    crystal = read_crystal(name, seed=settings["seed"])
    potential, settings["potential_sha256"] = load_given(model, sha256=sha256, device=device)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    record = study_surface(crystal, potential, settings=settings, folder=folder)
    write_json(
        folder / "surface.json", record | {"provenance": provenance(settings=settings, inputs={"structure": name})}
    )
    for row in record["surfaces"]:
        energy = "-" if row["surface_energy_J_m2"] is None else f"{row['surface_energy_J_m2']:.3f} J/m²"
        click.echo(
            f"({' '.join(map(str, row['miller']))}) cut {row['cut']:.3f}: {energy}, {row['meaning']}, "
            f"{'polar, ' * row['polar']}{row['status']}"
        )
    for flag in record["flags"]:
        click.echo(f"  {flag}")
    tell_dynamics(record)
    click.echo(f"Written to {out}/")
