"""`saltflow results`: the results of a sweep as one page, also while it runs."""

import click

from commands.sweep import SweepFolder, of_sweep
from saltflow.base.commands import SentenceCommand


@click.command(cls=SentenceCommand)
@of_sweep()
@click.option("--watch", is_flag=True, help="Serve the page on this machine alone, made again as the sweep goes on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8383, show_default=True, help="Of --watch; 0 takes any.")
def command(sweep: SweepFolder, watch: bool, port: int) -> None:
    """Write what the sweep in FOLDER has found so far to FOLDER/results/summary/index.html."""
    from saltflow.analysis.sweep_results.page import write_page
    from saltflow.analysis.sweep_results.watching import watch_results
    from saltflow.studies.parts_so_far import parts_so_far

    campaign = sweep.campaign()
    if watch:
        watch_results(campaign, sweep.folder, studies=parts_so_far, port=port, say=click.echo)
    else:
        click.echo(f"Results: {write_page(campaign, sweep.folder, studies=parts_so_far)}")
