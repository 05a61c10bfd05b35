"""Molecules of a gas above a slab: how many, and where."""

from collections.abc import Mapping

import numpy as np
from ase import Atoms
from ase.build import molecule
from ase.collections import g2
from ase.data import covalent_radii
from ase.formula import Formula
from ase.geometry import get_distances
from ase.units import Pascal, kB
from scipy.spatial.transform import Rotation

from saltflow.base.errors import InputError
from saltflow.studies.interfaces.crystal_slabs import area_A2, check_radii, thickness_A

APART = 1.6  # of the sum of covalent radii; bonds end at 1.45
LEAST_APART_A = 2.0
TRIES = 2000  # of each molecule
BAR = 1e5 * Pascal


def parse_gas(text: str) -> dict[str, float]:
    """Molecules with their numbers or parts, such as "CO2:20,O2:10".

    Raises:
        InputError: it is no such list, a number is negative, or a molecule is unknown.
    """
    found: dict[str, float] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, _, number = part.partition(":")
        try:
            found[name] = float(number)
        except ValueError:
            raise InputError([f"--gas: '{part}' is no molecule with its number; give such as CO2:20,O2:10."]) from None
        if not 0 <= found[name] < np.inf:
            raise InputError([f"--gas: {name}:{number} cannot be; a number of molecules is 0 or more."])
        molecule_of(name)
    return {name: number for name, number in found.items() if number}


def molecule_of(formula: str) -> Atoms:
    """A molecule of the G2 set (Curtiss et al., J. Chem. Phys. 94, 7221, 1991), by its name or formula.

    Raises:
        InputError: it is unknown, or several have this formula.
    """
    if formula in g2.names:
        return molecule(formula)
    try:
        wanted = Formula(formula).count()
    except ValueError:
        wanted = {}
    names = [name for name in g2.names if wanted and Formula("".join(molecule(name).symbols)).count() == wanted]
    if len(names) != 1:
        many = f"is one of {', '.join(names)}; name which" if names else "is unknown; give such as CO2, O2, H2O or N2"
        raise InputError([f"--gas: the molecule '{formula}' {many}."])
    return molecule(names[0])


def counts_of(
    gas: Mapping[str, float], *, pressure_bar: float | None, temperature_K: float, volume_A3: float
) -> dict[str, int]:
    """Molecules of each kind: the numbers as given, or by N = p V / kT of the ideal gas.

    Args:
        gas: numbers; with a pressure, parts of the mixture.
        pressure_bar: total, or None.
        temperature_K: of the gas.
        volume_A3: between the slab and its image.

    Raises:
        InputError: a number is no whole one, or the pressure gives less than half a molecule.
    """
    if pressure_bar is None:
        if odd := [name for name, number in gas.items() if number != int(number)]:
            raise InputError([f"--gas: the number of {odd[0]} is no whole one; give one, or parts with --pressure."])
        return {name: int(number) for name, number in gas.items()}
    if not pressure_bar > 0 or not gas:
        raise InputError(["--pressure has to be above 0 and needs the parts of --gas; correct them."])
    total = pressure_bar * BAR * volume_A3 / (kB * temperature_K)
    counts = {name: round(total * part / sum(gas.values())) for name, part in gas.items()}
    if not any(counts.values()):
        raise InputError(
            [
                f"--pressure {pressure_bar:g} bar at {temperature_K:g} K is {total:.2g} molecules in {volume_A3:.0f} "
                "Å³; raise it, --vacuum or --width, or give numbers without it."
            ]
        )
    return counts


def pressure_bar_of(molecules: int, *, temperature_K: float, volume_A3: float) -> float:
    """That of an ideal gas."""
    return molecules * kB * temperature_K / volume_A3 / BAR


def free_volume_A3(slab: Atoms) -> float:
    """Between a slab and its image above."""
    return area_A2(slab) * (slab.cell[2, 2] - thickness_A(slab))


def put_gas(slab: Atoms, counts: Mapping[str, int], *, seed: int) -> Atoms:
    """A slab with molecules in its vacuum, at random places and in random directions, without overlaps.

    Atoms of different molecules, and of a molecule and the slab, are at least 2 Å and 1.6 × the sum of their covalent
    radii apart; periodic images count.

    Args:
        slab: normal along z.
        counts: molecules of each kind.
        seed: of places and directions.

    Raises:
        InputError: a molecule finds no place, or an element has no known radius.
    """
    random = np.random.default_rng(seed)
    found = slab.copy()
    check_radii(slab)
    lower, upper = slab.positions[:, 2].max(), slab.positions[:, 2].min() + slab.cell[2, 2]
    for name, number in counts.items():
        shape = molecule_of(name)
        check_radii(shape)
        shape = Atoms(shape.numbers, shape.positions - shape.positions.mean(axis=0))
        for placed in range(number):
            found += _placed(shape, found, (lower, upper), random, what=f"{placed + 1} of {number} {name}")
    return found


def _placed(shape: Atoms, others: Atoms, heights: tuple[float, float], random: np.random.Generator, what: str) -> Atoms:
    limits_A = np.maximum(
        APART * (covalent_radii[shape.numbers][:, None] + covalent_radii[others.numbers]), LEAST_APART_A
    )
    for _ in range(TRIES):
        trial = shape.copy()
        trial.positions = Rotation.random(random_state=random).apply(shape.positions)
        in_plane = random.random(2) @ others.cell.array[:2]
        trial.positions += in_plane + [0, 0, random.uniform(*heights)]
        _, apart_A = get_distances(trial.positions, others.positions, cell=others.cell, pbc=True)
        if np.all(apart_A > limits_A):
            return trial
    raise InputError(
        [f"--gas: molecule {what} finds no place without overlap; raise --vacuum or --width, or give fewer."]
    )
