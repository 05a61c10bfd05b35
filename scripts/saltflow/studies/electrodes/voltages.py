"""Voltages of an insertion electrode from energies, and the convex hull over the number of ions.

V(n1 → n2) = −[E(n2) − E(n1) − (n2 − n1) E_A] / ((n2 − n1) e), against the metal of the ion (Aydinol et al.,
Phys. Rev. B 56, 1354, 1997). Energies at 0 K; volume work and the entropy of the host are left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class VoltageCurve:
    """The stable phases, and the plateaus between them.

    Attributes:
        ions: of the supercells on the hull, ascending, shape (phases,).
        energies_eV: of these supercells, shape (phases,).
        voltages_V: between one phase and the next, falling, shape (phases − 1,).
    """

    ions: np.ndarray
    energies_eV: np.ndarray
    voltages_V: np.ndarray

    def at(self, ions: float) -> float:
        """Voltage of the plateau at a number of ions; NaN outside, the middle of a step at a phase itself."""
        inside = (self.ions[:-1] <= ions) & (ions <= self.ions[1:])
        return float(self.voltages_V[inside].mean()) if inside.any() else np.nan

    def mean_V(self) -> float:
        """Voltage between the two ends."""
        return float(np.average(self.voltages_V, weights=np.diff(self.ions)))

    def steps(self, sites: int) -> list[dict]:
        """Plateaus, JSON-able; x is the fraction of the sites that are occupied."""
        return [
            {"x_from": float(first / sites), "x_to": float(last / sites), "voltage_V": float(voltage)}
            for first, last, voltage in zip(self.ions[:-1], self.ions[1:], self.voltages_V, strict=True)
        ]


def voltage_V(energy_change_eV: float, ions_added: float, metal_eV: float) -> float:
    """Voltage of a change of energy on adding ions (removing where it is negative).

    Args:
        energy_change_eV: of the host.
        ions_added: their number.
        metal_eV: energy of an atom of the bulk metal.
    """
    return -(energy_change_eV - ions_added * metal_eV) / ions_added


def voltage_curve(lowest_eV: Mapping[int, float], metal_eV: float) -> VoltageCurve:
    """The lower convex hull of energies over the number of ions, and its voltages.

    Args:
        lowest_eV: number of ions → energy of the supercell; two at least.
        metal_eV: energy of an atom of the bulk metal.
    """
    hull: list[tuple[int, float]] = []
    for point in sorted(lowest_eV.items()):
        while len(hull) > 1 and _slope(hull[-2], hull[-1]) >= _slope(hull[-1], point):
            hull.pop()
        hull.append(point)
    ions, energies = (np.array(each) for each in zip(*hull, strict=True))
    return VoltageCurve(ions, energies, -(np.diff(energies) / np.diff(ions) - metal_eV))


def formation_energies_eV(ions: Sequence[int], energies_eV: Sequence[float], curve: VoltageCurve) -> np.ndarray:
    """Energies against a mixture of the two ends of a curve, per supercell, shape (configurations,)."""
    return np.asarray(energies_eV) - np.interp(ions, curve.ions[[0, -1]], curve.energies_eV[[0, -1]])


def above_hull_eV(ions: Sequence[int], energies_eV: Sequence[float], curve: VoltageCurve) -> np.ndarray:
    """Energies above the hull, per supercell, shape (configurations,)."""
    return np.asarray(energies_eV) - np.interp(ions, curve.ions, curve.energies_eV)


def _slope(first: tuple[int, float], second: tuple[int, float]) -> float:
    return (second[1] - first[1]) / (second[0] - first[0])
