"""What is known of how a composition was made, beside the files themselves."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from saltflow.base.provenance import read_json
from saltflow.operations.archive.contents import ArchivedRun
from saltflow.operations.attempts import journal_path, read_journal

LICENCE = "Not chosen: the owner of these results decides. The workflow itself is under the MIT licence."


@dataclass(frozen=True)
class Facts:
    """What is known of a run beside its files.

    commit: of the workflow, '' where it is no git checkout; changed: whether it had changes of its own.
    versions: package → version that the jobs recorded. began: start of its first job, None where not known.
    ended: when the last product was written. rules: name → docstring. moved: old path → path in the archive.
    """

    commit: str
    changed: bool
    versions: Mapping[str, str]
    began: datetime | None
    ended: datetime
    rules: Mapping[str, str]
    moved: Mapping[str, str]


def gather(
    archived: ArchivedRun, *, sweep: Path, repository: Path, rules: Mapping[str, str], moved: Mapping[str, str]
) -> Facts:
    """Ask the products, the journals of the jobs and the repository."""
    products = [sweep / path for job in archived.jobs for path in job.outputs if (sweep / path).is_file()]
    return Facts(
        commit=_git(repository, "rev-parse", "HEAD"),
        changed=bool(_git(repository, "status", "--porcelain", "--untracked-files=no")),
        versions={"snakemake": metadata.version("snakemake")} | _recorded_versions(products),
        began=_beginning(archived, sweep),
        ended=datetime.fromtimestamp(int(max(path.stat().st_mtime for path in products)), UTC),
        rules=rules,
        moved=moved,
    )


def _git(repository: Path, *words: str) -> str:
    """What git says of a repository; nothing where the folder is none, or only lies within one."""
    if not (repository / ".git").exists():
        return ""
    try:
        answer = subprocess.run(["git", "-C", repository, *words], capture_output=True, text=True)
    except FileNotFoundError:
        return ""
    return answer.stdout.strip()


def _recorded_versions(products: list[Path]) -> dict[str, str]:
    versions: dict[str, str] = {}
    for path in products:
        if path.suffix == ".json":
            record = read_json(path).get("provenance", {})
            versions |= {"python": record["python"], **record["packages"]} if record else {}
    return versions


def _beginning(archived: ArchivedRun, sweep: Path) -> datetime | None:
    journals = [journal_path(sweep / job.log) for job in archived.jobs if job.log]
    began = [attempt["began"] for journal in journals for attempt in read_journal(journal).values()]
    return min(map(datetime.fromisoformat, began), default=None)


def to_the_second(moment: datetime) -> str:
    """A time as ISO 8601."""
    return moment.isoformat(timespec="seconds")
