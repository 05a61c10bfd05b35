"""`saltflow foundation`: a published foundation model, fetched and pinned by its SHA-256."""

from pathlib import Path

import click

from saltflow.base.commands import SentenceCommand
from saltflow.campaign.published_foundations import find_published


@click.group()
def command() -> None:
    """Fetch a foundation model and pin its hash."""


@command.command("fetch", cls=SentenceCommand)
@click.argument("name")
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("models"),
    show_default=True,
    help="Folder for the file; one that is there already is not fetched again.",
)
def fetch(name: str, folder: Path) -> None:
    """Fetch the foundation model NAME, compare its hash with the published one and print its cells of potentials.tsv.

    saltflow foundation fetch mace-mpa-0-medium --to my-sweep/models
    """
    from saltflow.potentials.fetched_foundation import fetch_foundation

    path, sha256 = fetch_foundation(name, folder)
    click.echo(f"foundation         {path.resolve()}")
    click.echo(f"foundation_sha256  {sha256}")
    if published := find_published(name):
        click.echo(f"Licence: {published.licence}.")
        click.echo(f"Public records with this hash: {published.agreed}. Write both cells into potentials.tsv.")
    else:
        click.echo("Compare the digits with the publisher's, then write both cells into potentials.tsv.")
