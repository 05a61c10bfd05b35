"""Mass density of periodic cells."""

from ase import Atoms
from ase.units import _amu

G_CM3_PER_U_A3 = _amu * 1e27  # 1 u/Å3 in g/cm3


def density_g_cm3(atoms: Atoms) -> float:
    """Mass density of a periodic cell in g/cm3."""
    return float(atoms.get_masses().sum() / atoms.cell.volume * G_CM3_PER_U_A3)
