"""Roles of the elements: mobile ion, metals of the framework, anions and polyanions."""

from collections.abc import Mapping
from dataclasses import dataclass

from saltflow.base.errors import SaltflowError
from saltflow.materials.ions.polyanions import POLYANIONS, Polyanion

HALIDES = ("F", "Cl", "Br", "I")
# Order in the label of a shell: halides as X, oxygen, then other anions.
SHELL_ORDER = ("X", "O", "S", "N")


@dataclass(frozen=True)
class Roles:
    """The role of each element of a composition.

    Args:
        species: elements in alphabetical order.
        mobile: the mobile ion.
        metals: cations of the framework, of charge 2 or more, neither mobile, nor centre of a polyanion, nor hydrogen;
            may be none.
        anions: elements of negative charge.
        polyanions: kinds that the elements and their charges allow.
    """

    species: tuple[str, ...]
    mobile: str
    metals: tuple[str, ...]
    anions: tuple[str, ...]
    polyanions: tuple[Polyanion, ...]

    @property
    def halides(self) -> tuple[str, ...]:
        """The anions that are halides."""
        return tuple(element for element in self.anions if element in HALIDES)

    @property
    def cations(self) -> tuple[str, ...]:
        """The mobile ion and the metals."""
        return tuple(sorted({self.mobile, *self.metals} - set(self.anions)))


def roles_of(charges: Mapping[str, float], *, mobile_ion: str) -> Roles:
    """The roles that formal charges give to elements.

    Args:
        charges: element → formal charge in e.
        mobile_ion: the element that carries the current.

    Raises:
        SaltflowError: the mobile ion has no charge given.
    """
    if mobile_ion not in charges:
        atoms = ", ".join(sorted(charges))
        raise SaltflowError(f"The mobile ion {mobile_ion} is not among the charged elements {atoms}; name one of them.")
    polyanions = tuple(each for each in POLYANIONS if _is_allowed(each, charges))
    bound = {each.center for each in polyanions if charges[each.center] > 0} | {"H"}
    metals = [element for element, charge in charges.items() if charge >= 2 and element not in {mobile_ion, *bound}]
    return Roles(
        species=tuple(sorted(charges)),
        mobile=mobile_ion,
        metals=tuple(sorted(metals)),
        anions=tuple(sorted(element for element, charge in charges.items() if charge < 0)),
        polyanions=polyanions,
    )


def _is_allowed(polyanion: Polyanion, charges: Mapping[str, float]) -> bool:
    """Whether centre and ligand have the charges of a polyanion (H: + in OH, − in BH4)."""
    if charges.get(polyanion.center) != polyanion.center_state or polyanion.ligand not in charges:
        return False
    return (charges[polyanion.ligand] > 0) == (polyanion.name == "OH")


def shell_label(counts: Mapping[str, int]) -> str:
    """The label of a coordination shell: halides together as X, then other anions.

    >>> shell_label({"Cl": 2, "Br": 1, "O": 1})
    'X3O1'

    Args:
        counts: anion → number of bonded atoms.
    """
    merged: dict[str, int] = {}
    for element, count in counts.items():
        symbol = "X" if element in HALIDES else element
        merged[symbol] = merged.get(symbol, 0) + int(count)
    listed = sorted(merged, key=lambda symbol: (SHELL_ORDER + (symbol,)).index(symbol))
    return "".join(f"{symbol}{merged[symbol]}" for symbol in listed if merged[symbol]) or "bare"
