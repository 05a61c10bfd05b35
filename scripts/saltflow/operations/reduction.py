"""Which trajectories of a sweep hold frames with velocities that no analysis reads, and to leave these out of them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from saltflow.base.errors import SaltflowError
from saltflow.base.reduced_file import reduced
from saltflow.operations.housekeeping import LINKS, Entry, FileMaker, is_unchanged
from saltflow.operations.rules import RULE
from saltflow.trajectory.velocities_left_out import velocities_bytes, write_without_velocities


@dataclass(frozen=True)
class Reducible:
    """A trajectory whose frames with velocities nobody reads.

    entry: the file. composition: that it is of. saved_bytes: by their leaving. missing: the rules whose jobs have to be
    done before; empty where the trajectory may be reduced now.
    """

    entry: Entry
    composition: str
    saved_bytes: int
    missing: str


def reducible(sweep: Path, jobs: Iterable[FileMaker], entries: Iterable[Entry]) -> list[Reducible]:
    """The trajectories with velocities that no job of the plan reads, in the order of the paths.

    Args:
        sweep: its working directory. jobs: every job of its plan, done or due. entries: its files, freshly marked.
    """
    jobs = list(jobs)
    made_by = {path: job for job in jobs for path in job.outputs if path.endswith(".h5md")}
    read_by: Mapping[str, list[FileMaker]] = defaultdict(list)
    for job in jobs:
        for path in job.inputs:
            if path in made_by:
                read_by[path].append(job)
    found = []
    for entry in entries:
        readers = read_by[entry.path]
        if not readers or entry.kind is LINKS or any(RULE[each.rule].reads_velocities for each in readers):
            continue
        if saved := _velocities_bytes(sweep / entry.path):
            undone = [job for job in (made_by[entry.path], *readers) if not _is_done(sweep, job)]
            composition = made_by[entry.path].wildcards["composition"]
            found.append(Reducible(entry, composition, saved, ", ".join(job.rule for job in undone)))
    return found


def _velocities_bytes(path: Path) -> int:
    try:
        return velocities_bytes(path)
    except OSError:  # damaged, or gone in the meantime
        return 0


def _is_done(sweep: Path, job: FileMaker) -> bool:
    """Whether a job is up to date and all its products are there, also those that nothing needs any more."""
    return not job.due and all((sweep / path).is_file() for path in job.outputs)


def reduce_trajectories(sweep: Path, found: Sequence[Reducible]) -> dict[str, int]:
    """Leave the frames with velocities out of those trajectories whose state points are done.

    Args:
        sweep: its working directory, in which nothing may be running. found: of `reducible`.

    Returns:
        path of each that was reduced → how many bytes less it takes.

    Raises:
        SaltflowError: a file cannot be read or written; those before it are reduced.
    """
    saved = {}
    for each in found:
        path = sweep.resolve() / each.entry.path
        if each.missing or not is_unchanged(sweep.resolve(), each.entry):
            continue
        try:
            with reduced(path) as temporary:
                write_without_velocities(path, temporary)
        except (OSError, RuntimeError) as error:  # h5py reports a full disk as either
            raise SaltflowError(
                f"{path} was not reduced ({error}) and is as it was; free space on its disk and type the command again."
            ) from error
        saved[each.entry.path] = each.entry.size_bytes - path.stat().st_size
    return saved


def reduction_text(found: Sequence[Reducible]) -> str:
    """What would be saved, by composition, and which trajectories wait for what; empty where nothing can be saved."""
    lines = []
    if now := [each for each in found if not each.missing]:
        lines.append(
            f"`saltflow tidy --reduce` would save {_GB(now):.3f} GB of {_number(now)}: frames with velocities, which "
            "no analysis of this sweep reads."
        )
        lines += [f"  {_GB(files):.3f} GB  {name}" for name, files in _by_composition(now)]
    if later := [each for each in found if each.missing]:
        lines.append(f"Not yet to be reduced, {_GB(later):.3f} GB:")
        rows: dict[str, list[Reducible]] = defaultdict(list)
        for each in later:
            rows[f"  {each.composition} waits for {each.missing}"].append(each)
        lines += [f"{row} ({_number(files)})" for row, files in rows.items()]
    return "\n".join(lines)


def _by_composition(found: Iterable[Reducible]) -> list[tuple[str, list[Reducible]]]:
    groups: dict[str, list[Reducible]] = defaultdict(list)
    for each in found:
        groups[each.composition].append(each)
    return sorted(groups.items(), key=lambda group: -_GB(group[1]))


def _number(found: Sequence[Reducible]) -> str:
    return "1 trajectory" if len(found) == 1 else f"{len(found)} trajectories"


def _GB(found: Iterable[Reducible]) -> float:
    return sum(each.saved_bytes for each in found) / 1e9
