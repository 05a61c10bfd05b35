"""`saltflow refine`: which electrolytes are among the best, and longer runs for those of which it is open."""

from pathlib import Path

import click

from commands.sweep import SweepFolder, of_sweep
from saltflow.base.commands import SentenceCommand


@click.command(cls=SentenceCommand)
@of_sweep()
@click.option("--top", type=click.IntRange(min=1), default=10, show_default=True, help="How many are the best.")
@click.option(
    "--confidence",
    type=click.FloatRange(0.5, 1.0, min_open=True, max_open=True),
    default=0.9,
    show_default=True,
    help="Probability from which one belongs to them.",
)
@click.option(
    "--least-error",
    type=click.FloatRange(0.0, 1.0, min_open=True, max_open=True),
    default=0.05,
    show_default=True,
    help="Relative error of D below which no time is spent.",
)
@click.option("--write", "writes", is_flag=True, help="Ask for the longer runs in the overrides of the sweep.")
def command(sweep: SweepFolder, top: int, confidence: float, least_error: float, writes: bool) -> None:
    """Tell which compositions of the sweep in FOLDER are among the best, and which need longer runs to tell."""
    from saltflow.analysis.ranking.contenders import (
        OPEN,
        contenders_text,
        ended_as_longest,
        find_contenders,
        longer,
    )
    from saltflow.analysis.ranking.ranking import rank
    from saltflow.analysis.ranking.so_far import read_so_far
    from saltflow.campaign.overrides_file import add_overrides, overrides_text

    campaign = sweep.campaign()
    ranking = rank(*read_so_far(campaign, sweep.folder), literature=campaign.literature)
    found = find_contenders(ranking, top=top, confidence=confidence)
    click.echo(contenders_text(found))
    productions = {name: campaign.composition(name).section("dynamics")["production"] for name in found.named(OPEN)}
    asked = {
        name: longer(production, least_error=least_error, at_longest=ended_as_longest(sweep.folder, name))
        for name, production in productions.items()
    }
    if settled := [name for name, changes in asked.items() if changes is None]:
        click.echo(f"\nKnown to {least_error:g} already, and not to be told apart: {', '.join(settled)}.")
    changes = {name: {"dynamics": {"production": each}} for name, each in asked.items() if each}
    if not changes:
        return
    if writes:
        path = add_overrides(Path(campaign.settings.tables.overrides), changes)
        click.echo(
            f"\nWritten to {path}: runs of {len(changes)} compositions become longer; they go on from their ends."
        )
    else:
        click.echo(
            f"\nTo tell more, with --write into the overrides (finished runs go on):\n\n{overrides_text(changes)}"
        )
