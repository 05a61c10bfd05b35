"""From a planned sweep to a verified archive of one of its compositions."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from saltflow.campaign.loading import load_campaign
from saltflow.operations.archive.archive_readme import readme_text
from saltflow.operations.archive.contents import Item, archived_run, items
from saltflow.operations.archive.crate import crate_text
from saltflow.operations.archive.facts import gather
from saltflow.operations.archive.narrowing import Narrowed, narrow
from saltflow.operations.archive.verification import verify
from saltflow.operations.archive.zip_file import FOLDER, METADATA, Packed, pack
from saltflow.operations.plan.dag import Dag


def archive_composition(composition: str, dag: Dag, *, sweep: Path, repository: Path) -> tuple[Path, int]:
    """Pack a composition into `archives/<id>.zip` of its sweep, and verify the archive.

    Args:
        composition: its id.
        dag: the plan of the sweep.
        sweep, repository: absolute.

    Returns:
        the archive and the number of its files.

    Raises:
        SaltflowError: the composition is not known or not complete, the disk is too full, or the archive would not
            be complete elsewhere.
    """
    archived = archived_run(composition, dag.jobs)
    narrowed = _narrowed(composition, dag, sweep)
    facts = gather(archived, sweep=sweep, repository=repository, rules=dag.rules, moved=narrowed.moved)

    def described(packed: Sequence[Packed]) -> Iterator[Item]:
        yield Item("README.md", readme_text(archived, facts, packed).encode())
        yield Item(METADATA, crate_text(archived, facts, packed).encode())

    target = sweep / FOLDER / f"{composition}.zip"
    contents = items(archived, narrowed, sweep=sweep, repository=repository)
    pack(target, contents, date=facts.ended, describe=described)
    return target, verify(target, targets=archived.targets)


def _narrowed(composition: str, dag: Dag, sweep: Path) -> Narrowed:
    with contextlib.chdir(sweep):  # paths of the configuration start here
        return narrow(load_campaign(dag.config), dag.config, composition)
