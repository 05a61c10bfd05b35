"""`saltflow status`: how far each composition is; reads files alone, so it may be asked at any time."""

import click

from commands.sweep import SweepFolder, of_sweep
from saltflow.base.commands import SentenceCommand


@click.command(cls=SentenceCommand)
@of_sweep()
@click.option("--all", "everything", is_flag=True, help="Show also what has not started, and every failure.")
def command(sweep: SweepFolder, everything: bool) -> None:
    """Tell how far each composition of the sweep in FOLDER is."""
    from saltflow.operations.run_lock import last_command
    from saltflow.operations.status import format_status, read_status

    click.echo(format_status(read_status(sweep.campaign(), sweep.folder), everything=everything))
    click.echo(f"\n{last_command(sweep.folder)}")
