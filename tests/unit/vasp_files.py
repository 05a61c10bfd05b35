"""Settings of a VASP reference, and files in VASP's formats with numbers that a test chose."""

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from saltflow.campaign.settings.references import VaspReference

SETTINGS = {
    "code": "vasp",
    "command": "vasp_std",
    "potcar_path": None,
    "potcar_family": "PBE_64",
    "potcars": {},
    "input_set": "MatPESStaticSet",
    "functional": "PBE",
    "dispersion": "D3(BJ)",
    "incar": {"NCORE": 4},
    "kpoint_spacing_per_A": 0.3,
    "max_scf": 100,
    "smearing_temperature_K": None,
    "unpaired_electrons": {},
    "isolated_atom_box_A": 10.0,
    "net_force_limit_eV_A": 0.2,
    "frame_timeout_s": 20.0,
}

# Title, valence and made-up data; a POTCAR itself is licensed and no test may hold one.
POTCAR = """  PAW_PBE {symbol} {date}
   {valence:.14f}
 parameters from PSCTR are:
   VRHFIN ={element}: made up
   LEXCH  = {exchange}
   EATOM  =   100.0000 eV,    7.3499 Ry

   TITEL  = PAW_PBE {symbol} {date}
   LULTRA =        F    use ultrasoft PP ?
   POMASS =    7.010; ZVAL   =    {valence:.3f}    mass and valenz
   ENMAX  =  400.000; ENMIN  =  300.000 eV
 END of PSCTR-controll parameters
 local part
  0.100000000000000E+03
  0.00000000E+00  0.00000000E+00  0.00000000E+00  0.00000000E+00  0.00000000E+00
 End of Dataset
"""


def vasp(**changes: object) -> VaspReference:
    """The reference of `SETTINGS` with changes."""
    return VaspReference(**{**SETTINGS, **changes})


def potcar_text(symbol: str, *, valence: float, exchange: str = "PE", date: str = "01Jan2001") -> str:
    """A file in POTCAR's format without any of its physics."""
    element = symbol.split("_")[0]
    return POTCAR.format(symbol=symbol, element=element, valence=valence, exchange=exchange, date=date)


def vasprun_text(
    atoms: Atoms,
    *,
    free_energy_eV: float,
    forces_eV_A: np.ndarray,
    stress_kBar: np.ndarray,
    scf_steps: int = 3,
    most_steps: int = 100,
    scf_energy_eV: float | None = None,
) -> str:
    """A vasprun.xml of one single point, as far as it is read.

    Args:
        atoms: in the order of the POSCAR.
        scf_energy_eV: of the last electronic step; VASP leaves dispersion out of it.
    """
    electronic = free_energy_eV if scf_energy_eV is None else scf_energy_eV
    steps = "".join(f"<scstep>{_energy(electronic)}</scstep>" for _ in range(scf_steps))
    structure = f"<crystal>{_varray('basis', atoms.cell.array)}</crystal>"
    structure += _varray("positions", atoms.get_scaled_positions(wrap=False))
    kinds = sorted(set(atoms.symbols), key=list(atoms.symbols).index)
    rows = "".join(f"<rc><c>{symbol} </c><c>{kinds.index(symbol) + 1:4d}</c></rc>" for symbol in atoms.symbols)
    types = "".join(
        f"<rc><c>{list(atoms.symbols).count(kind)}</c><c>{kind}</c><c>1.0</c><c>1.0</c><c>PAW_PBE {kind} x</c></rc>"
        for kind in kinds
    )
    return f"""<?xml version="1.0" encoding="ISO-8859-1"?>
<modeling>
<generator><i name="program" type="string">vasp </i><i name="version" type="string">6.4.2  </i></generator>
<incar><i type="string" name="ALGO">Normal</i><i type="int" name="NELM">{most_steps}</i></incar>
<kpoints><generation param="Gamma"><v type="int" name="divisions">1 1 1</v></generation>
<varray name="kpointlist"><v>0.0 0.0 0.0</v></varray><varray name="weights"><v>1.0</v></varray></kpoints>
<parameters><separator name="electronic"><i type="int" name="NELM">{most_steps}</i></separator></parameters>
<atominfo><atoms>{len(atoms)}</atoms><types>{len(kinds)}</types>
<array name="atoms"><dimension dim="1">ion</dimension><field type="string">element</field>
<field type="int">atomtype</field><set>{rows}</set></array>
<array name="atomtypes"><dimension dim="1">type</dimension><field type="int">atomspertype</field>
<field type="string">element</field><field>mass</field><field>valence</field>
<field type="string">pseudopotential</field>
<set>{types}</set></array></atominfo>
<structure name="initialpos">{structure}</structure>
<calculation>{steps}<structure>{structure}</structure>
{_varray("forces", forces_eV_A)}{_varray("stress", stress_kBar)}
{_energy(free_energy_eV)}</calculation>
<structure name="finalpos">{structure}</structure>
</modeling>
"""


def outcar_text(
    atoms: Atoms, *, free_energy_eV: float, forces_eV_A: np.ndarray, stress_kBar: Sequence[float], tags: str = ""
) -> str:
    """An OUTCAR of one single point, as far as it is read; the stress is xx, yy, zz, xy, yz, zx."""
    kinds = sorted(set(atoms.symbols), key=list(atoms.symbols).index)
    species = "".join(f" POTCAR:    PAW_PBE {kind} 01Jan2001\n" for kind in [*kinds, *kinds])
    counts = " ".join(str(list(atoms.symbols).count(kind)) for kind in kinds)
    cell = "".join("  " + " ".join(f"{value:12.9f}" for value in [*row, 0, 0, 0]) + "\n" for row in atoms.cell.array)
    rows = np.hstack([atoms.positions, forces_eV_A])
    atoms_text = "".join("  " + " ".join(f"{value:13.5f}" for value in row) + "\n" for row in rows)
    return f""" vasp.6.4.2 made up
{species}   ions per type = {counts}
   ISPIN  =      1    spin polarized calculation?
{tags}
--------------------------------------- Iteration      1(   1)  ---------------------------------------
------------------------ aborting loop because EDIFF is reached ----------------------------------------
  in kB {" ".join(f"{value:12.5f}" for value in stress_kBar)}
      direct lattice vectors                 reciprocal lattice vectors
{cell}
 POSITION                                       TOTAL-FORCE (eV/Angst)
 -----------------------------------------------------------------------------------
{atoms_text} -----------------------------------------------------------------------------------
  FREE ENERGIE OF THE ION-ELECTRON SYSTEM (eV)
  ---------------------------------------------------
  free  energy   TOTEN  = {free_energy_eV:17.8f} eV

  energy  without entropy= {free_energy_eV + 0.02:15.8f}  energy(sigma->0) = {free_energy_eV + 0.01:15.8f}
"""


def _energy(free_eV: float) -> str:
    values = {"e_fr_energy": free_eV, "e_wo_entrp": free_eV + 0.02, "e_0_energy": free_eV + 0.01}
    return "<energy>" + "".join(f'<i name="{name}">{value:.8f}</i>' for name, value in values.items()) + "</energy>"


def _varray(name: str, rows: Sequence[Sequence[float]]) -> str:
    lines = "".join("<v>" + " ".join(f"{value:.10f}" for value in row) + "</v>" for row in np.asarray(rows))
    return f'<varray name="{name}">{lines}</varray>'
