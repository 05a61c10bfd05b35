"""Describe the labels of a potential: counts, origin, method, failures."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from ase import Atoms

from saltflow.materials.frame_info import FrameInfo

SETS = ("train", "valid", "test")
GROUPED_BY = ("composition", "generation", "origin", "selected_by")


def describe_dataset(
    sets: Mapping[str, Sequence[Atoms]], ledger: Sequence[Mapping[str, str]], *, facts: Mapping
) -> dict:
    """The description of a dataset.

    Args:
        sets: train, valid and test frames of the last generation, which include all before it.
        ledger: rows of the ledgers of all generations.
        facts: of the settings: potential, foundation, elements, reference, licence, imported.

    Returns:
        the facts; frames (of each set), atoms; counts (rows of composition, generation, origin, selected_by and the
        frames of each set); failures (rows of generation, composition, status, reason and frames); codes (version →
        frames); force_rms_eV_A and largest_force_eV_A of an atom. No times, so that it is reproducible.
    """
    every = [frame for frames in sets.values() for frame in frames]
    return {
        **facts,
        "frames": {name: len(sets[name]) for name in SETS},
        "atoms": sum(map(len, every)),
        "counts": _counts(sets),
        "failures": _failures(ledger),
        "codes": dict(Counter(FrameInfo.partial(frame).reference_code or "not recorded" for frame in every)),
        **_forces(every),
    }


def format_card(card: Mapping) -> str:
    """The description as plain text."""
    frames = card["frames"]
    settings = [(f"  {name}", value) for name, value in card["reference"].items()]
    facts = [
        ("licence of the labels", card["licence"]),
        ("foundation", " ".join(str(value) for value in card["foundation"].values())),
        ("elements", " ".join(card["elements"])),
        ("frames", f"{frames['train']} training, {frames['valid']} validation, {frames['test']} held out"),
        ("atoms", card["atoms"]),
        ("force on an atom", _format_forces(card)),
        ("codes", "; ".join(f"{code} ({count} frames)" for code, count in card["codes"].items())),
        *((f"imported {each['path']}", each["sha256"]) for each in card["imported"]),
        ("reference", ""),
        *settings,
    ]
    parts = [
        f"Labels of the potential {card['potential']}",
        _aligned(facts),
        "Labelled frames\n\n" + _table(card["counts"], [*GROUPED_BY, *SETS]),
        "Failed labels\n\n" + _table(card["failures"], ["generation", "composition", "status", "frames", "reason"]),
    ]
    return "\n\n".join(parts) + "\n"


def _counts(sets: Mapping[str, Sequence[Atoms]]) -> list[dict]:
    found = {name: Counter(map(_group_of, sets[name])) for name in SETS}
    places = sorted({place for counter in found.values() for place in counter})
    return [dict(zip(GROUPED_BY, place, strict=True)) | {name: found[name][place] for name in SETS} for place in places]


def _group_of(frame: Atoms) -> tuple[str, int, str, str]:
    info, origin = FrameInfo.of(frame), FrameInfo.partial(frame).origin
    return info.composition, info.generation or 0, origin or "not recorded", info.selected_by or "-"


def _failures(ledger: Sequence[Mapping[str, str]]) -> list[dict]:
    found = Counter(
        (int(row["generation"]), row["composition"], row["status"], row["reason"])
        for row in ledger
        if row["status"] != "ok"
    )
    names = ("generation", "composition", "status", "reason")
    return [dict(zip(names, failure, strict=True)) | {"frames": count} for failure, count in sorted(found.items())]


def _forces(frames: Sequence[Atoms]) -> dict[str, float | None]:
    if not frames:
        return {"force_rms_eV_A": None, "largest_force_eV_A": None}
    norms = np.concatenate([np.linalg.norm(FrameInfo.of(frame).reference_forces_eV_A, axis=1) for frame in frames])
    return {"force_rms_eV_A": float(np.sqrt(np.mean(norms**2))), "largest_force_eV_A": float(norms.max())}


def _format_forces(card: Mapping) -> str:
    if card["force_rms_eV_A"] is None:
        return "no labels"
    return f"{card['force_rms_eV_A']:.3g} eV/Å (root mean square), {card['largest_force_eV_A']:.3g} at most"


def _aligned(rows: Iterable[tuple[str, object]]) -> str:
    rows = list(rows)
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name.ljust(width)}  {value}".rstrip() for name, value in rows)


def _table(rows: Sequence[Mapping], columns: Sequence[str]) -> str:
    if not rows:
        return "none"
    lines = [list(columns), *([str(row[name]) for name in columns] for row in rows)]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
