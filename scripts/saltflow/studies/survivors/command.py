"""`saltflow screen`: a family of crystals through a funnel."""

import logging
import sys
import time
from pathlib import Path

import click

from saltflow.base.commands import SentenceCommand


@click.command(cls=SentenceCommand)
@click.argument("name", metavar="FAMILY.yaml", type=click.Path())
@click.option("--potential", "model", required=True, help="File of a MACE model, or a universal one: chgnet-pbe.")
@click.option("--sha256", help="Hash that the model file must have, where no release record lies beside it.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--window", "window_eV_atom", type=float, help="Above the hull, eV/atom.  [default: 0.05]")
@click.option("--isolated-only", is_flag=True, default=None, help="Let only crystals with isolated anions through.")
@click.option("--phonons", is_flag=True, default=None, help="Let only crystals without imaginary modes through.")
@click.option(
    "--elastic", is_flag=True, default=None, help="Moduli; let only crystals through that no strain lowers in energy."
)
@click.option("--barriers-below", "barrier_eV", type=float, help="Let only crystals with a path below it through, eV.")
@click.option("--md", "temperatures", help="Dynamics at these temperatures in K, such as 600,800,1000: Ea and σ.")
@click.option("--md-ps", type=float, help="Length of each run.  [default: 50]")
@click.option("--budget", type=int, default=300, show_default=True, help="Most relaxations; more are refused.")
@click.option("--force", "force_eV_A", type=float, help="Limit of forces, eV/Å.  [default: 0.03]")
@click.option("--steps", type=int, help="Most steps of a relaxation.  [default: 300]")
@click.option("--batch-atoms", type=int, help="Most atoms that are relaxed at once.  [default: 500]")
@click.option("--estimate", is_flag=True, help="Tell how many crystals would be relaxed; relax none.")
@click.option("--out", default="screening", show_default=True, help="Folder for the results.")
def command(
    name: str,
    model: str,
    sha256: str | None,
    device: str,
    temperatures: str | None,
    budget: int,
    estimate: bool,
    out: str,
    **options: int | float | bool | None,
) -> None:
    """Screen a family of crystals: prototypes with substitutions and dopants, or a folder of structures.

    Those near the hull go on to phonons, moduli, barriers and dynamics, where an option or the file (funnel) asks.
    Writes screening.tsv, a ranked row or a reason for each crystal, screening.json, figures, and survivors as CIF.
    Typed again, it goes on where it stopped.
    """
    from saltflow.base.provenance import provenance, write_json
    from saltflow.campaign.family import read_family
    from saltflow.studies.given_potential import load_given
    from saltflow.studies.screening.built_family import build_family, check_members, relax_family
    from saltflow.studies.screening.family_screening import FamilyScreening, check_settings, write_results
    from saltflow.studies.shipped_settings import shipped_settings
    from saltflow.studies.survivors import stages

    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    family = read_family(Path(name))
    options["temperatures_K"] = _numbers(temperatures)
    settings = {**family.funnel, **{key: value for key, value in options.items() if value is not None}}
    settings |= {"budget": budget, "barriers": shipped_settings()["barriers"], "seed": family.seed}
    check_settings(settings)
    stages.check_settings(settings)
    check_members(family, budget)
    potential, settings["potential_sha256"] = load_given(model, sha256=sha256, device=device)
    settings["potential"] = Path(model).name
    built = build_family(family, potential)
    click.echo(built.jobs)
    if estimate:
        return
    built.check_budget(budget)
    folder, began = Path(out), time.perf_counter()
    relaxed = relax_family(built.cells, potential, settings=settings, folder=folder)
    screening = FamilyScreening(built, relaxed, seconds=time.perf_counter() - began, settings=settings)
    screening.plot_hulls(folder / "hulls")
    studies = stages.runnable(potential, mobile=family.mobile, settings=settings, folder=folder)
    funnel, cells = screening.judge(studies), {name: cell.atoms for name, cell in relaxed.items()}
    for study in studies:
        funnel.pass_study(study, cells)
    write_results(funnel, cells, folder, settings=settings)
    record = screening.record(funnel) | {"evaluated_by": potential.evaluated_by}
    inputs = {"family": name} | {each.stem: each for each in family.files}
    write_json(folder / "screening.json", record | {"provenance": provenance(settings=settings, inputs=inputs)})
    for stage in record["stages"]:
        passed = f"{stage['passed']} of {stage['entered']}"
        click.echo(f"{stage['name']}: {passed} ({stage['lets_through']}), {stage['seconds']:.0f} s")
    if record["survivors"] and settings["barrier_eV"] is None:
        click.echo(f"Next: saltflow barriers {out}/survivors --mobile {family.mobile} --potential {model}")
    click.echo(f"Written to {out}/")


def _numbers(text: str | None) -> list[float] | None:
    """The temperatures of an option.

    Raises:
        InputError: they are no numbers.
    """
    from saltflow.base.errors import InputError

    try:
        return None if text is None else [float(each) for each in text.split(",")]
    except ValueError:
        raise InputError(["--md is no list of numbers; give such as 600,800,1000."]) from None
