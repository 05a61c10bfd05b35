"""Replay where the foundation is a file: structures that the user names, labelled by the foundation itself.

What it was trained on is not at hand. Its own predictions stand for it: learned again beside the new labels, they hold
the potential where the foundation was, at structures that the new labels say nothing about.

    E = E_foundation − Σ E0_foundation + Σ E0_reference

is the predicted energy on the labels' zero: the foundation's energy of interaction is kept, and the isolated atoms are
those of the reference. That is what a fine-tuning from the foundation says before its first step. Forces and
stresses do not feel the zero.
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
from saltflow.base.provenance import digest, sha256_of_file
from saltflow.materials.frame_info import FrameInfo
from saltflow.potentials.mace import Committee, load_model

log = logging.getLogger(__name__)

KEY = "learning.training.replay_structures"
HELDOUT_FRACTION = 0.1


@dataclass(frozen=True)
class Structures:
    """Structures that a foundation is to label.

    train, heldout: to be replayed, and never to be; without labels, with their `structure_number` in the file.
        All of one formula are on one side, for a cell and its supercell are alike.
    elements: symbols of all structures of the file.
    left_out: how many of them hold an element that the potential does not learn.
    sha256: of the file. dispersion: that is added to predictions, as `dispersion.switch.completed` has it.
    """

    train: Sequence[Atoms]
    heldout: Sequence[Atoms]
    elements: frozenset[str]
    left_out: int
    sha256: str
    dispersion: str


def read_structures(asked: Mapping, *, elements: Collection[str]) -> Structures:
    """Read the structures that are named in the settings.

    Args:
        asked: `learning.training.replay_structures`: path, sha256 and dispersion.
        elements: that the potential learns; isolated atoms of others have no energy by its reference.

    Raises:
        SaltflowError: the file is missing, is not the pinned one, cannot be read, holds no structures that the
            potential can learn, or one that is not periodic.
    """
    path = Path(asked["path"])
    if not path.is_file():
        raise SaltflowError(f"{KEY}: {path} is not there; correct its path.")
    if (found := sha256_of_file(path)) != asked["sha256"]:
        raise SaltflowError(f"{KEY}: {path} has SHA-256 {found} where {asked['sha256']} is pinned; restore the file.")
    structures = _read(path)
    known = [each for each in structures if set(each.symbols) <= set(elements)]
    if not known:
        raise SaltflowError(
            f"{KEY}: none of the {len(structures)} structures of {path} holds only {', '.join(sorted(elements))}, "
            "which the potential learns; name others, or choose frozen or lora."
        )
    if left_out := len(structures) - len(known):
        log.info("%d of %d structures to replay hold elements that are not learned", left_out, len(structures))
    train, heldout = _split(known)
    return Structures(
        train=train,
        heldout=heldout,
        elements=frozenset(symbol for each in structures for symbol in each.symbols),
        left_out=left_out,
        sha256=asked["sha256"],
        dispersion=asked["dispersion"],
    )


def _read(path: Path) -> list[Atoms]:
    """The structures of a file without what it says of them."""
    try:
        found = ase.io.read(path, index=":") if path.stat().st_size else []
    except Exception as error:  # whatever a parser trips over in a file that is something else
        raise SaltflowError(
            f"{KEY}: {path} cannot be read as structures ({type(error).__name__}: {error}); give extended XYZ or "
            "another format that ASE reads."
        ) from error
    if not found:
        raise SaltflowError(f"{KEY}: {path} holds no structures; name a set that does.")
    for number, each in enumerate(found, start=1):
        if problem := _problem_of(each):
            raise SaltflowError(
                f"{KEY}: structure {number} of {path}, {each.get_chemical_formula()}, {problem}; leave it out."
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
    """Those to replay, and those of some formulas, a tenth of all; the rarest formula where that is more than a tenth.

    The same set is always split alike. A set of one formula is replayed as a whole.
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
    """A foundation, in double precision, that says energies on the zero of a reference.

    Args:
        path, sha256: its file, and what that must hash to; a model with one head.
        isolated_atoms_eV: atomic number → energy of the isolated atom by the reference, of elements that it knows.
        dispersion: that is added to what it says, or none.
        device: cpu or cuda.
    """
    model = load_model(path, sha256=sha256, device=device, dtype="float64")
    numbers = [int(number) for number in model.atomic_numbers]
    energies = model.atomic_energies_fn.atomic_energies
    for number, energy_eV in isolated_atoms_eV.items():
        energies[..., numbers.index(number)] = energy_eV
    return Committee([model], device=device, dtype="float64", dispersion=dispersion)


def check_known(structures: Structures, numbers: Collection[int]) -> None:
    """Refuse structures that a foundation cannot have learned.

    Args:
        structures: to be labelled by it.
        numbers: atomic numbers that it knows.

    Raises:
        SaltflowError: one holds an element that the foundation lacks.
    """
    if unknown := sorted(structures.elements - {chemical_symbols[number] for number in numbers}):
        raise SaltflowError(
            f"{KEY}: structures hold {', '.join(unknown)}, which the foundation does not know, so that it "
            "was not trained on the like; leave them out, or name the set that belongs to it."
        )


def labelled(structures: Sequence[Atoms], teacher: Committee) -> list[Atoms]:
    """Copies of structures with REF_energy (eV), REF_forces (eV/Å) and REF_stress (eV/Å³) as a foundation says them.

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
            f"{KEY}: the foundation finds no finite energy or forces in {named}, where atoms may lie upon each other; "
            "leave it out."
        )
    return FrameInfo.of(structure.copy()).set(
        reference_energy_eV=energy,
        reference_forces_eV_A=forces,
        reference_stress_eV_A3=found.stresses[0].cpu().numpy(),
    )
