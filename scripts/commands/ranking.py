"""`saltflow ranking`: every composition of the table with its status, also while the sweep runs."""

import click

from commands.sweep import SweepFolder, of_sweep
from saltflow.base.commands import SentenceCommand


@click.command(cls=SentenceCommand)
@of_sweep()
def command(sweep: SweepFolder) -> None:
    """List every composition of the sweep in FOLDER with its status; those that are done by conductivity."""
    from saltflow.analysis.ranking.ranking import format_ranking, rank
    from saltflow.analysis.ranking.so_far import read_so_far

    campaign = sweep.campaign()
    click.echo(format_ranking(rank(*read_so_far(campaign, sweep.folder), literature=campaign.literature)))
