"""`saltflow account`: what a sweep has cost so far and what failed, as account.json and account.html in its folder."""

from pathlib import Path

import click

from saltflow.base.commands import SentenceCommand


@click.command(cls=SentenceCommand)
@click.argument("folder", type=click.Path(path_type=Path), default=".")
def command(folder: Path) -> None:
    """Tell what the sweep in FOLDER has cost so far and what failed."""
    from saltflow.base.provenance import atomic_write, write_json
    from saltflow.operations.account import take_account
    from saltflow.operations.account.short_account import format_account
    from saltflow.operations.pages.account_page import account_page

    account = take_account(folder)
    write_json(folder / "account.json", account)
    with atomic_write(folder / "account.html") as page:
        page.write_text(account_page(account), encoding="utf-8")
    click.echo(format_account(account))
    click.echo(f"\nPage: {(folder / 'account.html').resolve()}")
