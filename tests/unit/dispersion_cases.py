"""D3(BJ) by the dftd3 library, which puts it into labels."""

import numpy as np
from ase import units
from dftd3.interface import DispersionModel, RationalDampingParam

from saltflow.campaign.dispersion_switch import CUTOFF_A
from saltflow.potentials.d3_damping import DAMPING


def by_library(atoms, *, functional="PBE", **cutoffs_bohr):
    """Energy, forces and stress by dftd3; without cutoffs the sum over all pairs (Ewald)."""
    model = DispersionModel(
        atoms.numbers, atoms.positions / units.Bohr, atoms.cell.array / units.Bohr, np.ones(3, bool)
    )
    model.set_realspace_cutoff(**cutoffs_bohr) if cutoffs_bohr else model.set_ewald_summation()
    damping = DAMPING[functional]
    found = model.get_dispersion(
        RationalDampingParam(s6=1.0, s8=damping.s8, s9=0.0, a1=damping.a1, a2=damping.a2_bohr), grad=True
    )
    energy, forces = float(found["energy"]) * units.Hartree, -found["gradient"] * units.Hartree / units.Bohr
    return energy, forces, found["virial"] * units.Hartree / abs(atoms.cell.volume)


def by_library_at_cutoff(atoms, **choices):
    cutoff = CUTOFF_A / units.Bohr
    return by_library(atoms, disp2=cutoff, disp3=0.0, cn=cutoff, width2=1.0, **choices)
