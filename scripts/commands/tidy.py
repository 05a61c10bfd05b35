"""`saltflow tidy`: what of a sweep may be deleted or reduced; --delete and --reduce do it to what nothing reads."""

import click

from commands.sweep import SweepFolder, of_sweep
from saltflow.base.commands import SentenceCommand


@click.command(cls=SentenceCommand)
@of_sweep(profile=True)
@click.option("--delete", "deletes", is_flag=True, help="Delete what is marked 'may be deleted now'.")
@click.option("--reduce", "reduces", is_flag=True, help="Leave velocities that no analysis reads out of trajectories.")
def command(sweep: SweepFolder, deletes: bool, reduces: bool) -> None:
    """Tell what of the sweep in FOLDER may be deleted or reduced, and what is lost with it."""
    from saltflow.operations.archive.zip_file import archived_files
    from saltflow.operations.housekeeping import check_idle, delete, mark_files
    from saltflow.operations.quota import quota_text, table, write_list
    from saltflow.operations.reduction import reduce_trajectories, reducible, reduction_text

    folder = sweep.folder.resolve()
    if deletes or reduces:
        check_idle(folder)
    dag, archived = sweep.dag(), archived_files(folder)
    entries = mark_files(folder, dag.jobs, archived=archived)
    found = reducible(folder, dag.jobs, entries)
    click.echo(table(entries))
    if text := reduction_text(found):
        click.echo(f"\n{text}")
    if deletes:
        deleted = set(delete(folder, entries))
        click.echo(f"\nDeleted: {len(deleted)} files.")
        entries = [entry for entry in entries if entry.path not in deleted]
    if reduces:
        saved = reduce_trajectories(folder, found)
        click.echo(f"\nReduced: {len(saved)} trajectories, {sum(saved.values()) / 1e9:.3f} GB less.")
        entries = mark_files(folder, dag.jobs, archived=archived)
    if (quota_GB := dag.config["execution"]["quota_GB"]) is not None:
        click.echo(f"\n{quota_text(entries, quota_GB=quota_GB)}")
    write_list(folder / "housekeeping.tsv", entries)
    click.echo(f"\nEvery file: {folder / 'housekeeping.tsv'}")
