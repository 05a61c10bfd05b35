"""`saltflow mechanics`: elastic constants and moduli of crystals and glasses."""

import logging
import sys
from pathlib import Path

import click

from saltflow.base.commands import SentenceCommand


@click.command(cls=SentenceCommand)
@click.argument("names", metavar="FILE...", nargs=-1, required=True, type=click.Path())
@click.option("--potential", "model", required=True, help="File of a MACE model, or a universal one: chgnet-pbe.")
@click.option("--sha256", help="Hash that the model file must have, where no release record lies beside it.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--glass", is_flag=True, help="All directions are alike; several files are replicas of one glass.")
@click.option("--strains", default="0.005,0.01", show_default=True, help="Of both signs, in six directions.")
@click.option("--force", "force_eV_A", type=float, default=0.01, show_default=True, help="Limit of forces, eV/Å.")
@click.option("--steps", type=int, default=1000, show_default=True, help="Most steps of a relaxation.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the ordering of partial occupancies.")
@click.option("--out", default="mechanics", show_default=True, help="Folder for the results.")
def command(
    names: tuple[str, ...], model: str, sha256: str | None, device: str, strains: str, seed: int, out: str, **options
) -> None:
    """Compute elastic constants, moduli, Poisson's ratio and density at 0 K, by strains with relaxed atoms.

    Writes mechanics.json, relaxed.extxyz and mechanics.svg for each file into a folder of its name, and with --glass
    replicas.json. Typed again, it goes on where it stopped.
    """
    from saltflow.base.errors import SaltflowError
    from saltflow.base.provenance import provenance, write_json
    from saltflow.materials.structure_names import structure_files
    from saltflow.studies.given_crystal import read_crystal
    from saltflow.studies.given_potential import load_given
    from saltflow.studies.mechanics.glass_replicas import over_replicas
    from saltflow.studies.mechanics.mechanics_study import check_settings, study_mechanics

    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        settings = options | {"strains": [float(each) for each in strains.split(",")]}
    except ValueError:
        raise SaltflowError("--strains is no list of numbers; give such as 0.005,0.01.") from None
    check_settings(settings)
    files = structure_files(names)
    cells = [read_crystal(str(file), seed=seed) for file in files]
    potential, settings["potential_sha256"] = load_given(model, sha256=sha256, device=device)
    settings["potential"] = model
    records = []
    for file, cell in zip(files, cells, strict=True):
        folder = Path(out) / file.stem
        folder.mkdir(parents=True, exist_ok=True)
        record = study_mechanics(cell, potential, settings=settings, folder=folder)
        recorded = provenance(settings=settings, inputs={"structure": file})
        write_json(folder / "mechanics.json", record | {"provenance": recorded})
        records.append(record)
        click.echo(f"{file.stem}: {_line(record)}")
    if settings["glass"] and len(records) > 1:
        replicas = over_replicas(records)
        write_json(Path(out) / "replicas.json", replicas)
        click.echo(f"{replicas['formula']}, {replicas['replicas']} replicas: {_replicas(replicas)}")
    click.echo(f"Written to {out}/")


def _line(record: dict) -> str:
    if "moduli" not in record:
        return record["status"]
    moduli, errors = record["moduli"], record.get("errors_over_directions", {})
    found = [
        f"{symbol} {moduli[name]:.2f}" + (f" ± {errors[name]:.2f}" if name in errors else "") + " GPa"
        for symbol, name in (("K", "bulk_GPa"), ("G", "shear_GPa"), ("E", "youngs_GPa"))
    ]
    warning = "" if record.get("isotropic", True) else "; directions differ more than those of a glass"
    return (
        f"{record['status']}; {', '.join(found)}, ν {moduli['poissons_ratio']:.3f}, "
        f"{record['density_g_cm3']:.3f} g/cm³{warning}"
    )


def _replicas(replicas: dict) -> str:
    named = (("K", "bulk_GPa"), ("G", "shear_GPa"), ("E", "youngs_GPa"))
    found = [f"{symbol} {replicas[name]['value']:.2f} ± {replicas[name]['error']:.2f} GPa" for symbol, name in named]
    return ", ".join(found) + (f"; left out: {replicas['left_out']}" if replicas["left_out"] else "")
