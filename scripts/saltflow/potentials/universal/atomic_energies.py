"""Energies per atom of each element that stand in for isolated atoms: the E0s of a model that learns from a potential.

No universal potential has learned a single atom in a box, so none is evaluated there.
"""

from collections.abc import Callable, Mapping

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import BaseCalculator
from ase.data import atomic_numbers, covalent_radii

from saltflow.base.errors import SaltflowError

# Crystals of one element; edge of the cubic cell over the distance of neighbours.
CRYSTALS = {"sc": 1.0, "bcc": 2 / 3**0.5, "fcc": 2**0.5, "diamond": 4 / 3**0.5}
# Loose crystals: universal potentials are unphysical where atoms are squeezed. The longest distance is within the usual
# cutoff of 5 Å, so that no atom is alone.
DISTANCES = np.array([1.7, 1.9])  # over twice the covalent radius
LONGEST_A = 4.9


def own_energy_eV(calculator: BaseCalculator, element: str) -> float:
    """What a potential itself adds to the energy for each atom of an element.

    CHGNet and SevenNet: the fit of their training energies to compositions. DIEP and MACE: the isolated atoms of
    their training method.

    Raises:
        SaltflowError: it is not known where the calculator keeps them.
    """
    kind = type(calculator).__name__
    if kind not in _OWN:
        raise SaltflowError(
            f"{kind} has no energies of elements that saltflow can read; write atomic_energies: fitted."
        )
    return float(_OWN[kind](calculator)[atomic_numbers[element]])


def fitted_energy_eV(energy_eV: Callable[[Atoms], float], element: str) -> float:
    """Least-squares fit of one energy per atom to loose crystals of an element, their mean: a coarse offset.

    The crystals are simple cubic, body-centred cubic, face-centred cubic and diamond at two densities.

    Args:
        energy_eV: total energy of a structure.
        element: whose crystals are evaluated.
    """
    distances_A = np.minimum(2 * covalent_radii[atomic_numbers[element]] * DISTANCES, LONGEST_A)
    crystals = [
        bulk(element, name, a=edge * each, cubic=True) for name, edge in CRYSTALS.items() for each in distances_A
    ]
    return float(np.mean([energy_eV(crystal) / len(crystal) for crystal in crystals]))


def _of_chgnet(calculator) -> Mapping[int, float]:
    return dict(enumerate(calculator.model.composition_model.fc.weight.flatten().tolist(), start=1))


def _of_sevennet(calculator) -> Mapping[int, float]:
    shifts = calculator.model.rescale_atomic_energy.shift.tolist()
    return {number: shifts[index] for number, index in calculator.type_map.items()}


def _of_diep(calculator) -> Mapping[int, float]:
    numbers = [atomic_numbers[element] for element in calculator.element_types]
    return dict(zip(numbers, calculator.potential.element_refs.property_offset.tolist(), strict=True))


def _of_mace(calculator) -> Mapping[int, float]:
    model, head = calculator.models[0], calculator.available_heads.index(calculator.head)
    energies = model.atomic_energies_fn.atomic_energies.reshape(-1, len(model.atomic_numbers))
    return dict(zip(model.atomic_numbers.tolist(), energies[head].tolist(), strict=True))


_OWN: Mapping[str, Callable[[BaseCalculator], Mapping[int, float]]] = {
    "CHGNetCalculator": _of_chgnet,
    "SevenNetCalculator": _of_sevennet,
    "DIEPCalculator": _of_diep,
    "MACECalculator": _of_mace,
}
