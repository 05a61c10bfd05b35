"""A space of compositions: dopants that share the sites of one element of a prototype."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from pathlib import Path
from typing import Any

import numpy as np

from saltflow.base.errors import InputError
from saltflow.base.yaml_file import read_yaml
from saltflow.materials.formulas import ELEMENTS

KEYS = ("prototype", "mobile", "site", "dopants", "step", "least", "charges", "atoms", "configurations", "seed")
NEEDED = ("prototype", "mobile", "site", "dopants")
FINEST, COARSEST = 0.01, 0.5


@dataclass(frozen=True)
class Space:
    """What a space file asks for.

    Attributes:
        prototype: structure file.
        mobile: element of the mobile ion.
        site: element whose sites the dopants share.
        dopants: that share them; the element of the site is one of them where it stays.
        step, least: of the fraction of each.
        charges: element → formal charge in e, where it is prescribed.
        atoms: most atoms of a cell.
        configurations: random ones of each composition.
        seed: of them.
    """

    prototype: Path
    mobile: str
    site: str
    dopants: tuple[str, ...]
    step: float
    least: float
    charges: Mapping[str, int]
    atoms: int
    configurations: int
    seed: int

    @property
    def points(self) -> int:
        """How many compositions there are, without making them."""
        free = self._parts - len(self.dopants) * self._fewest
        return comb(free + len(self.dopants) - 1, free) if free >= 0 else 0

    @property
    def fractions(self) -> np.ndarray:
        """All compositions, (points, dopants); rows add to 1."""
        dopants, free = len(self.dopants), self._parts - len(self.dopants) * self._fewest
        bars = np.array(list(combinations(range(free + dopants - 1), dopants - 1)), dtype=int)
        ends = np.column_stack([np.full(len(bars), -1), bars, np.full(len(bars), free + dopants - 1)])
        return (np.diff(ends, axis=1) - 1 + self._fewest) / self._parts

    def name_of(self, fractions: Sequence[float]) -> str:
        """Such as "Zr0.5Hf0.3Sn0.2"."""
        return "".join(f"{symbol}{part:.3g}" for symbol, part in zip(self.dopants, fractions, strict=True) if part > 0)

    @property
    def _parts(self) -> int:
        return round(1 / self.step)

    @property
    def _fewest(self) -> int:
        return round(self.least * self._parts)


def read_space(path: Path) -> Space:
    """The space of a YAML file; the prototype is found from its folder.

    Raises:
        InputError: a key is unknown, missing or wrong, or there is no composition.
    """
    content = read_yaml(path)
    problems = [f"{path}: the key '{key}' is unknown; the keys are {', '.join(KEYS)}." for key in content
                if key not in KEYS]  # fmt: skip
    problems += [f"{path}: the key '{key}' is missing; add it." for key in NEEDED if key not in content]
    if problems:
        raise InputError(problems)
    prototype = path.parent / str(content["prototype"])
    if not prototype.is_file():
        raise InputError([f"{path}, prototype: there is no file '{prototype}'; correct its path."])
    mobile, site = (_elements(path, key, [content[key]])[0] for key in ("mobile", "site"))
    dopants = _elements(path, "dopants", content["dopants"])
    if len(dopants) < 2 or mobile in dopants or mobile == site:
        raise InputError([f"{path}, dopants: two or more have to share the site, the mobile ion not among them."])
    charges = content.get("charges") or {}
    if not isinstance(charges, Mapping) or not all(isinstance(each, int) for each in charges.values()):
        raise InputError([f"{path}, charges: it has to give whole charges of elements, such as {{Zr: 4}}."])
    space = Space(
        prototype=prototype,
        mobile=mobile,
        site=site,
        dopants=dopants,
        step=_number(path, content, "step", 0.1, (FINEST, COARSEST)),
        least=_number(path, content, "least", 0.0, (0.0, COARSEST)),
        charges=dict(charges),
        atoms=int(_number(path, content, "atoms", 100, (2, 1000))),
        configurations=int(_number(path, content, "configurations", 1, (1, 100))),
        seed=int(_number(path, content, "seed", 1, (0, 2**31))),
    )
    if not space.points:
        raise InputError([f"{path}, least: {len(dopants)} dopants of {space.least:g} or more are more than the site "
                          "holds; lower it."])  # fmt: skip
    return space


def _elements(path: Path, key: str, value: Any) -> tuple[str, ...]:
    known = isinstance(value, list) and all(each in ELEMENTS for each in value)
    if not known or len(set(value)) < len(value):
        raise InputError([f"{path}, {key}: it has to name different elements, not {value!r:.60}; correct it."])
    return tuple(value)


def _number(path: Path, content: Mapping, key: str, default: float, limits: tuple[float, float]) -> float:
    value, (least, most) = content.get(key, default), limits
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise InputError([f"{path}, {key}: it has to be a number from {least:g} to {most:g}, not {value!r:.40}."])
    return float(value)
