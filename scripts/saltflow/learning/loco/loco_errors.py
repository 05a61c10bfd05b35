"""Compare committees trained without a composition with the released one, on that composition."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ase import Atoms

from saltflow.base.provenance import atomic_write
from saltflow.learning.assessment.predictions import predict
from saltflow.learning.prediction_errors import errors, force_ratio
from saltflow.learning.uncertainty import FEWEST_LINEAGES, Z_STD_RANGE, calibrate, factor_for
from saltflow.learning.zero_shot import summarise_zero_shot
from saltflow.materials.frame_info import FrameInfo
from saltflow.potentials.mace import Committee

# Name in `prediction_errors.errors` → quantity and unit; a column puts with or without between them.
COMPARED = {
    "force_rmse_meV_A": ("force_rmse", "meV_A"),
    "energy_rmse_meV_atom": ("energy_rmse", "meV_atom"),
    "energy_offset_meV_atom": ("energy_offset", "meV_atom"),
    "stress_rmse_MPa": ("stress_rmse", "MPa"),
}
COLUMNS = (
    *("composition", "heldout_frames", "heldout_cells"),
    *(f"{quantity}_{which}_{unit}" for quantity, unit in COMPARED.values() for which in ("with", "without")),
    *("force_ratio", "force_ratio_err", "uncertainty_factor", "z_std", "seen_by_ancestors", "flags"),
)
DIGITS = 6
NOTHING = "-"


def compare_committees(
    frames: Sequence[Atoms],
    released: Committee,
    others: Iterable[tuple[str, Committee]],
    *,
    seen_by_ancestors: Mapping[str, Sequence[str]],
) -> list[dict]:
    """A row for each excluded composition.

    Args:
        frames: held out, labelled, of all compositions.
        released: the committee trained on all compositions.
        others: excluded composition, and the committee trained without it.
        seen_by_ancestors: composition → earlier potentials that were trained on it.

    Raises:
        SaltflowError: an element of a composition is in no label of the others.
    """
    rows = []
    for name, committee in others:
        own = [frame for frame in frames if FrameInfo.of(frame).composition == name]
        for frame in own:
            committee.check_elements(frame.numbers, composition=name)
        with_labels, without = predict(own, released), predict(frames, committee)
        rows.append(compare(name, without, with_labels, seen_by_ancestors=seen_by_ancestors[name]))
    return rows


def compare(
    name: str, without: Sequence[Mapping], with_labels: Sequence[Mapping], *, seen_by_ancestors: Sequence[str] = ()
) -> dict[str, object]:
    """Errors on a composition by a committee trained without its labels, beside those of one trained with them.

    Args:
        name: the composition.
        without: predictions (`predictions.predict`) of all held-out frames by the committee trained without it; the
            other compositions calibrate its uncertainty.
        with_labels: of the frames of the composition, in the same order, by the other committee.
        seen_by_ancestors: earlier potentials that were trained on the composition.

    Returns:
        the `COLUMNS`, None where a value is unknown. force_ratio is the force error without over that with the labels;
        its error is a jackknife over lineages of both committees at once. uncertainty_factor multiplies the
        disagreement of the committee trained without the composition; z_std is the root mean square of the z-scores of
        its forces.
    """
    own = [each for each in without if each["composition"] == name]
    row = dict.fromkeys(COLUMNS) | {"composition": name, "heldout_frames": len(own), "heldout_cells": 0}
    row["seen_by_ancestors"] = " ".join(seen_by_ancestors) or None
    if not own:
        return row | {"flags": "no held-out frame has a label"}
    calibration = calibrate([each for each in without if each["composition"] != name])
    zero_shot, known = summarise_zero_shot(own, calibration)[name], errors(with_labels)
    for key, (quantity, unit) in COMPARED.items():
        row |= {f"{quantity}_with_{unit}": known[key], f"{quantity}_without_{unit}": zero_shot[key]}
    if zero_shot["force_slope"] is not None:
        row |= dict(zip(("force_ratio", "force_ratio_err"), force_ratio(own, with_labels), strict=True))
    if calibration["pooled"]["factor"]:
        row |= {"uncertainty_factor": factor_for(calibration, name), "z_std": zero_shot["z_std"]}
    row["heldout_cells"] = zero_shot["lineages"]
    return row | {"flags": "; ".join(_flags(row)) or None}


def _flags(row: Mapping) -> list[str]:
    flags = []
    if row["seen_by_ancestors"]:
        flags.append("the foundation was trained on it")
    if row["heldout_cells"] < FEWEST_LINEAGES:
        flags.append(f"fewer than {FEWEST_LINEAGES} held-out cells")
    if row["force_ratio"] is None:
        flags.append("no force error to compare: forces vanish by symmetry, or an error is zero")
    low, high = Z_STD_RANGE
    if row["uncertainty_factor"] is None:
        flags.append("the uncertainty is not calibrated")
    elif row["z_std"] is None:
        flags.append("the committee has no disagreement there")
    elif not low <= row["z_std"] <= high:
        flags.append(f"z_std outside {low} to {high}")
    return flags


def write_rows(rows: Sequence[Mapping], path: str | Path) -> None:
    """Write the rows as a tab-separated table, unknown values as a dash."""
    with atomic_write(path) as temporary, temporary.open("w", newline="") as handle:
        writer = csv.writer(handle, delimiter="\t", lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([_cell(row[column]) for column in COLUMNS] for row in rows)


def _cell(value: object) -> str:
    if value is None:
        return NOTHING
    return f"{value:.{DIGITS}g}" if isinstance(value, float) else str(value)
