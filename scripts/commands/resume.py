"""`saltflow resume`: go on in a folder after any accident. With nothing to resume it says so.

Jobs that a killed run has left are waited for, or cancelled; what they have finished is put on record, what is half
written is removed, and the command that was running is started again.
"""

from collections.abc import Sequence
from pathlib import Path

import click

from saltflow.base.commands import SentenceCommand


@click.command(cls=SentenceCommand)
@click.argument("folder", type=click.Path(path_type=Path), default=".")
@click.argument("instead", nargs=-1)
@click.option("--cancel", is_flag=True, help="Cancel the jobs that are left instead of waiting for them.")
@click.option("--lost-host", metavar="HOST", help="The machine of the last run, if it is gone for good.")
@click.pass_context
def command(context: click.Context, folder: Path, instead: Sequence[str], cancel: bool, lost_host: str | None) -> None:
    """Go on in FOLDER after any accident; after --, INSTEAD is started rather than what was running."""
    from engine.records import record_finished, unlock
    from saltflow.operations.resumption import Resumption
    from saltflow.operations.running_jobs import name_them

    folder = folder.resolve()
    try:
        resumption = Resumption.begin(folder, lost_host=lost_host)
        finished = resumption.end_jobs(cancel=cancel, say=click.echo)
        if recorded := record_finished(folder, finished):
            click.echo(f"Finished while no Snakemake ran, now recorded ({len(recorded)}): {name_them(recorded)}")
        resumption.remove_half_written(say=click.echo)
        unlock(folder)
        context.exit(resumption.go_on(list(instead), say=click.echo) or 0)
    except KeyboardInterrupt:
        click.echo("Interrupted; type the same command again to go on.", err=True)
        context.exit(1)
