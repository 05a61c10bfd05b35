"""Voltage, stable phases and volume of a host over the number of its ions, at 0 K."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from saltflow.base.errors import SaltflowError
from saltflow.studies.electrodes.candidates import Candidates
from saltflow.studies.electrodes.configurations import OK, Configuration, Configurations
from saltflow.studies.electrodes.voltages import VoltageCurve, above_hull_eV, formation_energies_eV, voltage_curve

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Thermodynamics:
    """What the candidates say.

    Attributes:
        configurations: all that were relaxed.
        curve: hull and voltages of those whose status is ok.
        sites: that fill the host.
    """

    configurations: Sequence[Configuration]
    curve: VoltageCurve
    sites: int

    @property
    def usable(self) -> list[Configuration]:
        """Those whose status is ok."""
        return [each for each in self.configurations if each.status == OK]

    def lowest(self) -> list[Configuration]:
        """The lowest at each number of ions, ascending."""
        found: dict[int, Configuration] = {}
        for each in sorted(self.usable, key=lambda each: each.energy_eV):
            found.setdefault(each.ions, each)
        return [found[ions] for ions in sorted(found)]

    def rows(self, repeats: tuple[int, int, int]) -> list[dict]:
        """One per number of ions, of the lowest configuration; energies per site, edges of the unit cell of the file.

        Args:
            repeats: of that cell in the supercell.
        """
        lowest = self.lowest()
        ions, energies = [each.ions for each in lowest], [each.energy_eV for each in lowest]
        formation = formation_energies_eV(ions, energies, self.curve) / self.sites
        above = above_hull_eV(ions, energies, self.curve) / self.sites
        return [
            {
                "x": each.ions / self.sites,
                "formula": each.atoms.get_chemical_formula("metal"),
                "energy_eV": each.energy_eV,
                "formation_energy_eV_per_site": float(formed),
                "above_hull_eV_per_site": float(unstable),
                "volume_A3_per_site": float(each.atoms.get_volume() / self.sites),
                "edges_A": (each.atoms.cell.lengths() / repeats).tolist(),
                "angles_deg": each.atoms.cell.angles().tolist(),
                "candidates": sum(other.ions == each.ions for other in self.configurations),
                "left_out": sum(other.ions == each.ions and other.status != OK for other in self.configurations),
            }
            for each, formed, unstable in zip(lowest, formation, above, strict=True)
        ]


def find_phases(
    configurations: Configurations, candidates: Candidates, *, ions: Sequence[int], metal_eV: float
) -> Thermodynamics:
    """Relax the candidates of every number of ions, and find hull and voltages.

    Args:
        configurations: of the host.
        candidates: of the same host.
        ions: numbers of ions.
        metal_eV: energy of an atom of the bulk metal.

    Raises:
        SaltflowError: fewer than two numbers of ions have a configuration that is ok.
    """
    found: list[Configuration] = []
    for place, number in enumerate(ions, 1):
        found += configurations.of(candidates.of(number))
        log.info("%s of %s compositions are relaxed.", place, len(ions))
    lowest_eV: dict[int, float] = {}
    for each in found:
        if each.status == OK:
            lowest_eV[each.ions] = min(each.energy_eV, lowest_eV.get(each.ions, np.inf))
    if len(lowest_eV) < 2:
        reasons = ", ".join(sorted({each.status for each in found if each.status != OK}))
        raise SaltflowError(
            f"{len(lowest_eV)} of {len(ions)} compositions have a configuration at rest, a voltage needs two "
            f"({reasons or 'one composition was asked for'}); raise --steps, or take another potential or --range."
        )
    return Thermodynamics(found, voltage_curve(lowest_eV, metal_eV), configurations.host.sites)
