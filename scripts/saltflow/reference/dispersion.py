"""Grimme's D3 dispersion with Becke–Johnson damping, two-body, for codes that have none of their own."""

from dataclasses import dataclass, replace

from ase import Atoms

from saltflow.reference.label import Result


@dataclass(frozen=True)
class Damping:
    """Parameters of D3(BJ): s6 = 1 always; a2 in bohr."""

    s8: float
    a1: float
    a2_bohr: float


# PBE: Grimme, Ehrlich, Goerigk, J. Comput. Chem. 32, 1456 (2011); r²SCAN: Ehlert et al., JCP 154, 061101 (2021).
DAMPING = {"PBE": Damping(0.7875, 0.4289, 4.4407), "r2SCAN": Damping(0.78981345, 0.49484001, 5.73083694)}


def with_dispersion(result: Result, atoms: Atoms, *, functional: str) -> Result:
    """A density-functional result with the D3(BJ) energy, forces and stress by the dftd3 library added.

    Without the three-body term, as in CP2K and in the parameters' own fit.
    """
    from dftd3.ase import DFTD3

    damping = DAMPING[functional]
    tweaks = {"s8": damping.s8, "a1": damping.a1, "a2": damping.a2_bohr, "s9": 0.0}
    single = Atoms(atoms.symbols, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    single.calc = DFTD3(damping="d3bj", params_tweaks=tweaks)
    return replace(
        result,
        energy_eV=result.energy_eV + float(single.get_potential_energy()),
        forces_eV_A=result.forces_eV_A + single.get_forces(),
        stress_eV_A3=result.stress_eV_A3 + single.get_stress(voigt=False),
    )
