"""Formal charges of elements, where nobody gives them: common oxidation states that add up to zero."""

from collections.abc import Mapping
from itertools import product

from saltflow.base.errors import InputError
from saltflow.materials.formulas import parse_oxidation_states
from saltflow.materials.ordering.disordered_crystal import DisorderedCrystal

# Charge of a refined formula relative to the positive charge in it: what rounding leaves, and what no rounding does.
ROUNDING = 0.02
FAR_FROM_NEUTRAL = 0.15
UNUSUAL = 3.6  # −ln of the frequency of a state, 3 %, from which on it is not considered
MOST_COMBINATIONS = 200_000


def chosen_charges(text: str, crystal: DisorderedCrystal) -> dict[str, int]:
    """The charges of a text such as "Li=1,O=-2", or guessed where it is empty.

    Raises:
        InputError: the text is no such list, or its elements are not those of the crystal; as of `guess_charges`.
    """
    if not text:
        return guess_charges(crystal.amounts, subject=f"'{crystal.path}'")
    charges = parse_oxidation_states(text.replace("=", ":").replace(",", " "))
    if missing := sorted(set(crystal.amounts) - set(charges)):
        raise InputError([f"--charges lacks {', '.join(missing)} of '{crystal.path}'; add them, such as Li=1."])
    if foreign := sorted(set(charges) - set(crystal.amounts)):
        raise InputError(
            [f"--charges names {', '.join(foreign)}, which '{crystal.path}' does not hold; take them out."]
        )
    return charges


def guess_charges(amounts: Mapping[str, float], *, subject: str) -> dict[str, int]:
    """Element → formal charge in e.

    Of all combinations of known oxidation states, the likeliest: −ln of their frequencies in ordered crystals (from
    pymatgen), and the charge left over in units of `ROUNDING`.

    Args:
        amounts: element → atoms.
        subject: for the message.

    Raises:
        InputError: every combination is far from neutral.
    """
    states = {element: _states(element) for element in amounts}
    combinations = 1
    for element in sorted(states, key=lambda name: len(states[name]), reverse=True):
        combinations *= len(states[element])
    while combinations > MOST_COMBINATIONS:
        longest = max(states, key=lambda name: len(states[name]))
        combinations = combinations // len(states[longest]) * (len(states[longest]) - 1)
        states[longest] = states[longest][:-1]
    best: tuple[float, float, tuple[int, ...]] | None = None
    for chosen in product(*states.values()):
        charges = [state for state, _ in chosen]
        positive = sum(amount * max(charge, 0) for amount, charge in zip(amounts.values(), charges, strict=True))
        net = sum(amount * charge for amount, charge in zip(amounts.values(), charges, strict=True))
        if positive:
            score = sum(cost for _, cost in chosen) + abs(net) / positive / ROUNDING
            best = min(best or (score, net / positive, tuple(charges)), (score, net / positive, tuple(charges)))
    if best is None or abs(best[1]) > FAR_FROM_NEUTRAL:
        formula = " ".join(f"{element}{amount:.4g}" for element, amount in amounts.items())
        raise InputError(
            [f"{subject}: no usual oxidation states make {formula} neutral; give them, such as --charges Li=1,O=-2."]
        )
    return dict(zip(amounts, best[2], strict=True))


def _states(element: str) -> list[tuple[int, float]]:
    """Known oxidation states with their cost, the likeliest first."""
    from math import log

    from pymatgen.core import Composition, Element

    frequencies = {
        int(species.oxi_state): frequency
        for species, frequency in _frequencies(Composition).items()
        if species.symbol == element
    }
    of_element = Element(element)
    listed = {*of_element.common_oxidation_states, *of_element.icsd_oxidation_states}
    states = listed - {0} or {*of_element.oxidation_states} - {0}
    total = sum(frequencies.values()) or 1.0
    cost = lambda state: -log(max(frequencies.get(state, 0.0) / total, 1e-3))  # noqa: E731
    known = sorted(((int(state), cost(state)) for state in states), key=lambda pair: pair[1])
    return [known[0], *(pair for pair in known[1:] if pair[1] < UNUSUAL)]


def _frequencies(composition: type) -> Mapping:
    """Pymatgen's frequencies of oxidation states in ordered crystals of the ICSD."""
    if composition.oxi_prob is None:
        composition("NaCl").oxi_state_guesses()  # loads them
    return composition.oxi_prob


def usual_charge(element: str, *, like: float) -> int | None:
    """The common charge of an element that takes the place of another, the nearest of the same sign, of two the larger.

    Args:
        element: that comes.
        like: charge in e of the one that goes.

    Returns:
        None where there is no such charge.
    """
    from pymatgen.core import Element

    states = [state for state in Element(element).common_oxidation_states if state * like > 0]
    return min(states, key=lambda state: (abs(state - like), -abs(state)), default=None)
