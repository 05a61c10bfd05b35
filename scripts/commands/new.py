"""`saltflow new`: the folder of a sweep, with settings and tables to edit."""

import re
import shlex
import shutil
from pathlib import Path

import click

from saltflow.base.commands import SentenceCommand
from saltflow.base.errors import SaltflowError
from saltflow.base.repository import REPOSITORY
from saltflow.campaign.chosen_compositions import files_for
from saltflow.campaign.settings.descriptions import PRESETS, read_presets
from saltflow.potentials.model_files import elements_of

SCHEMA = "config.schema.json"


class PresetCommand(SentenceCommand):
    """A command whose help ends with the presets."""

    def format_epilog(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what each preset is."""
        with formatter.section("Presets"):
            formatter.write_dl(list(read_presets().items()))


@click.command(cls=PresetCommand)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--preset", type=click.Choice(list(read_presets())), default="trial", show_default=True, help="What to start from."
)
@click.option("--compositions", default="", help="Ids of the catalogue or formulas, separated by commas.")
def command(folder: Path, preset: str, compositions: str) -> None:
    """Make FOLDER with settings and tables to edit."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SaltflowError(f"{folder} is not an empty folder; name a new one, so that nothing is overwritten.")
    source = REPOSITORY / PRESETS / preset
    names = re.split(r"[,\s]+", compositions.strip())
    files = files_for(source, names, elements_of=elements_of) if compositions else {}
    shutil.copytree(source, folder, dirs_exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    settings = folder / "config.yaml"
    settings.write_text(settings.read_text().replace(f"../../{SCHEMA}", str(REPOSITORY / "config" / SCHEMA)))
    click.echo(f"{folder} holds the preset {preset}. Edit {settings} and its tables, then:")
    click.echo(f"  saltflow plan {shlex.quote(str(folder))}")
