"""Unpaired electrons of a structure, from the settings."""

from collections.abc import Mapping

from ase import Atoms
from ase.data import atomic_numbers, ground_state_magnetic_moments

from saltflow.campaign.settings.references import DensityFunctionalReference
from saltflow.labels.reference.label import LabelFailure

# Unpaired d electrons in the ground state: a closed-shell calculation would be silently wrong.
OPEN_SHELL = frozenset({"V", "Cr", "Mn", "Fe", "Co", "Ni"})


def spin_problem(reference: DensityFunctionalReference, element: str) -> str | None:
    """Why the spin of an element is unknown, or None."""
    if element in OPEN_SHELL and element not in reference.unpaired_electrons:
        return f"{element} is open-shell; give its unpaired electrons in unpaired_electrons of the reference"
    return None


def unpaired_electrons(
    atoms: Atoms, reference: DensityFunctionalReference, *, valence_electrons: Mapping[str, float]
) -> int:
    """Unpaired electrons of a structure, open-shell elements aligned.

    Args:
        valence_electrons: element → electrons that the code treats.

    Raises:
        LabelFailure: the number of the other electrons is odd.
    """
    electrons = round(sum(valence_electrons[symbol] for symbol in atoms.symbols))
    unpaired = sum(reference.unpaired_electrons.get(symbol, 0) for symbol in atoms.symbols)
    if (electrons - unpaired) % 2:
        reason = f"{electrons} electrons cannot have {unpaired} unpaired: the cell is not charge-balanced"
        raise LabelFailure("wrong_spin", reason, attempts=0)
    return unpaired


def free_atom_unpaired_electrons(element: str) -> int:
    """Unpaired electrons of a free atom in its ground state."""
    return round(ground_state_magnetic_moments[atomic_numbers[element]])
