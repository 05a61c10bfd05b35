"""Commands whose errors are one sentence on standard error and exit code 1."""

from typing import Any

import click

from saltflow.base.errors import SaltflowError


class SentenceCommand(click.Command):
    """A command that prints a SaltflowError, or what the disk refuses, as a sentence, without a traceback."""

    def invoke(self, context: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(context)
        except SaltflowError as error:
            click.echo(str(error), err=True)
            context.exit(1)
        except OSError as error:
            if error.filename is None:
                raise
            remedy = "free, mend or make it writable and type the same command again"
            click.echo(f"{error.filename}: {error.strerror}; {remedy}.", err=True)
            context.exit(1)
