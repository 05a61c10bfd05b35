"""Ionic radii of Shannon, with fallbacks."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ase.data import atomic_numbers, covalent_radii

if TYPE_CHECKING:
    from saltflow.materials.compositions import Composition

# Shannon's radii by element and oxidation state, from pymatgen's table.
TABLE = Path(__file__).with_name("shannon_radii.tsv")
COORDINATIONS = ("VI", "IV", "III", "VIII")


def radii_A(composition: "Composition") -> dict[str, float]:
    """Element → radius in Å in the oxidation state that it has in a composition; see `ionic_radius_A`."""
    return {
        element: ionic_radius_A(element, composition.oxidation_states.get(element, 0))
        for element in composition.amounts
    }


def ionic_radius_A(element: str, oxidation_state: float) -> float:
    """Effective ionic radius in Å (Shannon, Acta Cryst. A32, 751 (1976)).

    Coordination 6 if listed, else 4, 3 or 8 (`COORDINATIONS`), as for start densities; of two spin states the larger
    radius. A mixed valence has a radius between those of its neighbouring states, in proportion. An anion in a state
    that is not listed (peroxide O−) has the radius of its usual state (O2−). Everything else that is not listed or has
    a negative radius (proton, hydride, metal atom) has its covalent radius (Cordero et al., Dalton Trans. 2008, 2832,
    from ASE).
    """
    states = _shannon_states().get(element, {})
    if oxidation_state in states:
        radius = states[oxidation_state]
    elif (between := _neighbouring_states(states, oxidation_state)) is not None:
        low, high = between
        radius = states[low] + (states[high] - states[low]) * (oxidation_state - low) / (high - low)
    else:
        anionic = [states[state] for state in states if state < 0 and oxidation_state < 0]
        radius = max(anionic, default=0.0)
    return radius if radius > 0 else float(covalent_radii[atomic_numbers[element]])


def _neighbouring_states(states: Mapping[float, float], oxidation_state: float) -> tuple[float, float] | None:
    """The listed states around a fractional one; None for whole states, or where one is missing."""
    same_sign = [state for state in states if state * oxidation_state > 0]
    low = max((state for state in same_sign if state < oxidation_state), default=None)
    high = min((state for state in same_sign if state > oxidation_state), default=None)
    return None if float(oxidation_state).is_integer() or low is None or high is None else (low, high)


@cache
def _shannon_states() -> Mapping[str, Mapping[float, float]]:
    """Element → oxidation state → radius in Å."""
    states: dict[str, dict[float, float]] = {}
    for line in TABLE.read_text().splitlines()[1:]:
        element, state, radius_A = line.split("\t")
        states.setdefault(element, {})[float(state)] = float(radius_A)
    return states
