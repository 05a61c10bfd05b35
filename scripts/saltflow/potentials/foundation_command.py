"""`saltflow foundation`: a published foundation model, fetched and pinned by its SHA-256."""

from pathlib import Path

import click

from saltflow.base.commands import SentenceCommand
from saltflow.base.provenance import sha256_of_file

ACADEMIC = ("omat", "matpes")  # models under the Academic Software License


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
    """Fetch the foundation model NAME and print its row of potentials.tsv.

    saltflow foundation fetch medium-mpa-0 --to my-sweep/models
    """
    from saltflow.potentials.mace import fetch_foundation

    path = fetch_foundation(name, folder)
    click.echo(f"foundation         {path}")
    click.echo(f"foundation_sha256  {sha256_of_file(path)}")
    click.echo("Compare the digits with the publisher's, then write both into potentials.tsv.")
    if any(word in name for word in ACADEMIC):
        click.echo("Licence: academic use only (Academic Software License).")
