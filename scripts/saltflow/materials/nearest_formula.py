"""Decimal stoichiometries: the nearest neutral formula whose cell has a wanted number of atoms."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from saltflow.materials.formulas import simple_fraction

MOST_COMBINATIONS = 3**7
# A smaller cell is preferred while it changes amounts by at most this factor more than the nearest one.
PREFERENCE = 2.0


@dataclass(frozen=True)
class NearestFormula:
    """A formula with whole numbers of atoms.

    Args:
        counts: element → atoms in the smallest cell.
        changes: element → relative change of its amount per formula unit.
    """

    counts: dict[str, int]
    changes: dict[str, float]

    @property
    def text(self) -> str:
        """The formula, reduced."""
        common = math.gcd(*self.counts.values())
        parts = {symbol: count // common for symbol, count in self.counts.items()}
        return "".join(symbol + (str(part) if part > 1 else "") for symbol, part in parts.items())

    @property
    def largest_change(self) -> float:
        """Of all elements."""
        return max(abs(change) for change in self.changes.values())

    @property
    def description(self) -> str:
        """What changes, such as "Li +0.3 %, La -0.1 %"."""
        changed = [f"{symbol} {100 * change:+.2g} %" for symbol, change in self.changes.items() if abs(change) > 1e-9]
        return ", ".join(changed) or "nothing"


def nearest_formula(
    amounts: Mapping[str, Fraction], oxidation_states: Mapping[str, float], *, atoms: int
) -> NearestFormula | None:
    """The neutral formula of at most `atoms` atoms whose amounts differ least, the largest relative change counted.

    Whole numbers next to the amounts of every number of formula units are tried. Of formulas nearly as near, the
    smallest is taken: its multiples fit more cells.

    Args:
        amounts: element → atoms per formula unit.
        oxidation_states: element → formal charge in e.
        atoms: largest number of atoms.

    Returns:
        None where none fits.
    """
    symbols = list(amounts)
    states = [simple_fraction(oxidation_states[symbol]) for symbol in symbols]
    scale = math.lcm(*(state.denominator for state in states))
    charges = [int(state * scale) for state in states]
    found: list[NearestFormula] = []
    for units in range(1, int(atoms / float(sum(amounts.values()))) + 2):
        wanted = [units * amounts[symbol] for symbol in symbols]
        choices = [_neighbours(each) for each in wanted]
        if math.prod(map(len, choices)) > MOST_COMBINATIONS:
            choices = [each[:2] for each in choices]
        for counts in itertools.product(*choices):
            if sum(counts) > atoms or sum(map(int.__mul__, counts, charges)):
                continue
            changes = [float(count / exact - 1) for count, exact in zip(counts, wanted, strict=True)]
            each = NearestFormula(dict(zip(symbols, counts, strict=True)), dict(zip(symbols, changes, strict=True)))
            if not found or each.largest_change < found[-1].largest_change - 1e-12:
                found.append(each)
    return next((each for each in found if each.largest_change <= PREFERENCE * found[-1].largest_change), None)


def _neighbours(exact: Fraction) -> list[int]:
    """The whole numbers next to an amount, the nearest first, none below 1."""
    if exact.denominator == 1:
        return [int(exact), *([int(exact) - 1] if exact > 1 else []), int(exact) + 1]
    low = math.floor(exact)
    found = sorted({low, low + 1, low - 1, low + 2}, key=lambda count: abs(count - exact))[:3]
    return [count for count in found if count > 0]
