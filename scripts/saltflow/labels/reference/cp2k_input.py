"""The complete CP2K input of a label; ASE adds coordinates and cell."""

from collections.abc import Iterable, Mapping

from saltflow.campaign.settings.references import Cp2kReference
from saltflow.labels.reference.cp2k_data import Cp2kKind
from saltflow.labels.reference.kpoints import GAMMA, Grid, half_grid
from saltflow.labels.reference.scf_fallbacks import SCFSettings
from saltflow.potentials.d3_damping import DAMPING

WAVEFUNCTION = "wavefunction.wfn"

# CP2K's filter of integrals; the SCF tolerance must stay above its square root.
EPS_DEFAULT = 1e-12
# Beyond 15 Å the D3 energy of a solid changes by less than 0.1 meV/atom.
DISPERSION_CUTOFF_A = 15.0

# r²SCAN comes from libxc.
_FUNCTIONALS = {
    "PBE": "&PBE\n        &END PBE",
    "r2SCAN": "&MGGA_X_R2SCAN\n        &END MGGA_X_R2SCAN\n        &MGGA_C_R2SCAN\n        &END MGGA_C_R2SCAN",
}
_XC_GRID = {"none": ("NONE", "PW"), "NN10": ("NN10", "NN10_SMOOTH")}


def write_input(
    reference: Cp2kReference, kinds: Iterable[Cp2kKind], *, scf: SCFSettings, multiplicity: int, grid: Grid
) -> str:
    """The input template of one run; spin-polarised if `multiplicity` (2S + 1) > 1.

    The guess of `scf` is restart (the frame before) or atomic; its solver ot (orbital transformation, insulators only)
    or diagonalisation with Broyden mixing.
    """
    diagonalise = scf.solver == "diagonalisation"
    solver = _diagonalisation(reference, scf.mixing, multiplicity) if diagonalise else _OT
    return f"""
&GLOBAL
  PRINT_LEVEL MEDIUM
&END GLOBAL
&FORCE_EVAL
  METHOD QUICKSTEP
  STRESS_TENSOR ANALYTICAL
  &DFT
    {_lines(f"BASIS_SET_FILE_NAME {name}" for name in reference.basis_files)}
    WFN_RESTART_FILE_NAME {WAVEFUNCTION}
    UKS {multiplicity > 1}
    MULTIPLICITY {multiplicity}
    &QS
      METHOD GPW
      EPS_DEFAULT {EPS_DEFAULT}
    &END QS
    &MGRID
      NGRIDS 4
      CUTOFF [Ry] {reference.cutoff_Ry}
      REL_CUTOFF [Ry] {reference.relative_cutoff_Ry}
    &END MGRID
    &SCF
      SCF_GUESS {scf.guess.upper()}
      EPS_SCF {reference.scf_tolerance}
      MAX_SCF {reference.max_scf}
      {solver.strip()}
      &PRINT
        &RESTART
          FILENAME ={WAVEFUNCTION}
          BACKUP_COPIES 0
        &END RESTART
      &END PRINT
    &END SCF
    &XC
      &XC_FUNCTIONAL
        {_FUNCTIONALS[reference.functional]}
      &END XC_FUNCTIONAL
      &XC_GRID
        XC_SMOOTH_RHO {_XC_GRID[reference.xc_smoothing][0]}
        XC_DERIV {_XC_GRID[reference.xc_smoothing][1]}
      &END XC_GRID
      {_dispersion(reference).strip()}
    &END XC
    {_kpoints(grid).strip()}
  &END DFT
  &SUBSYS
    {_lines(_kind(kind, reference.unpaired_electrons) for kind in kinds)}
  &END SUBSYS
&END FORCE_EVAL
"""


_OT = """
      &OT
        MINIMIZER DIIS
        PRECONDITIONER FULL_ALL
        ENERGY_GAP 0.05
      &END OT
"""


def _diagonalisation(reference: Cp2kReference, mixing: float, multiplicity: int) -> str:
    return f"""
      {_smearing(reference.smearing_temperature_K, multiplicity)}
      &DIAGONALIZATION
        ALGORITHM STANDARD
      &END DIAGONALIZATION
      &MIXING
        METHOD BROYDEN_MIXING
        ALPHA {mixing}
        NBROYDEN 8
      &END MIXING
"""


def _smearing(temperature_K: float | None, multiplicity: int) -> str:
    if temperature_K is None:
        return ""
    return f"""ADDED_MOS 20 20
      &SMEAR
        METHOD FERMI_DIRAC
        ELECTRONIC_TEMPERATURE [K] {temperature_K}
        FIXED_MAGNETIC_MOMENT {multiplicity - 1}
      &END SMEAR"""


def _dispersion(reference: Cp2kReference) -> str:
    if reference.dispersion == "none":
        return ""
    damping = DAMPING[reference.functional]
    return f"""
      &VDW_POTENTIAL
        POTENTIAL_TYPE PAIR_POTENTIAL
        &PAIR_POTENTIAL
          TYPE DFTD3(BJ)
          PARAMETER_FILE_NAME dftd3.dat
          D3BJ_SCALING 1.0 {damping.a1} {damping.s8} {damping.a2_bohr}
          R_CUTOFF [angstrom] {DISPERSION_CUTOFF_A}
        &END PAIR_POTENTIAL
      &END VDW_POTENTIAL
"""


def _kpoints(grid: Grid) -> str:
    """Explicit points: CP2K's Monkhorst–Pack grids of even size leave out Γ."""
    if grid == GAMMA:
        return ""
    points = _lines(
        f"  KPOINT {first:.12f} {second:.12f} {third:.12f} {weight:.12f}"
        for (first, second, third), weight in half_grid(grid)
    )
    return f"""
    &KPOINTS
      SCHEME GENERAL
      UNITS B_VECTOR
      SYMMETRY OFF
      FULL_GRID ON
      WAVEFUNCTIONS COMPLEX
    {points}
    &END KPOINTS
"""


def _kind(kind: Cp2kKind, unpaired_electrons: Mapping[str, int]) -> str:
    return f"""&KIND {kind.element}
      BASIS_SET {kind.basis}
      POTENTIAL_FILE_NAME {kind.potential_file}
      POTENTIAL {kind.potential}
      MAGNETIZATION {unpaired_electrons.get(kind.element, 0)}
    &END KIND"""


def _lines(texts: Iterable[str]) -> str:
    return "\n    ".join(texts)
