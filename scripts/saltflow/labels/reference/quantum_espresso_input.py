"""The input of pw.x for a label, written by ASE."""

import io
from collections.abc import Sequence

from ase import Atoms
from ase.io.espresso import write_espresso_in
from ase.units import Ry, kB

from saltflow.campaign.settings.references import QuantumEspressoReference
from saltflow.labels.reference.kpoints import GAMMA, Grid
from saltflow.labels.reference.scf_fallbacks import SCFSettings
from saltflow.labels.reference.upf import Pseudopotential

SAVED = "saved"  # density and orbitals, for the next frame


def write_input(
    reference: QuantumEspressoReference,
    atoms: Atoms,
    pseudopotentials: Sequence[Pseudopotential],
    *,
    scf: SCFSettings,
    grid: Grid,
    unpaired: int | None,
) -> str:
    """The input file of one run; spin-polarised unless `unpaired` is None.

    The guess of `scf` is file (the frame before) or atomic; its solver david (Davidson) or cg (slower, more robust).
    """
    stream = io.StringIO()
    write_espresso_in(
        stream,
        _with_moments(atoms, reference, unpaired),
        input_data={
            "control": _control(pseudopotentials),
            "system": _system(reference, unpaired),
            "electrons": _electrons(reference, scf, len(atoms)),
        },
        pseudopotentials={each.element: each.path.name for each in pseudopotentials},
        kpts=None if grid == GAMMA else grid,
    )
    return stream.getvalue()


def _control(pseudopotentials: Sequence[Pseudopotential]) -> dict:
    return {
        "calculation": "scf",
        "prefix": "frame",
        "outdir": SAVED,
        "pseudo_dir": str(pseudopotentials[0].path.parent),
        "disk_io": "low",
        "tprnfor": True,
        "tstress": True,
    }


def _system(reference: QuantumEspressoReference, unpaired: int | None) -> dict:
    system = {"ecutwfc": reference.cutoff_Ry, "ecutrho": reference.density_cutoff_Ry, "occupations": "fixed"}
    if unpaired is not None:
        system |= {"nspin": 2, "tot_magnetization": unpaired}
    if (temperature_K := reference.smearing_temperature_K) is not None:
        system |= {"occupations": "smearing", "smearing": "fermi-dirac", "degauss": kB * temperature_K / Ry}
    if reference.dispersion == "D3(BJ)":  # version 4 is Becke–Johnson damping; two-body as in the other codes
        system |= {"vdw_corr": "dft-d3", "dftd3_version": 4, "dftd3_threebody": False}
    return system


def _electrons(reference: QuantumEspressoReference, scf: SCFSettings, atoms: int) -> dict:
    return {
        "conv_thr": reference.scf_tolerance_Ry_per_atom * atoms,
        "electron_maxstep": reference.max_scf,
        "mixing_beta": scf.mixing,
        "diagonalization": scf.solver,
        "startingpot": scf.guess,
        "startingwfc": "file" if scf.guess == "file" else "atomic+random",
    }


def _with_moments(atoms: Atoms, reference: QuantumEspressoReference, unpaired: int | None) -> Atoms:
    """The bare structure with the initial magnetic moments."""
    bare = Atoms(atoms.symbols, atoms.positions, cell=atoms.cell, pbc=True)
    if unpaired is not None:
        alone = len(atoms) == 1
        moments = [unpaired if alone else reference.unpaired_electrons.get(symbol, 0) for symbol in atoms.symbols]
        bare.set_initial_magnetic_moments(moments)
    return bare
