"""Elements of atoms by what other programs call them."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from ase.data import atomic_masses, atomic_numbers, chemical_symbols

from saltflow.base.errors import SaltflowError

ELEMENTS = frozenset(chemical_symbols[1:])
ISOTOPES_U = {"D": 2.01410, "T": 3.01605}  # hydrogen (AME2020)
# VASP: Li_sv, Ta_pv/1a2b3c4d, Cl/9f8e7d6c; an ion: Li+, O2-.
DECORATION = re.compile(r"(_\w+)?(/[0-9a-fA-F]+)?$|\d*[+-]$")


def elements_of(
    schemes: Sequence[Sequence[str]], species: Mapping[str, str], source: str | Path
) -> tuple[list[str], np.ndarray]:
    """Symbol and mass in u of every atom; deuterium and tritium are hydrogen with their mass.

    Args:
        schemes: names of the atoms, one list per naming scheme of the file; the first whose names are elements counts.
        species: name of an atom in the file → its element, where the name is not the element.
        source: the file, for messages.

    Raises:
        SaltflowError: a name is no element, or a name of `species` is none of the file.
    """
    _check_species(schemes, species, source)
    unknown: list[str] = []
    for names in schemes:
        called = {name: element_of(species.get(name, name)) for name in set(names)}
        unknown = sorted(name for name, symbol in called.items() if symbol is None)
        if names and not unknown:
            symbols = [called[name] for name in names]
            masses_u = atomic_masses[[atomic_numbers[symbol] for symbol in symbols]]
            isotopes_u = {name: ISOTOPES_U.get(species.get(name, name)) for name in called}
            return symbols, np.array([isotopes_u[name] or mass for name, mass in zip(names, masses_u, strict=True)])
    if not unknown:
        raise SaltflowError(f"{source} names no atoms; give a file that does with --topology.")
    raise SaltflowError(
        f"{source} calls atoms {', '.join(unknown)}, which are no elements; give their elements with "
        f"--species {unknown[0]}=Li,… or a file that names them with --topology."
    )


def element_of(name: str) -> str | None:
    """The element of a name such as Li, LI, Li_sv, Li_sv/1a2b3c4d or Li+; None where it is none."""
    bare = DECORATION.sub("", name.strip(), count=1)
    if bare in ISOTOPES_U:
        return "H"
    return next((symbol for symbol in (bare, bare.capitalize()) if symbol in ELEMENTS), None)


def _check_species(schemes: Sequence[Sequence[str]], species: Mapping[str, str], source: str | Path) -> None:
    names = {name for scheme in schemes for name in scheme}
    for name, symbol in species.items():
        if element_of(symbol) is None:
            raise SaltflowError(f"--species {name}={symbol}: {symbol} is no element; correct it.")
        if name not in names:
            listed = ", ".join(sorted(names)[:8]) or "no names at all"
            raise SaltflowError(f"--species {name}={symbol}: {source} calls no atom {name} but {listed}; correct it.")
