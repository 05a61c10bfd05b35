"""`saltflow archive`: pack one composition with all that it was made from, and see that it is complete elsewhere."""

import click

from commands.sweep import SweepFolder, of_sweep
from saltflow.base.commands import SentenceCommand


@click.command(cls=SentenceCommand)
@of_sweep(profile=True)
@click.argument("composition")
def command(sweep: SweepFolder, composition: str) -> None:
    """Pack COMPOSITION of the sweep in FOLDER with all that it was made from into one file."""
    from saltflow.base.repository import REPOSITORY
    from saltflow.operations.archive.archiving import archive_composition

    folder = sweep.folder.resolve()
    archive, files = archive_composition(composition, sweep.dag(), sweep=folder, repository=REPOSITORY)
    click.echo(f"{archive}: {files} files, {archive.stat().st_size / 1e9:.3f} GB.")
    click.echo("Unpacked elsewhere, every hash is right and Snakemake finds nothing to do.")
