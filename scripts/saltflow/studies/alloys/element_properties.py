"""Properties of elements that decide whether an alloy becomes a glass, from the periodic table of pymatgen.

- radius_A: metallic radius for twelve neighbours; of elements that have none, such as B, C, Si, P, Ge, Sn, Sb and Pb,
  the atomic radius of Slater, J. Chem. Phys. 41, 3199 (1964).
- electronegativity: Pauling's.
- melting_point_K, molar_volume_cm3: of the element.
- mendeleev_number: the order of Pettifor, Solid State Commun. 51, 31 (1984), in which like elements are neighbours.
- valence_electrons: the group, less ten beyond the transition metals.
- period: row of the table.
"""

from collections.abc import Iterable
from functools import cache

import numpy as np
from pymatgen.core import Element

from saltflow.base.errors import InputError

PROPERTIES = (
    "radius_A",
    "electronegativity",
    "melting_point_K",
    "molar_volume_cm3",
    "mendeleev_number",
    "valence_electrons",
    "period",
)


@cache
def properties_of(symbol: str) -> tuple[float, ...]:
    """Values of `PROPERTIES`.

    Raises:
        InputError: one of them is unknown.
    """
    if not Element.is_valid_symbol(symbol):
        raise InputError([f"'{symbol}' is not an element; correct its symbol."])
    element = Element(symbol)
    known = element.data
    group = element.group
    values = (
        known.get("Metallic radius") or known.get("Atomic radius"),
        known.get("X"),
        known.get("Melting point"),
        known.get("Molar volume"),
        known.get("Mendeleev no"),
        group if group <= 12 else group - 10,
        element.row,
    )
    numbers = tuple(float(value) if isinstance(value, int | float) else np.nan for value in values)
    if unknown := [name for name, value in zip(PROPERTIES, numbers, strict=True) if not np.isfinite(value)]:
        raise InputError([f"{symbol} has no {' and no '.join(unknown)}; leave alloys of it out."])
    return numbers


def property_table(symbols: Iterable[str]) -> np.ndarray:
    """Properties of elements, (elements, properties)."""
    return np.array([properties_of(symbol) for symbol in symbols])
