"""Commands called as a user types them."""

import click
from click.testing import CliRunner, Result


def called(command: click.Command, *words: object) -> Result:
    """What a command prints (stdout, stderr) and its exit code; an unexpected exception is raised."""
    result = CliRunner().invoke(command, [str(word) for word in words])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result
