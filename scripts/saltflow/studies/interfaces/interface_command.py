"""`saltflow interface`: two solids in contact, how well they hold, and what reacts between them."""

import logging
import sys
from pathlib import Path

import click

from saltflow.base.commands import SentenceCommand
from saltflow.studies.interfaces.command_options import potential_options, run_options


@click.command(cls=SentenceCommand)
@click.argument("lower", metavar="LOWER", type=click.Path())
@click.argument("upper", metavar="UPPER", type=click.Path())
@click.option("--miller", default="1,0,0", show_default=True, help="Plane of the lower crystal.")
@click.option("--miller-upper", default="1,0,0", show_default=True, help="Plane of the upper crystal.")
@click.option("--glass", is_flag=True, help="The upper file is a glass: its box takes the mismatch and has no plane.")
@click.option("--strain", type=float, default=0.05, show_default=True, help="Limit of the mismatch.")
@click.option("--share", default="stiffness", show_default=True, help="Or the fraction that the lower crystal takes.")
@click.option("--area", "area_A2", type=float, default=200.0, show_default=True, help="Most of the lattice, Å².")
@click.option("--shifts", type=int, default=3, show_default=True, help="That are tried along each edge.")
@potential_options
@run_options
@click.option("--out", default="interface", show_default=True, help="Folder for the results.")
def command(
    lower: str,
    upper: str,
    miller: str,
    miller_upper: str,
    share: str,
    model: str,
    sha256: str | None,
    device: str,
    out: str,
    **options,
) -> None:
    """Put two crystals, or a glass on a crystal, into one lattice, scan terminations, shifts and gaps, run the best.

    Writes interface.json, interface.extxyz, trajectories, events, profiles, candidates.extxyz for labels and a figure.
    Typed again, it goes on where it stopped.
    """
    from saltflow.base.provenance import provenance, write_json
    from saltflow.studies.given_crystal import read_crystal
    from saltflow.studies.given_potential import load_given
    from saltflow.studies.interfaces.command_options import as_settings, plane_of, share_of, tell_dynamics
    from saltflow.studies.interfaces.interface_study import study_interface

    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    planes = [plane_of(miller, "--miller"), plane_of(miller_upper, "--miller-upper")][: 1 if options["glass"] else 2]
    settings = as_settings(options) | {"millers": planes, "potential": model, "share": share_of(share)}
    crystals = [read_crystal(name, seed=settings["seed"]) for name in (lower, upper)]
    potential, settings["potential_sha256"] = load_given(model, sha256=sha256, device=device)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    record = study_interface(crystals, potential, settings=settings, folder=folder)
    recorded = provenance(settings=settings, inputs={"lower": lower, "upper": upper})
    write_json(folder / "interface.json", record | {"provenance": recorded})
    match = record["match"]
    click.echo(
        f"{match['area_A2']:.1f} Å², mismatch {100 * match['mismatch']:+.2f} %: {record['formulas'][0]} takes "
        f"{100 * match['lower_strain']:+.2f} %, {record['formulas'][1]} {100 * match['upper_strain']:+.2f} %"
    )
    for row in record["contacts"]:
        work = "-" if row["work_J_m2"] is None else f"{row['work_J_m2']:.3f} J/m² at {row['gap_A']:.2f} Å"
        click.echo(f"{row['termination']}: {work}, {row['status']}")
    relaxed = record["relaxed"]
    click.echo(f"work of adhesion, relaxed: {relaxed['work_J_m2']:.3f} J/m², {relaxed['status']}")
    for flag in record["flags"]:
        click.echo(f"  {flag}")
    tell_dynamics(record)
    click.echo(f"Written to {out}/")
