"""The metal of the ion, the other electrode."""

from math import ceil, pi
from pathlib import Path
from typing import NamedTuple

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.data import atomic_numbers, reference_states
from ase.units import kB

from saltflow.base.errors import InputError, SaltflowError
from saltflow.base.provenance import digest
from saltflow.materials.structure_files import read_structure
from saltflow.studies.electrodes.configurations import MADE_BY
from saltflow.studies.kept_numbers import kept_numbers
from saltflow.studies.relaxation.batched_evaluation import BatchedEvaluation
from saltflow.studies.relaxation.relaxed_cells import relax_cells

NEXT_IMAGE_A = 10.0  # of an atom that is moved
SMALL_MOVE_A = 0.02


def metal_of(ion: str, file: str | None) -> Atoms:
    """The crystal of a metal: of a file, or bcc with the lattice constant that ASE knows.

    Raises:
        InputError: ASE knows no bcc metal of that name, or the file holds something else.
    """
    if file is not None:
        metal = read_structure(file)
        if set(metal.symbols) != {ion}:
            raise InputError([f"--metal: '{file}' is {metal.symbols.formula.reduce()[0]}; give a crystal of {ion}."])
        return metal
    if ion not in atomic_numbers:
        raise InputError([f"--ion: '{ion}' is no element; give such as Li."])
    known = reference_states[atomic_numbers[ion]]
    if not known or known["symmetry"] != "bcc":
        raise InputError([f"--metal: {ion} is no bcc metal; give a file with the crystal of {ion}."])
    return bulk(ion, "bcc", a=known["a"], cubic=True)


class MetalAtom(NamedTuple):
    """An atom of the metal at rest."""

    energy_eV: float
    volume_A3: float


def metal_at_rest(metal: Atoms, evaluation: BatchedEvaluation, *, settings: dict, folder: Path) -> MetalAtom:
    """An atom of a metal that is relaxed with its cell; kept in metal.json.

    Args:
        metal: its crystal.
        evaluation: of the potential.
        settings: force_eV_A, steps, and what tells one potential from another.
        folder: of the study.

    Raises:
        SaltflowError: it does not come to rest.
    """

    def relaxed() -> dict:
        limits = {"force_eV_A": settings["force_eV_A"], "steps": settings["steps"]}
        (cell,) = relax_cells([metal], evaluation, **limits)
        if not cell.is_converged(settings["force_eV_A"]):
            raise SaltflowError(f"The metal {metal.symbols[0]} does not come to rest by this potential; raise --steps.")
        volume_A3 = cell.atoms.get_volume() / len(metal)
        return {"energy_eV": cell.energy_eV / len(metal), "volume_A3": volume_A3}

    made_by = {name: settings[name] for name in MADE_BY}
    key = digest([made_by, str(metal.symbols), metal.cell.array.round(4).tolist()])
    return MetalAtom(**kept_numbers(folder / "metal.json", relaxed, key=key))


def vibrational_volume_A3(metal: Atoms, volume_A3: float, evaluation: BatchedEvaluation, temperature_K: float) -> float:
    """Volume in which an atom of a metal vibrates, as a classical Einstein crystal: (2πkT)^(3/2)/√det K.

    K is the second derivative of the energy by the place of one atom, by central differences of its force.

    Args:
        metal: its crystal.
        volume_A3: of an atom at rest, to which the crystal is scaled.
        evaluation: of the potential.
        temperature_K: of the atom.

    Raises:
        SaltflowError: the atom is not at a minimum.
    """
    cell = metal.copy()
    cell.set_cell(cell.cell * (volume_A3 * len(cell) / cell.get_volume()) ** (1 / 3), scale_atoms=True)
    cell = cell.repeat([ceil(NEXT_IMAGE_A / length) for length in cell.cell.lengths()])
    moved = []
    for axis in range(3):
        for sign in (1, -1):
            moved.append(cell.copy())
            moved[-1].positions[0, axis] += sign * SMALL_MOVE_A
    forces = np.array([found[1][0] for found in evaluation.of_cells(moved)]).reshape(3, 2, 3)
    springs = (forces[:, 1] - forces[:, 0]) / (2 * SMALL_MOVE_A)
    stiffness = np.linalg.eigvalsh((springs + springs.T) / 2)
    if not stiffness.min() > 0:
        raise SaltflowError(
            f"An atom of the metal {metal.symbols[0]} is not at a minimum by this potential; give --metal."
        )
    return float((2 * pi * kB * temperature_K) ** 1.5 / np.sqrt(np.prod(stiffness)))
