"""Molecular units, the connected atoms of a frame, as they form and go."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from ase.symbols import Symbols

from saltflow.analysis.species.bond_intervals import BondIntervals

Unit = frozenset[int]  # of atoms


@dataclass(frozen=True)
class Event:
    """Units that become others at one time, of which at least one is new.

    Attributes:
        frame: the first one with the products.
        reactants, products: Hill formulas, sorted.
        atoms: of all of them, sorted.
    """

    frame: int
    reactants: tuple[str, ...]
    products: tuple[str, ...]
    atoms: tuple[int, ...]


@dataclass
class UnitHistory:
    """All units of a trajectory.

    Attributes:
        events: in the order of time.
        counts: (frame, formula → number of units from there on), the first of frame 0.
        spans: formula → (begin, end) in frames of every unit; the end is the number of frames for those that are left.
    """

    frames: int
    events: list[Event] = field(default_factory=list)
    counts: list[tuple[int, dict[str, int]]] = field(default_factory=list)
    spans: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))

    def counts_of(self, formula: str) -> np.ndarray:
        """Number of units in every frame, (frames,)."""
        numbers = np.zeros(self.frames, int)
        for frame, now in self.counts:
            numbers[frame:] = now.get(formula, 0)
        return numbers


def unit_history(bonds: BondIntervals, atoms: Sequence[int], symbols: Sequence[str], *, frames: int) -> UnitHistory:
    """The units of every frame and the events between them.

    Args:
        bonds: that last.
        atoms: that units are made of; one without a bond is a unit of its own.
        symbols: of all atoms.
        frames: of the trajectory.
    """
    history = UnitHistory(frames, counts=[(0, dict(Counter(symbols[atom] for atom in atoms)))])
    near: dict[int, set[int]] = defaultdict(set)
    unit_of: dict[int, Unit] = {atom: frozenset([atom]) for atom in atoms}
    since: dict[Unit, int] = dict.fromkeys(unit_of.values(), 0)
    for frame, pairs in _by_frame(bonds):
        if frame >= frames:
            break
        touched = {atom for pair in pairs for atom in pair}
        for one, other in pairs:  # a bond that begins is there afterwards, one that ends is not
            change = set.discard if other in near[one] else set.add
            change(near[one], other)
            change(near[other], one)
        before = {unit_of[atom] for atom in touched}
        members = set().union(*before)
        after = _connected(members, near)
        if frame > 0:
            history.events += _events(frame, before - after, after - before, symbols)
        for unit in before - after:
            if frame > 0:
                history.spans[formula_of(unit, symbols)].append((since[unit], frame))
            del since[unit]
        for unit in after - before:
            since[unit] = frame
            unit_of.update(dict.fromkeys(unit, unit))
        _count(history, frame, before - after, after - before, symbols)
    for unit, begin in since.items():
        history.spans[formula_of(unit, symbols)].append((begin, frames))
    return history


def formula_of(unit: Unit, symbols: Sequence[str]) -> str:
    """Hill's formula: carbon and hydrogen first, the others by the alphabet."""
    return str(Symbols.fromsymbols([symbols[atom] for atom in sorted(unit)]).formula.format("hill"))


def _by_frame(bonds: BondIntervals) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """Frame → pairs whose bond begins or ends there."""
    changes: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for (one, other), begin, end in zip(bonds.pairs.tolist(), bonds.begins.tolist(), bonds.ends.tolist(), strict=True):
        changes[begin].append((one, other))
        changes[end].append((one, other))
    yield from sorted(changes.items())


def _connected(members: set[int], near: dict[int, set[int]]) -> set[Unit]:
    found, left = set(), set(members)
    while left:
        unit, open_ = set(), [left.pop()]
        while open_:
            atom = open_.pop()
            unit.add(atom)
            open_ += near[atom] - unit
        left -= unit
        found.add(frozenset(unit))
    return found


def _events(frame: int, gone: set[Unit], new: set[Unit], symbols: Sequence[str]) -> list[Event]:
    """Units that share atoms belong to one event."""
    events, left = [], set(new)
    while left:
        products, atoms = set(), set(left.pop())
        reactants: set[Unit] = set()
        while True:
            reactants = {unit for unit in gone if unit & atoms}
            products = {unit for unit in new if unit & atoms}
            everything = set().union(*reactants, *products)
            if everything == atoms:
                break
            atoms = everything
        left -= products
        named = (tuple(sorted(formula_of(unit, symbols) for unit in side)) for side in (reactants, products))
        events.append(Event(frame, *named, atoms=tuple(sorted(atoms))))
    return sorted(events, key=lambda event: event.atoms)


def _count(history: UnitHistory, frame: int, gone: set[Unit], new: set[Unit], symbols: Sequence[str]) -> None:
    now = Counter(history.counts[-1][1])
    now.subtract(formula_of(unit, symbols) for unit in gone)
    now.update(formula_of(unit, symbols) for unit in new)
    if history.counts[-1][0] == frame:
        history.counts.pop()
    history.counts.append((frame, {formula: number for formula, number in now.items() if number}))
