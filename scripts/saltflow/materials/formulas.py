"""Parse flat formulas, salt lists and oxidation states into exact fractions; total charges."""

import re
from collections.abc import Mapping
from fractions import Fraction

from ase.data import chemical_symbols

from saltflow.base.errors import InputError

ELEMENTS = frozenset(chemical_symbols[1:])

# A decimal such as 0.3333 is read as 1/3: largest denominator and tolerance.
LARGEST_DENOMINATOR = 12
DECIMAL_TOLERANCE = Fraction(1, 10_000)

TERM = re.compile(r"([A-Z][a-z]?)([0-9]+(?:\.[0-9]+)?)?")
SALT_TERM = re.compile(r"([0-9]+(?:\.[0-9]+)?)?\s*([A-Z][A-Za-z0-9.]*)")
OXIDATION_STATE = re.compile(r"([A-Z][a-z]?):([+-]?[0-9]+)")


def parse_formula(text: str) -> dict[str, Fraction]:
    """Atoms per element of a flat formula, in the order of the formula.

    A decimal within 1e-4 of a fraction with a denominator up to 12 is read as that fraction; others as written.
    Repeated elements are summed.

    >>> parse_formula("LiAlCl2.5O0.75")["Cl"]
    Fraction(5, 2)

    Raises:
        InputError: not a flat formula, an unknown element, or an amount of zero.
    """
    terms = TERM.findall(text)
    if not terms or "".join(symbol + number for symbol, number in terms) != text:
        raise InputError([f"'{text}' is not a flat formula; write it such as LiAlCl2.5O0.75."])
    amounts: dict[str, Fraction] = {}
    for symbol, number in terms:
        amounts[symbol] = amounts.get(symbol, Fraction(0)) + _amount(number)
    if problems := _amount_problems(amounts, text):
        raise InputError(problems)
    return amounts


def _amount(number: str | None) -> Fraction:
    exact = Fraction(number or 1)
    simple = exact.limit_denominator(LARGEST_DENOMINATOR)
    return simple if abs(simple - exact) <= DECIMAL_TOLERANCE else exact


def _amount_problems(amounts: Mapping[str, Fraction], text: str) -> list[str]:
    unknown = [symbol for symbol in amounts if symbol not in ELEMENTS]
    absent = [symbol for symbol in amounts if not amounts[symbol]]
    return [f"'{symbol}' is not an element; correct the symbol in '{text}'." for symbol in unknown] + [
        f"the amount of {symbol} in '{text}' is zero; leave the element out." for symbol in absent
    ]


def parse_salts(text: str) -> list[tuple[Fraction, str]]:
    """Coefficient and formula of each salt in a text such as '0.5 Li2O + 0.75 LiCl'; empty for ''.

    Raises:
        InputError: not such a list, a coefficient of zero, or a wrong formula.
    """
    matches = [SALT_TERM.fullmatch(term.strip()) for term in text.split("+")] if text else []
    terms = [(_amount(match[1]), match[2]) for match in matches if match]
    if len(terms) < len(matches) or not all(coefficient for coefficient, _ in terms):
        raise InputError([f"'{text}' is not a list of salts; write it such as '0.5 Li2O + 0.75 LiCl'."])
    for _, formula in terms:
        parse_formula(formula)
    return terms


def parse_oxidation_states(text: str) -> dict[str, int]:
    """Element → formal charge in e, from a text such as 'Li:+1 Al:+3 Cl:-1'.

    Raises:
        InputError: not such a list, or an element twice.
    """
    matches = [OXIDATION_STATE.fullmatch(word) for word in text.split()]
    states = {match[1]: int(match[2]) for match in matches if match}
    if not matches or not all(matches):
        raise InputError([f"'{text}' is not a list of oxidation states; write it such as 'Li:+1 Cl:-1'."])
    if len(states) < len(matches):
        raise InputError([f"an element appears twice in '{text}'; give one oxidation state for each."])
    return states


def total_charge(amounts: Mapping[str, Fraction], oxidation_states: Mapping[str, int]) -> Fraction:
    """Sum of the formal charges in e per formula unit."""
    return sum((amount * oxidation_states[symbol] for symbol, amount in amounts.items()), Fraction(0))


def host_and_salts(host: str, salts: list[tuple[Fraction, str]]) -> dict[str, Fraction]:
    """Atoms per element in one formula unit of host ('' for none) and its salts together."""
    total: dict[str, Fraction] = {}
    for coefficient, formula in [*([(Fraction(1), host)] if host else []), *salts]:
        for symbol, amount in parse_formula(formula).items():
            total[symbol] = total.get(symbol, Fraction(0)) + coefficient * amount
    return total
