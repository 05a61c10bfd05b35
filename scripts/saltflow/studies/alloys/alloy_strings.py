"""Alloys as they are written: in percent, in atomic fractions or as ratios, with mixtures in brackets."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from saltflow.base.errors import InputError
from saltflow.materials.formulas import SUBSCRIPTS, parse_formula

INNERMOST = re.compile(r"[(\[{]([^()\[\]{}]+)[)\]}]([0-9]+(?:\.[0-9]+)?)?")
LARGEST_SHORTFALL = 0.01  # of the sum of percentages or of fractions
LARGEST_RATIO = 20  # sum of the amounts of Ni2Ti or Al9Y9; what adds to more is meant in percent


@dataclass(frozen=True)
class Alloy:
    """One alloy.

    Attributes:
        fractions: element → atomic fraction, in alphabetical order; they add to 1.
        shortfall: 1 − the sum of the amounts as written, where they are percentages or fractions; else 0.
    """

    fractions: Mapping[str, float]
    shortfall: float

    @property
    def formula(self) -> str:
        """In percent, to two decimals: Al8Cu46Zr46."""
        return "".join(f"{symbol}{100 * fraction:.2f}".rstrip("0").rstrip(".") for symbol, fraction in self.sorted())

    @property
    def system(self) -> str:
        """Its elements: Al-Cu-Zr."""
        return "-".join(sorted(self.fractions))

    def sorted(self) -> list[tuple[str, float]]:
        """Elements with their fractions, alphabetically."""
        return sorted(self.fractions.items())


def parse_alloy(text: str) -> Alloy:
    """Read an alloy; amounts are divided by their sum.

    A bracket is a mixture: (Fe75Co25)83P17 and (Fe0.75Co0.25)83P17 are Fe62.25Co20.75P17, (CuNi)16 is Cu8Ni8.

    >>> parse_alloy("(Cu50Zr50)92Al8").formula
    'Al8Cu46Zr46'

    Raises:
        InputError: no alloy, an unknown element, or amounts that add neither to 100 % nor to 1 within 1 %.
    """
    flat, shortfall = text.translate(SUBSCRIPTS).strip(), 0.0
    while match := INNERMOST.search(flat):
        mixture = _parse_flat(match[1], text)
        shortfall = max(shortfall, mixture.shortfall, key=abs)
        amount = float(match[2] or 1)
        inner = "".join(f"{symbol}{amount * fraction:.6f}" for symbol, fraction in mixture.sorted())
        flat = flat[: match.start()] + inner + flat[match.end() :]
    whole = _parse_flat(flat, text)
    return Alloy(whole.fractions, max(shortfall, whole.shortfall, key=abs))


def _parse_flat(flat: str, text: str) -> Alloy:
    amounts = parse_formula(flat)
    total = sum(amounts.values())
    shortfall = float(1 - total / _whole(amounts, total))
    if abs(shortfall) > LARGEST_SHORTFALL:
        raise InputError(
            [f"'{text}': {flat} adds to {float(total):g}, neither to 100 % nor to 1; correct it, or write ratios."]
        )
    return Alloy({symbol: float(amounts[symbol] / total) for symbol in sorted(amounts)}, shortfall)


def _whole(amounts: Mapping[str, Fraction], total: Fraction) -> Fraction:
    """What the amounts should add to: 1 for fractions, their own sum for ratios, else 100."""
    if all(amount < 1 for amount in amounts.values()) or abs(total - 1) <= LARGEST_SHORTFALL:
        return Fraction(1)
    return total if total <= LARGEST_RATIO else Fraction(100)
