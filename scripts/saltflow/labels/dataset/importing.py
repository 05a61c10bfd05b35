"""Import labelled sets of other programs: check them and complete their `FrameInfo`."""

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import yaml
from ase import Atoms

from saltflow.base.errors import InputError, SaltflowError
from saltflow.base.provenance import check_pinned, sha256_of_file
from saltflow.campaign.settings.references import Reference
from saltflow.labels.dataset.consistency import find_inconsistency
from saltflow.labels.dataset.other_formats import read_labelled
from saltflow.materials.frame_info import IMPORTED, FrameInfo

# Consecutive frames of a file are similar: blocks of them form a lineage.
BLOCK_FRAMES = 25
# 160 GPa: a larger stress is in another unit.
MAX_STRESS_EV_A3 = 1.0
LABELS = (FrameInfo.reference_energy_eV, FrameInfo.reference_forces_eV_A, FrameInfo.reference_stress_eV_A3)


def import_set(
    path: Path,
    reference: Reference,
    *,
    reference_name: str,
    composition: str,
    max_force_eV_A: float,
    md_temperature_K: float | None = None,
) -> list[Atoms]:
    """The frames of a labelled set with the `FrameInfo` of labels.

    Args:
        path: extended XYZ, vasprun.xml, OUTCAR or an ASE database.
        reference: declared method of the set.
        composition: id of frames that name none.
        max_force_eV_A: limit on the force on any atom; a frame above it is an error here.
        md_temperature_K: of a set that is molecular dynamics by the reference, in the order of time.

    Raises:
        SaltflowError: the file is broken or of another method, a label is missing, a number is out of range, or
            energies and forces are inconsistent; all wrong frames are counted.
    """
    frames = read_labelled(path, reference)
    if not frames:
        raise SaltflowError(f"{path} holds no frames.")
    problems = [text for frame in frames if (text := _problem_of(frame, reference, reference_name, max_force_eV_A))]
    if problems:
        raise SaltflowError(
            f"{path}: {len(problems)} of {len(frames)} frames cannot be used; the first: {problems[0]}."
        )
    if text := find_inconsistency(frames):
        raise SaltflowError(f"{path}: {text}.")
    return [
        _marked(
            frame,
            index,
            path,
            reference,
            reference_name=reference_name,
            composition=composition,
            temperature_K=md_temperature_K,
        )
        for index, frame in enumerate(frames)
    ]


def imported_entry(path: Path, *, reference_name: str, composition: str) -> str:
    """The entry of `labels.imported` for a checked set, as YAML."""
    entry = {
        "path": str(path.resolve()),
        "sha256": sha256_of_file(path),
        "reference": reference_name,
        "composition": composition,
    }
    return yaml.safe_dump([entry], sort_keys=False)


def read_imported(
    sets: Sequence[dict], reference: Reference, *, reference_name: str, elements: Collection[str], max_force_eV_A: float
) -> list[Atoms]:
    """The frames of the sets under `labels.imported` of a potential.

    Args:
        sets: path, sha256, composition and declared reference of each, and md_temperature_K of molecular dynamics.
        reference: of the potential.
        elements: of the potential.

    Raises:
        InputError: sets that are declared to come from another reference.
        SaltflowError: a file is not the pinned one, has other elements, or cannot be used.
    """
    problems = [
        f"labels.imported: {each['path']} is declared to come from '{each['reference']}', but the potential learns "
        f"from '{reference_name}'; one potential needs one method: remove it."
        for each in sets
        if each["reference"] != reference_name
    ]
    if problems:
        raise InputError(problems)
    frames = []
    for each in sets:
        check_pinned(each["path"], each["sha256"], key="labels.imported")
        found = import_set(
            Path(each["path"]),
            reference,
            reference_name=reference_name,
            composition=each["composition"],
            max_force_eV_A=max_force_eV_A,
            md_temperature_K=each.get("md_temperature_K"),
        )
        _check_elements(each["path"], found, elements)
        frames += found
    return frames


def _check_elements(path: str, frames: Sequence[Atoms], elements: Collection[str]) -> None:
    unknown = sorted({symbol for frame in frames for symbol in frame.symbols} - set(elements))
    if unknown:
        raise SaltflowError(
            f"labels.imported: {path} holds {', '.join(unknown)}, which no composition of the potential contains; "
            "train it on one that does, or remove those frames."
        )


def _problem_of(frame: Atoms, reference: Reference, reference_name: str, max_force_eV_A: float) -> str | None:
    info = FrameInfo.partial(frame)
    labels = {key.on_disk: info.read(key) for key in LABELS}
    if missing := [name for name, value in labels.items() if value is None]:
        return f"{', '.join(missing)} is missing (energy in eV, forces in eV/Å, stress in eV/Å³ are needed)"
    if not frame.pbc.all() or frame.cell.volume == 0:
        return "it is not periodic in three directions"
    numbers = [frame.positions.ravel(), frame.cell.array.ravel(), *map(np.ravel, labels.values())]
    if not np.isfinite(np.concatenate(numbers)).all():
        return "a position, an energy, a force or the stress is not a number"
    if (largest := np.linalg.norm(info.reference_forces_eV_A, axis=1).max()) > max_force_eV_A:
        return f"its largest force of {largest:.1f} eV/Å is above labels.max_force_eV_A = {max_force_eV_A:g}"
    if (largest := np.abs(info.reference_stress_eV_A3).max()) > MAX_STRESS_EV_A3:
        return f"a stress of {largest:.3g} eV/Å³ is {largest * 160:.3g} GPa: it may be in GPa or kBar"
    return _other_method(frame, reference, reference_name)


def _other_method(frame: Atoms, reference: Reference, reference_name: str) -> str | None:
    """Why the method that a frame records is not the declared one, or None."""
    info, declared = FrameInfo.partial(frame), reference.digest()
    if info.reference_digest not in (None, declared):
        return (
            f"its own record says reference {info.reference} ({info.reference_digest}), not {reference_name} "
            f"({declared})"
        )
    if info.dispersion not in (None, reference.dispersion):
        return f"its own record says dispersion {info.dispersion}, not {reference.dispersion}"
    return None


def _marked(
    frame: Atoms,
    index: int,
    path: Path,
    reference: Reference,
    *,
    reference_name: str,
    composition: str,
    temperature_K: float | None,
) -> Atoms:
    info = FrameInfo.partial(frame)
    marked = Atoms(frame.numbers, frame.positions, cell=frame.cell, pbc=True)
    return FrameInfo.of(marked).set(
        reference_energy_eV=info.reference_energy_eV,
        reference_forces_eV_A=info.reference_forces_eV_A,
        reference_stress_eV_A3=info.reference_stress_eV_A3,
        potcars=info.potcars,
        composition=info.composition or composition,
        lineage=info.lineage or f"imported/{path.stem}/{frame.get_chemical_formula()}/{index // BLOCK_FRAMES}",
        origin=f"{IMPORTED}:{path.name}",
        split="train",
        temperature_K=temperature_K,
        reference=reference_name,
        reference_digest=reference.digest(),
        reference_code=info.reference_code or "declared",
        dispersion=reference.dispersion,
    )
