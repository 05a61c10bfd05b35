"""`saltflow approve`: keep the plan of a sweep as the approved one, to compare the next one with."""

from pathlib import Path

import click

from saltflow.base.commands import SentenceCommand


@click.command(cls=SentenceCommand)
@click.argument("folder", type=click.Path(path_type=Path), default=".")
def command(folder: Path) -> None:
    """Keep the plan in FOLDER as the approved one."""
    from saltflow.operations.plan.comparison import APPROVED, approve

    plan = approve(folder)
    about = f"{plan['approved_digest']} of {plan['made']} is approved by {plan['approved_by']}"
    click.echo(f"Plan {about}: {folder / APPROVED}")
