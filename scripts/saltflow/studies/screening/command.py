"""`saltflow screen`: a family of crystals through a funnel."""

import logging
import sys
from pathlib import Path

import click

from saltflow.base.commands import SentenceCommand


@click.command(cls=SentenceCommand)
@click.argument("name", metavar="FAMILY.yaml", type=click.Path())
@click.option("--potential", "model", required=True, help="File of a MACE model, or a universal one: chgnet-pbe.")
@click.option("--sha256", help="Hash that the model file must have, where no release record lies beside it.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option(
    "--window", "window_eV_atom", type=float, default=0.05, show_default=True, help="Above the hull, eV/atom."
)
@click.option("--isolated-only", is_flag=True, help="Let only crystals with isolated anions through.")
@click.option("--budget", type=int, default=300, show_default=True, help="Most relaxations; more are refused.")
@click.option("--force", "force_eV_A", type=float, default=0.03, show_default=True, help="Limit of forces, eV/Å.")
@click.option("--steps", type=int, default=300, show_default=True, help="Most steps of a relaxation.")
@click.option("--batch-atoms", type=int, default=500, show_default=True, help="Most atoms that are relaxed at once.")
@click.option("--estimate", is_flag=True, help="Tell how many crystals would be relaxed; relax none.")
@click.option("--out", default="screening", show_default=True, help="Folder for the results.")
def command(
    name: str, model: str, sha256: str | None, device: str, estimate: bool, out: str, **settings: int | float | bool
) -> None:
    """Screen a family of crystals: prototypes with substitutions and dopants, or a folder of structures.

    Writes screening.tsv, a ranked row or a reason for each crystal, screening.json, funnel.svg, hull.svg, and survivors
    as CIF. Typed again, it goes on where it stopped.
    """
    from saltflow.base.provenance import provenance, write_json
    from saltflow.studies.given_potential import load_given
    from saltflow.studies.screening.family import read_family
    from saltflow.studies.screening.family_screening import FamilyScreening, check_settings

    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    check_settings(settings)
    family = read_family(Path(name))
    potential, settings["potential_sha256"] = load_given(model, sha256=sha256, device=device)
    settings["potential"] = Path(model).name
    screening = FamilyScreening(family, potential, settings=settings, folder=Path(out))
    click.echo(screening.jobs)
    if estimate:
        return
    record = screening.run()
    inputs = {"family": name} | {
        each.stem: each for each in (*family.prototypes, *family.phases, *family.phase_prototypes)
    }
    write_json(Path(out) / "screening.json", record | {"provenance": provenance(settings=settings, inputs=inputs)})
    for stage in record["stages"]:
        passed = f"{stage['passed']} of {stage['entered']}"
        click.echo(f"{stage['name']}: {passed} ({stage['lets_through']}), {stage['seconds']:.0f} s")
    if record["survivors"]:
        click.echo(f"Next: saltflow barriers {out}/survivors --mobile {family.mobile} --potential {model}")
    click.echo(f"Written to {out}/")
