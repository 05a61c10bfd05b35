"""Formation energies, energies above the hull, windows and reactions, by pymatgen's phase diagrams of one potential.

Hull: Ong et al., Chem. Mater. 20, 1798 (2008). Window: Zhu et al., ACS Appl. Mater. Interfaces 7, 23685 (2015): the
potentials against the mobile element between which the phases of lowest energy take up none of it and give none.
Reactions: Richards et al., Chem. Mater. 28, 266 (2016). All at 0 K and without entropy or zero-point energy.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import TYPE_CHECKING

from saltflow.base.errors import SaltflowError

if TYPE_CHECKING:
    from pymatgen.analysis.phase_diagram import PhaseDiagram
    from pymatgen.core import Composition

NEGLIGIBLE_eV = 1e-3  # per atom, what relaxations leave
UNCHANGED = 1e-4  # of the mobile ions of a formula unit


@dataclass(frozen=True)
class Phase:
    """A crystal with its energy.

    Attributes:
        name: unique.
        formula: of all atoms that the energy is of.
        energy_eV: of them.
    """

    name: str
    formula: str
    energy_eV: float


@dataclass(frozen=True)
class Stability:
    """Of one crystal against others.

    Attributes:
        formation_eV_atom: from the elements.
        above_hull_eV_atom: above the hull of all other phases; negative below it.
        decomposes_to: formulas of the phases on the hull at its composition.
        lacks: chemical systems of an anion and cations in it of which no compound is given.
    """

    formation_eV_atom: float
    above_hull_eV_atom: float
    decomposes_to: tuple[str, ...]
    lacks: tuple[str, ...]


class Phases:
    """All crystals of one potential.

    Args:
        phases: competing phases, and whatever is judged.
    """

    def __init__(self, phases: Sequence[Phase]):
        from pymatgen.core import Composition

        self._phases = {phase.name: (phase, Composition(phase.formula)) for phase in phases}
        self._diagram = lru_cache(maxsize=None)(self._make_diagram)

    def missing_elements(self, name: str) -> list[str]:
        """Elements of a crystal that no phase is the crystal of, so that there is no hull."""
        given = {next(iter(formula)).symbol for _, formula in self._phases.values() if len(formula) == 1}
        return sorted({element.symbol for element in self._phases[name][1]} - given)

    def stability(self, name: str, charges: Mapping[str, float]) -> Stability:
        """Of a crystal whose elements all have a phase.

        Args:
            name: of the crystal.
            charges: element → formal charge in e, which tells anions from cations.
        """
        from pymatgen.entries.computed_entries import ComputedEntry

        phase, formula = self._phases[name]
        diagram = self._diagram(_system(formula), name)
        entry = ComputedEntry(formula, phase.energy_eV)
        mixture, above_eV = diagram.get_decomp_and_e_above_hull(entry, allow_negative=True)
        return Stability(
            formation_eV_atom=float(diagram.get_form_energy_per_atom(entry)),
            above_hull_eV_atom=float(above_eV),
            decomposes_to=tuple(sorted({each.composition.reduced_formula for each in mixture})),
            lacks=tuple(self._lacking(name, charges)),
        )

    def diagrams(self, names: Iterable[str]) -> list["PhaseDiagram"]:
        """The hulls of the chemical systems of crystals whose elements all have a phase, the crystals among them."""
        systems = {_system(self._phases[name][1]): None for name in names if not self.missing_elements(name)}
        return [self._diagram(system, "") for system in systems]

    def window_V(self, name: str, mobile: str) -> tuple[float, float] | None:
        """Potentials against the mobile element between which none of it is exchanged; None where there is no such.

        The upper end is infinite where nothing is known that gives the element off.
        """
        from pymatgen.core import Element

        _, formula = self._phases[name]
        profile = self._diagram(_system(formula), "").get_element_profile(Element(mobile), formula)
        own = formula[mobile]
        metal_eV = max(each["chempot"] for each in profile)
        # Each entry tells how much is taken up from its potential down to the next.
        held = [(metal_eV - each["chempot"], each["evolution"] / _factor(formula)) for each in profile]
        held.sort()
        starts = [volts for volts, _ in held]
        for (volts, taken), end in zip(held, [*starts[1:], float("inf")], strict=True):
            if abs(taken) < UNCHANGED * max(own, 1.0):
                return float(volts), float(end)
        return None

    def reaction(self, name: str, other: str) -> tuple[float, str]:
        """Energy in eV per atom of the most exothermic reaction with a phase of a formula, 0 without, and its products.

        Raises:
            SaltflowError: no such phase is given, or an element has none.
        """
        from pymatgen.analysis.interface_reactions import InterfacialReactivity
        from pymatgen.core import Composition

        _, formula = self._phases[name]
        partner = Composition(other)
        if all(each.reduced_formula != partner.reduced_formula for _, each in self._phases.values()):
            raise SaltflowError(f"no phase {other} is given")
        given = {next(iter(each)).symbol for _, each in self._phases.values() if len(each) == 1}
        if missing := sorted({element.symbol for element in partner} - given):
            raise SaltflowError(f"no crystal of {', '.join(missing)} is given")
        diagram = self._diagram(_system(formula + partner), "")
        reactivity = InterfacialReactivity(
            formula.reduced_composition, partner.reduced_composition, diagram, norm=True, use_hull_energy=True
        )
        kinks = [(float(energy), str(reaction)) for _, _, energy, reaction, _ in reactivity.get_kinks()]
        energy_eV, reaction = min(kinks)
        return (energy_eV, reaction) if energy_eV < -NEGLIGIBLE_eV else (0.0, "none")

    def _make_diagram(self, system: frozenset[str], without: str) -> "PhaseDiagram":
        from pymatgen.analysis.phase_diagram import PhaseDiagram
        from pymatgen.entries.computed_entries import ComputedEntry

        inside = [
            ComputedEntry(formula, phase.energy_eV, entry_id=name)
            for name, (phase, formula) in self._phases.items()
            if name != without and _system(formula) <= system
        ]
        return PhaseDiagram(inside)

    def _lacking(self, name: str, charges: Mapping[str, float]) -> list[str]:
        formula = self._phases[name][1]
        known = {_system(each) for other, (_, each) in self._phases.items() if other != name}
        anions = sorted(element.symbol for element in formula if charges[element.symbol] < 0)
        cations = sorted(element.symbol for element in formula if charges[element.symbol] > 0)
        return [
            "-".join((*some, anion))
            for size in (1, 2)
            for anion in anions
            for some in combinations(cations, size)
            if {*some, anion} not in known and {*some, anion} != _system(formula)
        ]


def _system(formula: "Composition") -> frozenset[str]:
    return frozenset(element.symbol for element in formula)


def _factor(formula: "Composition") -> float:
    return formula.get_reduced_composition_and_factor()[1]
