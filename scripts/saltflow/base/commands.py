"""Commands whose errors are one sentence on standard error and exit code 1."""

from typing import Any

import click

from saltflow.base.errors import SaltflowError


class SentenceCommand(click.Command):
    """A command that prints a SaltflowError as a sentence, without a traceback."""

    def invoke(self, context: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(context)
        except SaltflowError as error:
            click.echo(str(error), err=True)
            context.exit(1)
