"""`saltflow tidy`: what of a sweep may be deleted, and with --delete: delete what nothing reads."""

import click

from commands.sweep import SweepFolder, of_sweep
from saltflow.base.commands import SentenceCommand


@click.command(cls=SentenceCommand)
@of_sweep(profile=True)
@click.option("--delete", "deletes", is_flag=True, help="Delete what is marked 'may be deleted now'.")
def command(sweep: SweepFolder, deletes: bool) -> None:
    """Tell what of the sweep in FOLDER may be deleted, and what is lost with it."""
    from saltflow.operations.archive.zip_file import archived_files
    from saltflow.operations.housekeeping import check_idle, delete, mark_files
    from saltflow.operations.quota import quota_text, table, write_list

    folder = sweep.folder.resolve()
    if deletes:
        check_idle(folder)
    dag = sweep.dag()
    entries = mark_files(folder, dag.jobs, archived=archived_files(folder))
    click.echo(table(entries))
    if deletes:
        deleted = set(delete(folder, entries))
        click.echo(f"\nDeleted: {len(deleted)} files.")
        entries = [entry for entry in entries if entry.path not in deleted]
    if (quota_GB := dag.config["execution"]["quota_GB"]) is not None:
        click.echo(f"\n{quota_text(entries, quota_GB=quota_GB)}")
    write_list(folder / "housekeeping.tsv", entries)
    click.echo(f"\nEvery file: {folder / 'housekeeping.tsv'}")
