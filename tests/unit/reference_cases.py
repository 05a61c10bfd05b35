"""Small cells and draft settings that the tests of the references share."""

from importlib import metadata

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from saltflow.base.errors import SaltflowError
from saltflow.campaign.config_files import read_configuration
from saltflow.campaign.settings.references import (
    Cp2kReference,
    GpawReference,
    QuantumEspressoReference,
    TbliteReference,
    UniversalReference,
    read_reference,
)
from saltflow.potentials.universal.environment import find_python

GFN1 = TbliteReference(
    code="tblite",
    method="GFN1-xTB",
    accuracy=0.1,
    electronic_temperature_K=300.0,
    max_iterations=250,
    frame_timeout_s=60.0,
)

# Far too coarse for production; energy, forces and stress still have to be consistent.
DRAFT = {
    "functional": "PBE",
    "dispersion": "D3(BJ)",
    "kpoint_spacing_per_A": 10.0,
    "max_scf": 50,
    "smearing_temperature_K": None,
    "unpaired_electrons": {},
    "isolated_atom_box_A": 6.0,
    "net_force_limit_eV_A": 0.5,
    "frame_timeout_s": 900.0,
}
DRAFT_PBE = Cp2kReference(
    code="cp2k",
    command="cp2k.psmp -s",
    data_path=None,
    basis="DZVP-MOLOPT-SR-GTH",
    basis_files=("BASIS_MOLOPT",),
    potential="GTH-PBE",
    potential_file="GTH_POTENTIALS",
    potential_of={},
    cutoff_Ry=200.0,
    relative_cutoff_Ry=40.0,
    xc_smoothing="none",
    scf_tolerance=1e-6,
    **DRAFT,
)
# Debian's quantum-espresso-data has no chlorine and no lithium for PBE; hydrogen and boron are there.
DRAFT_PWSCF = QuantumEspressoReference(
    code="quantum-espresso",
    command="pw.x",
    pseudopotential_path="/usr/share/espresso/pseudo",
    pseudopotentials="Debian",
    pseudopotential_files={"B": "B.pbe-n-kjpaw_psl.1.0.0.UPF", "H": "H.pbe-kjpaw.UPF"},
    cutoff_Ry=30.0,
    density_cutoff_Ry=240.0,
    scf_tolerance_Ry_per_atom=1e-9,
    **DRAFT,
)
DRAFT_GPAW = GpawReference(
    code="gpaw", data_path=None, generated_datasets={}, cutoff_eV=350.0, density_tolerance=1e-6, **DRAFT
)
# A calculator that needs no other package, in the Python of the tests.
EMT = UniversalReference(
    code="universal",
    method="EMT of ASE",
    functional=None,
    dispersion="none",
    elements=["Cu", "Ag", "Au"],
    licence="LGPL",
    citation="K. W. Jacobsen et al., Surf. Sci. 366, 394 (1996)",
    package="ase",
    version=metadata.version("ase"),
    calculator="ase.calculators.emt.EMT",
    arguments={},
    weights=None,
    sha256=None,
    atomic_energies="fitted",
    device="cpu",
    device_argument=None,
    python=None,
    frame_timeout_s=60.0,
)
UNIVERSAL = ("chgnet-pbe", "sevennet-l3i5", "diep-r2scan")


def shipped(name: str) -> UniversalReference:
    """A universal potential of config/references/; skips the test where its environment is absent."""
    reference = read_reference(read_configuration([])["references"], name)
    try:
        find_python(reference)
    except SaltflowError as missing:
        pytest.skip(str(missing))
    return reference


def copper_gold(seed: int = 1) -> Atoms:
    """Rattled atoms of a strained alloy."""
    atoms = bulk("Cu", cubic=True, a=3.9)
    atoms.symbols[0] = "Au"
    atoms.set_cell(atoms.cell.array @ np.array([[1, 0.05, 0], [0, 0.97, 0], [0, 0, 1.02]]), scale_atoms=True)
    atoms.rattle(0.15, seed=seed)
    atoms.info.update(composition="Cu3Au", lineage=f"Cu3Au/{seed}", origin="rattled")
    return atoms


def lithium_chloride(*, lattice_A: float = 5.13, rattle_A: float = 0.1, seed: int = 1) -> Atoms:
    """Eight rattled atoms of rocksalt LiCl."""
    atoms = bulk("LiCl", "rocksalt", a=lattice_A, cubic=True)
    atoms.rattle(rattle_A, seed=seed)
    atoms.info.update(composition="LiCl", lineage=f"LiCl/{seed}", origin="rattled")
    return atoms


def distorted_cell():
    """A hydrogen chloride molecule across a skewed cell, off every symmetry: the cheapest that has it all."""
    cell = [[4.4, 0.0, 0.0], [0.3, 3.9, 0.0], [0.0, 0.2, 4.1]]
    positions = [[0.10, 0.05, 0.20], [1.20, 0.45, 0.55]]
    return Atoms("HCl", positions=positions, cell=cell, pbc=True, info={"composition": "HCl"})


def borane() -> Atoms:
    """A boron hydride molecule across a skewed cell: closed-shell, and of elements that every code has."""
    cell = [[4.2, 0.0, 0.0], [0.3, 3.7, 0.0], [0.0, 0.2, 3.9]]
    positions = [[0.10, 0.05, 0.20], [1.10, 0.45, 0.65]]
    return Atoms("BH", positions=positions, cell=cell, pbc=True, info={"composition": "BH"})


def displaced(atoms: Atoms, displacement_A: np.ndarray) -> Atoms:
    """A copy moved by (atoms, 3)."""
    moved = atoms.copy()
    moved.positions += displacement_A
    return moved


def strained(atoms: Atoms, strain: np.ndarray) -> Atoms:
    """A copy deformed by a symmetric (3, 3) strain."""
    deformed = atoms.copy()
    deformed.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
    return deformed


def unit_strain(first: int, second: int) -> np.ndarray:
    """Symmetric strain whose conjugate is stress[first, second], off-diagonal parts halved."""
    strain = np.zeros((3, 3))
    strain[first, second] += 0.5
    strain[second, first] += 0.5
    return strain
