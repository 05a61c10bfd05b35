"""`saltflow foundation`: a published foundation model, fetched and pinned by its SHA-256."""

import contextlib
import io
import shutil
from pathlib import Path

import click

from saltflow.base.commands import SentenceCommand
from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import atomic_write, sha256_of_file

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
    path = fetch_foundation(name, folder)
    click.echo(f"foundation         {path}")
    click.echo(f"foundation_sha256  {sha256_of_file(path)}")
    click.echo("Compare the digits with the publisher's, then write both into potentials.tsv.")
    if any(word in name for word in ACADEMIC):
        click.echo("Licence: academic use only (Academic Software License).")


def fetch_foundation(name: str, folder: Path) -> Path:
    """A published MACE model as a file of a folder.

    Args:
        name: of mace's list, such as medium-mpa-0.
        folder: made where it is missing.

    Returns:
        The file, {name}.model.

    Raises:
        SaltflowError: mace lists no such model, or it could not be fetched.
    """
    from mace.calculators.foundations_models import download_mace_mp_checkpoint, mace_mp_urls

    if name not in mace_mp_urls:
        raise SaltflowError(f"'{name}' is no foundation model that mace lists; take one of {', '.join(mace_mp_urls)}.")
    path = folder / f"{name}.model"
    if not path.is_file():
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                fetched = download_mace_mp_checkpoint(name)
        except (OSError, RuntimeError) as error:
            raise SaltflowError(
                f"{mace_mp_urls[name]} could not be fetched ({error}); fetch it where there is a network and copy it "
                f"to {path}."
            ) from None
        with atomic_write(path) as partial:
            shutil.copyfile(fetched, partial)
    return path
