"""Commands answer with one sentence where they cannot do what is asked."""

from pathlib import Path

import click
from click.testing import CliRunner

from saltflow.base.commands import SentenceCommand


@click.command(cls=SentenceCommand)
@click.argument("folder", type=click.Path(path_type=Path))
def write_into(folder: Path) -> None:
    """Write a file into FOLDER."""
    (folder / "plan.json").write_text("{}")


def test_a_folder_that_cannot_be_written_is_named_with_the_remedy():
    result = CliRunner().invoke(write_into, ["/proc/self"])
    assert result.exit_code == 1
    assert result.output.startswith("/proc/self/plan.json: ")
    assert result.output.endswith("; free, mend or make it writable and type the same command again.\n")
