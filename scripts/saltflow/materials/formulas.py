"""Parse formulas, salt lists and oxidation states into exact fractions; total charges."""

import re
from collections.abc import Mapping
from fractions import Fraction

from ase.data import chemical_symbols

from saltflow.base.errors import InputError

ELEMENTS = frozenset(chemical_symbols[1:])
DEUTERIUM = "D"

# A decimal such as 0.3333 is read as 1/3: largest denominator and tolerance.
LARGEST_DENOMINATOR = 12
DECIMAL_TOLERANCE = Fraction(1, 10_000)

NUMBER = r"[0-9]{1,6}(?:\.[0-9]{1,9})?"
AMOUNT = rf"({NUMBER})?"
TOKEN = re.compile(rf"([A-Z][a-z]?)|([(\[{{])|([)\]}}])|({NUMBER})|(·)")
SALT_TERM = re.compile(rf"{AMOUNT}\s*([A-Z(\[][^\s,;]*)")
OXIDATION_STATE = re.compile(r"([A-Z][a-z]?):([+-]?[0-9]{1,2}(?:\.[0-9]{1,6})?)")
SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉•∙⋅∗*・", "0123456789······")
SUBSCRIPTS |= str.maketrans({"½": "0.5", "¼": "0.25", "¾": "0.75", "⅓": "0.3333", "⅔": "0.6667"})
DECIMAL_COMMA = re.compile(r"(?<=[0-9]),(?=[0-9])")
BRACKETS = {"(": ")", "[": "]", "{": "}"}
# CuSO4.5H2O is either O4.5 and H2O, or five H2O.
DECIMAL_OR_HYDRATE = re.compile(r"[A-Za-z)\]}][0-9]+\.[0-9]+[HD]2O$")
HYDRATE_DOT = re.compile(r"(?<=[A-Za-z)\]}])\.(?=[0-9A-Z(\[])")


def parse_formula(text: str) -> dict[str, Fraction]:
    """Atoms per element of a formula, in the order of the formula.

    Brackets may be nested; a hydrate follows a dot (·, • or *), as in LiCl·2H2O; subscripts may be Unicode's; D is
    hydrogen. A decimal within 1e-4 of a fraction with a denominator up to 12 is read as that fraction; others as
    written. Repeated elements are summed.

    >>> parse_formula("LiAlCl2.5O0.75")["Cl"]
    Fraction(5, 2)
    >>> parse_formula("Li3(PO4)")["O"], parse_formula("LiCl·2H2O")["H"]
    (Fraction(4, 1), Fraction(4, 1))

    Raises:
        InputError: not a formula, an unknown element, or an amount of zero.
    """
    plain = HYDRATE_DOT.sub("·", text.translate(SUBSCRIPTS).replace(" ·", "·").replace("· ", "·"))
    _refuse_decimal_comma(text, plain)
    if DECIMAL_OR_HYDRATE.search(plain):
        raise InputError([f"'{text}' may be a decimal or a hydrate; write the hydrate with a dot such as ·2H2O."])
    amounts = _Parser(text, plain).amounts()
    if problems := _amount_problems(amounts, text):
        raise InputError(problems)
    return amounts


def flat_formula(amounts: Mapping[str, Fraction]) -> str:
    """The formula of amounts, without brackets, to four decimals.

    >>> flat_formula(parse_formula("Li3(PO4)"))
    'Li3PO4'
    """
    return "".join(symbol + (f"{float(amount):.4f}".rstrip("0").rstrip(".") if amount != 1 else "")
                   for symbol, amount in amounts.items())  # fmt: skip


def _refuse_decimal_comma(text: str, plain: str) -> None:
    if DECIMAL_COMMA.search(plain):
        raise InputError([f"'{text}' has a decimal comma; write {DECIMAL_COMMA.sub('.', plain)}."])


class _Parser:
    """Reads the tokens of one formula from left to right."""

    def __init__(self, text: str, plain: str):
        self._text = text
        matches = list(TOKEN.finditer(plain))
        if not matches or "".join(match[0] for match in matches) != plain:
            raise self._error()
        self._tokens = [match[0] for match in matches]
        self._at = 0

    def amounts(self) -> dict[str, Fraction]:
        total: dict[str, Fraction] = {}
        while True:
            factor = self._number() if total else Fraction(1)
            _add(total, self._group(None), factor)
            if self._at == len(self._tokens):
                return total
            if self._next() != "·":
                raise self._error()

    def _group(self, closing: str | None) -> dict[str, Fraction]:
        """Atoms up to a closing bracket, or to the next dot or the end."""
        total: dict[str, Fraction] = {}
        while self._at < len(self._tokens) and self._tokens[self._at] not in (")", "]", "}", "·"):
            token = self._next()
            if token in BRACKETS:
                inner = self._group(BRACKETS[token])
                _add(total, inner, self._number())
            elif token[0].isalpha():
                _add(total, {"H" if token == DEUTERIUM else token: Fraction(1)}, self._number())
            else:
                raise self._error()
        if not total or (closing is not None and (self._at == len(self._tokens) or self._next() != closing)):
            raise self._error()
        return total

    def _number(self) -> Fraction:
        if self._at < len(self._tokens) and self._tokens[self._at][0].isdigit():
            return simple_fraction(self._next())
        return Fraction(1)

    def _next(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1]

    def _error(self) -> InputError:
        return InputError([f"'{self._text}' is not a formula; write it such as LiAlCl2.5O0.75 or Li3(PO4)."])


def _add(total: dict[str, Fraction], amounts: Mapping[str, Fraction], factor: Fraction) -> None:
    for symbol, amount in amounts.items():
        total[symbol] = total.get(symbol, Fraction(0)) + factor * amount


def simple_fraction(number: str | float | None) -> Fraction:
    """A number as written, or the fraction with a denominator up to 12 within 1e-4 of it; 1 for none."""
    exact = Fraction(1 if number in (None, "") else number)
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
    text = text.translate(SUBSCRIPTS)
    _refuse_decimal_comma(text, text)
    matches = [SALT_TERM.fullmatch(term.strip()) for term in text.split("+")] if text else []
    terms = [(simple_fraction(match[1]), match[2]) for match in matches if match]
    if len(terms) < len(matches) or not all(coefficient for coefficient, _ in terms):
        raise InputError([f"'{text}' is not a list of salts; write it such as '0.5 Li2O + 0.75 LiCl'."])
    for _, formula in terms:
        parse_formula(formula)
    return terms


def parse_oxidation_states(text: str) -> dict[str, int | float]:
    """Element → formal charge in e, from a text such as 'Li:+1 Al:+3 Cl:-1'; a mixed valence is its mean, 'Fe:+2.5'.

    Raises:
        InputError: not such a list, or an element twice.
    """
    matches = [OXIDATION_STATE.fullmatch(word) for word in text.split()]
    if not matches or not all(matches):
        _refuse_decimal_comma(text, text)
        raise InputError(
            [f"'{text}' is not a list of oxidation states; write it such as 'Li:+1 Cl:-1' or 'Li:+1 Fe:+2.5 O:-2'."]
        )
    states = {"H" if match[1] == DEUTERIUM else match[1]: _state(match[2]) for match in matches if match}
    if len(states) < len(matches):
        raise InputError(
            [f"an element appears twice in '{text}'; give one oxidation state for each, the mean of a mixed valence."]
        )
    return states


def _state(text: str) -> int | float:
    return float(simple_fraction(text)) if "." in text and float(text) % 1 else int(float(text))


def total_charge(amounts: Mapping[str, Fraction], oxidation_states: Mapping[str, float]) -> Fraction:
    """Sum of the formal charges in e per formula unit."""
    return sum((amount * simple_fraction(oxidation_states[symbol]) for symbol, amount in amounts.items()), Fraction(0))


def host_and_salts(host: str, salts: list[tuple[Fraction, str]]) -> dict[str, Fraction]:
    """Atoms per element in one formula unit of host ('' for none) and its salts together."""
    total: dict[str, Fraction] = {}
    for coefficient, formula in [*([(Fraction(1), host)] if host else []), *salts]:
        for symbol, amount in parse_formula(formula).items():
            total[symbol] = total.get(symbol, Fraction(0)) + coefficient * amount
    return total
