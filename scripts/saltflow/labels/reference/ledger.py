"""Label a chunk of frames, resumable at any instant, and keep the ledger of failures."""

import csv
import logging
import math
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from ase import Atoms

from saltflow.base.errors import DamagedProductError, SaltflowError
from saltflow.base.provenance import atomic_write, digest, sha256_of_file
from saltflow.campaign.settings.references import Reference
from saltflow.labels.frames import read_frames, write_frames
from saltflow.labels.reference.frame_order import order_by_similarity
from saltflow.labels.reference.journal import Journal
from saltflow.labels.reference.label import Label, Processes
from saltflow.labels.reference.labelling import label_frames, within_limit
from saltflow.labels.reference.store import LabelStore, key_of_structure
from saltflow.materials.frame_info import FrameInfo

log = logging.getLogger(__name__)

COLUMNS = (
    "generation", "frame", "composition", "lineage", "status", "reason", "attempts", "seconds", "settings_digest",
    "code", "scf_attempts",
)  # fmt: skip

# A frame that was started this often without an end kills its process (memory, walltime, a fault of the code); it is
# recorded as failed, so that the chunk can end.
MAX_STARTS = 3

# Paths of programs and data do not change labels.
_PATHS = {"command", "data_path", "potcar_path", "pseudopotential_path"}


def label_chunk(
    frames_path: str | os.PathLike,
    out_extxyz: str | os.PathLike,
    out_ledger: str | os.PathLike,
    reference: Reference,
    *,
    reference_name: str,
    max_force_eV_A: float,
    store: LabelStore,
    workdir: str | os.PathLike,
    processes: Processes = Processes(),  # noqa: B008 - frozen
) -> None:
    """Label every frame of a file that is not in the store; a killed call resumes with the first frame without a label.

    Similar frames follow each other, so that a code can start from the wavefunction of the one before.

    Failures are kept in `workdir` under a digest of frames and settings, until the two products are written.

    Args:
        frames_path: extended XYZ; what the frames say of themselves is kept.
        out_extxyz: the labelled frames with the labels of `FrameInfo`.
        out_ledger: tab-separated, one row per frame, failures with their reason.
        reference_name: of the reference in the settings.
        max_force_eV_A: limit on the force on any atom.
        store: of the labels of the reference.
        processes: MPI ranks and threads that the code may use.

    Raises:
        SaltflowError: the code is missing, an element is not supported, another job labels the chunk, the disk is full.
    """
    frames = read_frames(frames_path)
    key = digest(
        {
            "settings": reference.model_dump(mode="json", exclude=_PATHS),
            "frames": sha256_of_file(frames_path),
        }
    )
    with store, Journal(Path(workdir) / f"failures-{key}.jsonl") as journal:
        keys = [key_of_structure(atoms) for atoms in frames]
        first = {key: index for index, key in reversed(list(enumerate(keys)))}  # equal frames are computed once
        found = _stored(first, store)
        _fail_frames_that_kill(journal, found)
        to_compute = set(first.values()) - found.keys() - journal.failures.keys()
        remaining = [index for index in order_by_similarity(frames) if index in to_compute]
        if remaining:
            todo = [frames[index] for index in remaining]
            new = label_frames(todo, reference, max_force_eV_A=math.inf, workdir=Path(workdir), processes=processes)
            with closing(new):
                found |= _kept(new, remaining, frames, journal, store)
        found |= journal.failures
        labels = [replace(found[first[key]], index=index) for index, key in enumerate(keys)]
        labels = [within_limit(label, max_force_eV_A=max_force_eV_A) for label in labels]
        write_frames(out_extxyz, _labelled(frames, labels, reference, reference_name))
        rows = [_row(frames[label.index], label, reference.digest()) for label in labels]
        _write_rows(out_ledger, rows)
        journal.path.unlink()


def read_ledger(path: str | os.PathLike) -> list[dict[str, str]]:
    """The rows of a ledger as text.

    Raises:
        DamagedProductError: the file holds something else.
    """
    try:
        with open(path, newline="") as handle:
            table = csv.DictReader(handle, delimiter="\t")
            rows = list(table)
    except (UnicodeDecodeError, csv.Error) as error:
        raise DamagedProductError(path, error) from error
    if table.fieldnames != list(COLUMNS):
        raise DamagedProductError(path, "it has other columns than a ledger")
    return rows


def join_ledgers(ledgers: Sequence[str | os.PathLike], out_ledger: str | os.PathLike) -> None:
    """Join the ledgers of several chunks; `frame` counts within its chunk."""
    _write_rows(out_ledger, [[row[name] for name in COLUMNS] for path in ledgers for row in read_ledger(path)])


def failed_fraction(ledgers: Sequence[str | os.PathLike]) -> float:
    """Fraction of the frames of the ledgers without a label; 0 without frames."""
    rows = [row for path in ledgers for row in read_ledger(path)]
    return sum(row["status"] != "ok" for row in rows) / len(rows) if rows else 0.0


def check_failures(ledgers: Sequence[str | os.PathLike], *, max_failed_fraction: float) -> None:
    """Make sure that no more frames failed than allowed.

    Raises:
        SaltflowError: with a table of the failures by composition and status.
    """
    fraction = failed_fraction(ledgers)
    if fraction > max_failed_fraction:
        rows = [row for path in ledgers for row in read_ledger(path)]
        failures = [row for row in rows if row["status"] != "ok"]
        raise SaltflowError(
            f"{len(failures)} of {len(rows)} labels failed ({fraction:.0%}), more than the allowed "
            f"{max_failed_fraction:.0%}; correct the cause below, or raise labels.max_failed_fraction:\n"
            f"{_failure_table(failures)}"
        )


def _stored(first: Mapping[str, int], store: LabelStore) -> dict[int, Label]:
    """Index → label of those different frames whose label is in the store.

    Args:
        first: key of a structure → index of the first frame that has it.
    """
    known = store.find(first.keys())
    if known:
        log.info("%d of %d different frames are already labelled", len(known), len(first))
    return {first[key]: _label(first[key], label) for key, label in known.items()}


def _label(index: int, stored: Mapping) -> Label:
    arrays = {name: np.array(stored[name]) for name in ("forces_eV_A", "stress_eV_A3")}
    return Label(**{**stored, **arrays, "index": index})


def _kept(
    labels: Iterator[Label], indices: Sequence[int], frames: Sequence[Atoms], journal: Journal, store: LabelStore
) -> dict[int, Label]:
    """Compute labels one after another; each is in the store, or its failure in the journal, before the next begins.

    Args:
        labels: computes the next one when it is asked for. indices: of their frames.
    """
    found: dict[int, Label] = {}
    seconds = 0.0
    for number, index in enumerate(indices, start=1):
        journal.start(index)
        label = replace(next(labels), index=index)
        _stop_on_full_disk(label, journal)
        if label.status == "ok":
            store.add(key_of_structure(frames[index]), asdict(label))
            found[index] = label
        else:
            journal.fail(label)
        seconds += label.seconds
        _log_progress(label, len(frames), seconds / number, len(indices) - number)
    return found


def _stop_on_full_disk(label: Label, journal: Journal) -> None:
    """Stop on a full disk, so that the frame is tried again; not after too many starts."""
    if label.status == "disk_full" and journal.starts[label.index] < MAX_STARTS:
        raise SaltflowError(
            f"The disk of {journal.path.parent} is full ({label.reason}): free space and start the same command again; "
            f"it resumes with frame {label.index + 1}."
        )


def _fail_frames_that_kill(journal: Journal, found: Mapping[int, Label]) -> None:
    for index, starts in journal.starts.items():
        if starts >= MAX_STARTS and index not in found and index not in journal.failures:
            reason = f"the process ended {starts} times while it computed this frame (memory, walltime or disk?)"
            journal.fail(Label(index, "crashed", reason, seconds=0.0, attempts=starts))


def _log_progress(label: Label, total: int, seconds_per_frame: float, left: int) -> None:
    outcome = label.status if label.status == "ok" else f"{label.status} ({label.reason})"
    log.info(
        "frame %d/%d: %s, %.1f s per frame, about %.0f s left",
        label.index + 1, total, outcome, seconds_per_frame, seconds_per_frame * left,
    )  # fmt: skip


def _labelled(frames, labels: Sequence[Label], reference, reference_name: str) -> list[Atoms]:
    return [
        _with_label(frames[label.index], label, reference, reference_name) for label in labels if label.status == "ok"
    ]


def _with_label(atoms: Atoms, label: Label, reference, reference_name: str) -> Atoms:
    labelled = Atoms(atoms.symbols, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    return FrameInfo.of(labelled).copy(
        atoms,
        reference_energy_eV=label.energy_eV,
        reference_stress_eV_A3=label.stress_eV_A3,
        reference_forces_eV_A=label.forces_eV_A,
        reference=reference_name,
        reference_digest=reference.digest(),
        reference_code=label.details["code"],
        dispersion=reference.dispersion,
        potcars="; ".join(label.details.get("potcars", ())) or None,
    )


def _write_rows(path, rows: Sequence[list]) -> None:
    with atomic_write(path) as temporary, open(temporary, "w", newline="") as handle:
        writer = csv.writer(handle, delimiter="\t", lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)


def _row(atoms: Atoms, label: Label, settings_digest: str) -> list:
    reason, info = " ".join(label.reason.split()), FrameInfo.partial(atoms)
    return [
        info.generation or 0,
        label.index,
        info.composition or "",
        info.lineage or "",
        label.status,
        reason,
        label.attempts,
        f"{label.seconds:.2f}",
        settings_digest,
        label.details.get("code", ""),
        "; ".join(f"{each['settings']}: {each['outcome']}" for each in label.details.get("scf_attempts", [])),
    ]


def _failure_table(failures: Sequence[dict[str, str]]) -> str:
    """One line per composition and status: number of frames and first reason."""
    groups = defaultdict(list)
    for row in failures:
        groups[row["composition"], row["status"]].append(row["reason"])
    lines = [("composition", "status", "frames", "first reason")]
    lines += [(*group, str(len(reasons)), reasons[0]) for group, reasons in sorted(groups.items())]
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[3]]) for line in lines
    )
