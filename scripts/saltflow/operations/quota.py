"""What a reader sees of the housekeeping: a table, what a quota asks for, and the list of all files."""

import csv
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from saltflow.base.provenance import atomic_write
from saltflow.operations.housekeeping import MARKS, Entry, FileKind


def table(entries: Iterable[Entry]) -> str:
    """The kinds of files by mark, with their number, their size in GB and what is lost with them."""
    groups: dict[FileKind, list[Entry]] = defaultdict(list)
    for entry in entries:
        groups[entry.kind].append(entry)
    order = sorted(groups.items(), key=lambda group: (MARKS.index(group[0].mark), -size_GB(group[1])))
    rows = [("", "files", "GB", "what", "what is lost with it")]
    rows += [(kind.mark, f"{len(files)}", f"{size_GB(files):.3f}", kind.title, kind.loss) for kind, files in order]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        f"{row[0]:{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]:{widths[3]}}  {row[4]}"
        for row in rows
    )


def size_GB(entries: Iterable[Entry]) -> float:
    """The size of files in units of 10⁹ bytes."""
    return sum(entry.size_bytes for entry in entries) / 1e9


def quota_text(entries: Sequence[Entry], *, quota_GB: float) -> str:
    """How much must go to meet a quota, and in which order; a sentence where nothing must."""
    held = size_GB(entries)
    if held <= quota_GB:
        return f"The sweep holds {held:.3f} GB of the {quota_GB:g} GB of execution.quota_GB."
    lines = [f"The sweep holds {held:.3f} GB, and execution.quota_GB allows {quota_GB:g}. In this order should go:"]
    excess = held - quota_GB
    for name, size in _candidates(entries):
        if excess > 0:
            lines.append(f"  {size:.3f} GB  {name}")
            excess -= size
    if excess > 0:
        lines.append(f"  {excess:.3f} GB  more than may go: move archives to another disk or raise the quota")
    return "\n".join(lines)


def _candidates(entries: Sequence[Entry]) -> list[tuple[str, float]]:
    """Name and GB of what may go: first what may be deleted now, then what is archived, then what is not."""
    groups: dict[tuple[int, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        what = f"{entry.kind.title} of {_subject(entry.path)}"
        if entry.kind.mark == "may be deleted now":
            groups[0, f"may be deleted now: {entry.kind.title}"].append(entry)
        elif entry.kind.mark == "only when archived" and entry.archive:
            groups[1, f"once {entry.archive} lies on another disk: {what}"].append(entry)
        elif entry.kind.mark == "only when archived":
            groups[2, f"once archived: {what}"].append(entry)
    order = sorted(groups, key=lambda group: (group[0], -size_GB(groups[group])))
    return [(group[1], size_GB(groups[group])) for group in order]


def _subject(path: str) -> str:
    """The composition or the potential that a result is of."""
    parts = path.split("/")
    return parts[2] if parts[1] == "potentials" else parts[1]


def write_list(target: Path, entries: Iterable[Entry]) -> None:
    """Write every file with its mark as tab-separated text: mark, size_bytes, what, archive, path."""
    with atomic_write(target) as temporary, temporary.open("w", newline="") as handle:
        rows = csv.writer(handle, delimiter="\t", lineterminator="\n")
        rows.writerow(["mark", "size_bytes", "what", "archive", "path"])
        rows.writerows(
            [entry.kind.mark, entry.size_bytes, entry.kind.title, entry.archive, entry.path] for entry in entries
        )
