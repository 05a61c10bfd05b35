"""Ionic radii: Shannon's where he gives one, and a stated fallback where he does not."""

from typing import TYPE_CHECKING

from ase.data import atomic_numbers, covalent_radii

if TYPE_CHECKING:
    from saltflow.compositions import Composition

COORDINATIONS = ("VI", "IV", "III", "VIII")


def radii_A(composition: "Composition") -> dict[str, float]:
    """The radius of each element of a composition in its oxidation state.

    Returns:
        element → radius in Å, see `ionic_radius_A`.
    """
    return {
        element: ionic_radius_A(element, composition.oxidation_states.get(element, 0))
        for element in composition.amounts
    }


def ionic_radius_A(element: str, oxidation_state: float) -> float:
    """Effective ionic radius in Å (Shannon, Acta Cryst. A32, 751 (1976)).

    Six-fold coordination is taken first, then 4, 3 and 8: one convention for all compositions, and the
    one that the start densities are made with. Of two spin states the larger radius counts. An anion in a
    state that Shannon does not list (peroxide O−) has the radius of its usual one (O2−). Everything else
    that he does not list, or to which he gives a negative radius (a bare proton, hydride, a metal atom),
    has its covalent radius (Cordero et al., Dalton Trans. 2008, 2832, from ASE).
    """
    states = _shannon_states(element)
    if oxidation_state in states:
        radius = states[oxidation_state]
    else:
        anionic = [states[state] for state in states if state < 0 and oxidation_state < 0]
        radius = max(anionic, default=0.0)
    return radius if radius > 0 else float(covalent_radii[atomic_numbers[element]])


def _shannon_states(element: str) -> dict[float, float]:
    """Oxidation state → radius in Å in the first of COORDINATIONS that Shannon lists."""
    from pymatgen.core import Element

    table = Element(element).data.get("Shannon radii") or {}
    states = {}
    for state, by_coordination in table.items():
        listed = [by_coordination[name] for name in COORDINATIONS if name in by_coordination]
        if listed:
            states[float(state)] = max(entry["ionic_radius"] for entry in listed[0].values())
    return states
