"""Two-body D3(BJ) dispersion by the dftd3 library, for codes without their own."""

from dataclasses import replace

from ase import Atoms

from saltflow.labels.reference.label import Result
from saltflow.potentials.d3_damping import DAMPING


def with_dispersion(result: Result, atoms: Atoms, *, functional: str) -> Result:
    """A result with D3(BJ) energy, forces and stress added; two-body, as in the fit of the parameters."""
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
