"""Replay of structures that the foundation labels (pseudolabels): of the user for a file, else of its own frames.

The training set of a file is not available, and the labels of a teacher do not mix with those of another reference. So
predictions of the foundation take their place: they keep the potential near it at structures that the new labels do not
cover. The energy is put on the zero of the labels:

    E = E_foundation − Σ E0_foundation + Σ E0_reference

This keeps the foundation's interaction energy with the isolated atoms of the reference, as the start of a fine-tuning
does. Forces and stresses do not depend on the zero.
"""

import logging
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import check_pinned, digest
from saltflow.materials.frame_info import FrameInfo
from saltflow.potentials.mace import Committee, load_model

log = logging.getLogger(__name__)

KEY = "learning.training.replay_structures"
HELDOUT_FRACTION = 0.1


@dataclass(frozen=True)
class ReplaySet:
    """Structures that a foundation labels.

    train, heldout: replayed and held-out ones, without labels, with their `structure_number`; all structures of a
        formula are on one side.
    elements: symbols of all structures of the file.
    excluded: number of structures with an element that the potential does not learn.
    sha256: of the file. dispersion: added to predictions, of `added_dispersion.with_functional`.
    """

    train: Sequence[Atoms]
    heldout: Sequence[Atoms]
    elements: frozenset[str]
    excluded: int
    sha256: str
    dispersion: str


def read_structures(settings: Mapping, *, elements: Collection[str]) -> ReplaySet:
    """Read the structures to replay.

    Args:
        settings: `learning.training.replay_structures`: path, sha256 and dispersion.
        elements: of the potential; other isolated atoms have no reference energy.

    Raises:
        SaltflowError: the file is missing, not the pinned one or unreadable, has no structures of these elements, or
            one that is not periodic.
    """
    path = Path(settings["path"])
    check_pinned(path, settings["sha256"], key=KEY)
    structures = _read(path)
    known = [each for each in structures if set(each.symbols) <= set(elements)]
    if not known:
        raise SaltflowError(
            f"{KEY}: none of the {len(structures)} structures of {path} holds only {', '.join(sorted(elements))}, "
            "which the potential learns; name others, or choose frozen or lora."
        )
    if excluded := len(structures) - len(known):
        log.info("%d of %d structures to replay have other elements and are excluded", excluded, len(structures))
    train, heldout = _split(known)
    return ReplaySet(
        train=train,
        heldout=heldout,
        elements=frozenset(symbol for each in structures for symbol in each.symbols),
        excluded=excluded,
        sha256=settings["sha256"],
        dispersion=settings["dispersion"],
    )


def without_labels(
    train: Sequence[Atoms], heldout: Sequence[Atoms], *, elements: Collection[str], dispersion: str, sha256: str
) -> ReplaySet:
    """Frames of a foundation that learned from another reference: it labels them itself, on the zero of the new one.

    Args:
        train, heldout: its labelled frames.
        elements: of the potential; frames with others are left out.
        dispersion, sha256: as in `ReplaySet`; the latter of the file of `train`.

    Raises:
        SaltflowError: no training frame has these elements alone.
    """
    known = [[each for each in frames if set(each.symbols) <= set(elements)] for frames in (train, heldout)]
    if not known[0]:
        raise SaltflowError(
            f"learning.training.recipe is replay, but no training frame of the foundation holds only "
            f"{', '.join(sorted(elements))}; choose naive, frozen or lora."
        )
    bare = [[_bare(each, number) for number, each in enumerate(frames, start=1)] for frames in known]
    return ReplaySet(
        train=bare[0],
        heldout=bare[1],
        elements=frozenset(symbol for each in known[0] for symbol in each.symbols),
        excluded=len(train) - len(known[0]),
        sha256=sha256,
        dispersion=dispersion,
    )


def _bare(frame: Atoms, number: int) -> Atoms:
    info = FrameInfo.of(frame)
    bare = Atoms(frame.numbers, frame.positions, cell=frame.cell, pbc=True)
    return FrameInfo.of(bare).set(composition=info.composition, lineage=info.lineage, structure_number=number)


def _read(path: Path) -> list[Atoms]:
    """The structures of a file, without other data."""
    try:
        found = ase.io.read(path, index=":") if path.stat().st_size else []
    except Exception as error:  # parsers raise anything for a file of another kind
        raise SaltflowError(
            f"{KEY}: {path} cannot be read as structures ({type(error).__name__}: {error}); give extended XYZ or "
            "another format that ASE reads."
        ) from error
    if not found:
        raise SaltflowError(f"{KEY}: {path} holds no structures; name a set that does.")
    for number, each in enumerate(found, start=1):
        if problem := _problem_of(each):
            raise SaltflowError(
                f"{KEY}: structure {number} of {path}, {each.get_chemical_formula()}, {problem}; remove it."
            )
    return [
        FrameInfo.of(Atoms(each.numbers, each.positions, cell=each.cell, pbc=True)).set(structure_number=number)
        for number, each in enumerate(found, start=1)
    ]


def _problem_of(structure: Atoms) -> str | None:
    if not len(structure):
        return "has no atoms"
    if not structure.pbc.all() or structure.cell.volume == 0:
        return "is not periodic in three directions"
    if not (np.isfinite(structure.positions).all() and np.isfinite(structure.cell.array).all()):
        return "has a position or an edge that is not a number"
    return None


def _split(structures: Sequence[Atoms]) -> tuple[list[Atoms], list[Atoms]]:
    """Structures to replay, and held-out ones: whole formulas, a tenth of the set, or at least the rarest formula.

    The split depends on the set alone. A set of one formula is replayed as a whole.
    """
    formulas = [each.symbols.formula.reduce()[0].format("hill") for each in structures]
    counts = Counter(formulas)
    apart: set[str] = set()
    for formula in sorted(counts, key=digest):
        if sum(counts[each] for each in (*apart, formula)) <= HELDOUT_FRACTION * len(structures):
            apart.add(formula)
    if not apart and len(counts) > 1:
        apart.add(min(counts, key=lambda formula: (counts[formula], digest(formula))))
    sides: tuple[list[Atoms], list[Atoms]] = ([], [])
    for formula, structure in zip(formulas, structures, strict=True):
        sides[formula in apart].append(structure)
    return sides


def load_teacher(
    path: Path, *, sha256: str, isolated_atoms_eV: Mapping[int, float], dispersion: str, device: str
) -> Committee:
    """A foundation in double precision, with energies on the zero of a reference.

    Args:
        path, sha256: of its file; a model with one head.
        isolated_atoms_eV: atomic number → energy of the isolated atom by the reference.
        dispersion: added to its predictions, or none.
        device: cpu or cuda.
    """
    model = load_model(path, sha256=sha256, device=device, dtype="float64")
    numbers = [int(number) for number in model.atomic_numbers]
    energies = model.atomic_energies_fn.atomic_energies
    for number, energy_eV in isolated_atoms_eV.items():
        energies[..., numbers.index(number)] = energy_eV
    return Committee([model], device=device, dtype="float64", dispersion=dispersion)


def check_elements(structures: ReplaySet, numbers: Collection[int]) -> None:
    """Make sure that a foundation knows the elements of all structures.

    Args:
        structures: to be labelled by it.
        numbers: its atomic numbers.

    Raises:
        SaltflowError: the foundation lacks an element.
    """
    if unknown := sorted(structures.elements - {chemical_symbols[number] for number in numbers}):
        raise SaltflowError(
            f"{KEY}: structures hold {', '.join(unknown)}, which the foundation does not know; remove "
            "them, or name the set that belongs to it."
        )


def label_structures(structures: Sequence[Atoms], teacher: Committee) -> list[Atoms]:
    """Copies of structures with the predictions of a foundation as labels.

    Raises:
        SaltflowError: a prediction is not finite.
    """
    return [_labelled(structure, teacher) for structure in structures]


def _labelled(structure: Atoms, teacher: Committee) -> Atoms:
    potential, *where = teacher.on_frame(structure)
    found = potential.evaluate(*where)
    energy, forces = float(found.energies[0]), found.forces.cpu().numpy()
    if not (np.isfinite(energy) and np.isfinite(forces).all()):
        named = f"structure {FrameInfo.of(structure).structure_number}, {structure.get_chemical_formula()}"
        raise SaltflowError(
            f"{KEY}: the foundation gives no finite energy or forces for {named}, where atoms may overlap; remove it."
        )
    return FrameInfo.of(structure.copy()).set(
        reference_energy_eV=energy,
        reference_forces_eV_A=forces,
        reference_stress_eV_A3=found.stresses[0].cpu().numpy(),
    )
