"""`saltflow new`: the folder of a sweep, with settings and tables to edit."""

import shutil
from pathlib import Path

import click

from saltflow.base.commands import SentenceCommand
from saltflow.base.errors import SaltflowError
from saltflow.base.repository import REPOSITORY

PRESETS = "config/presets"


@click.command(cls=SentenceCommand)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--preset",
    type=click.Choice(sorted(path.name for path in (REPOSITORY / PRESETS).iterdir())),
    default="trial",
    show_default=True,
    help="What to start from; config/README.md describes each.",
)
def command(folder: Path, preset: str) -> None:
    """Make FOLDER with settings and tables to edit."""
    if folder.exists() and any(folder.iterdir()):
        raise SaltflowError(f"{folder} is not empty; name a new folder, so that nothing is overwritten.")
    shutil.copytree(REPOSITORY / PRESETS / preset, folder, dirs_exist_ok=True)
    settings = folder / "config.yaml"
    settings.write_text(settings.read_text().replace(f"{PRESETS}/{preset}/", ""))
    click.echo(f"{folder} holds the preset {preset}. Edit {settings} and its tables, then:")
    click.echo(f"  saltflow plan {folder}")
