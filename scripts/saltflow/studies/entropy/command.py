"""`saltflow entropy`: a space of compositions on one site, from relaxed cells to the best conductors."""

import logging
import sys
from pathlib import Path

import click

from saltflow.base.commands import SentenceCommand


@click.command(cls=SentenceCommand)
@click.argument("name", metavar="SPACE.yaml", type=click.Path())
@click.option("--potential", "model", required=True, help="File of a MACE model, or a universal one: chgnet-pbe.")
@click.option("--sha256", help="Hash that the model file must have, where no release record lies beside it.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--train", type=int, default=30, show_default=True, help="Random compositions that are run first.")
@click.option("--rounds", type=int, default=3, show_default=True, help="Of compositions that are chosen.")
@click.option("--batch", type=int, default=5, show_default=True, help="Of each round.")
@click.option("--best", type=int, default=10, show_default=True, help="Run again, beside as many random ones.")
@click.option("--temperature", "temperature_K", type=float, default=1000.0, show_default=True, help="In K.")
@click.option("--md-ps", type=float, default=50.0, show_default=True, help="Length of each run.")
@click.option("--budget", type=int, default=5000, show_default=True, help="Most relaxations; more are refused.")
@click.option("--force", "force_eV_A", type=float, default=0.03, show_default=True, help="Limit of forces, eV/Å.")
@click.option("--steps", type=int, default=300, show_default=True, help="Most steps of a relaxation.")
@click.option("--batch-atoms", type=int, default=2000, show_default=True, help="Most atoms that are relaxed at once.")
@click.option("--estimate", is_flag=True, help="Tell how much would be computed; compute nothing.")
@click.option("--out", default="entropy", show_default=True, help="Folder for the results.")
def command(
    name: str, model: str, sha256: str | None, device: str, estimate: bool, out: str, **settings: float
) -> None:
    """Find the compositions of a space in which ions move farthest: dopants that share one site of a crystal.

    Writes compositions.tsv, a predicted displacement with its interval for each, entropy.json and entropy.svg. Typed
    again, it goes on where it stopped.
    """
    from saltflow.base.provenance import provenance, write_json
    from saltflow.studies.entropy.entropy_study import EntropyStudy, check_settings
    from saltflow.studies.entropy.space import read_space
    from saltflow.studies.given_potential import load_given

    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    check_settings(settings)
    space = read_space(Path(name))
    potential, sha = load_given(model, sha256=sha256, device=device)
    made_by = settings | {"potential": Path(model).name, "potential_sha256": sha}
    study = EntropyStudy(space, potential, settings=made_by, folder=Path(out))
    click.echo(study.jobs)
    if estimate:
        return
    record = study.run()
    recorded = provenance(settings=made_by, inputs={"space": name, "prototype": space.prototype})
    write_json(Path(out) / "entropy.json", record | {"provenance": recorded})
    scores, again = record["held_out"], record["run_again"]
    click.echo(f"Held out, {scores['compositions']} compositions: ρ {scores['rho']:.2f} [{scores['rho_low']:.2f}, "
               f"{scores['rho_high']:.2f}]; shuffled, up to {max(record['shuffled_rho']):.2f}")  # fmt: skip
    for kind in ("best", "random"):
        click.echo(f"Run again, {kind}: {again[kind]['hits']} of {again[kind]['of']} in the upper quarter")
    click.echo(f"Written to {out}/")
