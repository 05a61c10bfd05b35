"""VASP inputs of a label: pymatgen's input sets with the settings that a label needs."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.units import kB

from saltflow.campaign.settings.references import VaspReference
from saltflow.potentials.d3_damping import DAMPING

# Single point: no ionic steps, no symmetrised forces, full stress tensor.
SINGLE_POINT = {
    "NSW": 0,
    "IBRION": -1,
    "ISIF": 2,
    "ISYM": 0,
    "PSTRESS": None,
    "LAECHG": False,
    "LVHAR": False,
    "LVTOT": False,
}
WARM, COLD = {"ISTART": 1, "ICHARG": 0}, {"ISTART": 0, "ICHARG": 2}


@dataclass(frozen=True)
class Inputs:
    """The files of a run, without the POTCAR.

    Attributes:
        incar, poscar: their text; k-points follow from KSPACING in the INCAR.
        order: index in the structure of each atom of the POSCAR.
        symbols: POTCAR symbol of each element, in the order of the POSCAR.
    """

    incar: str
    poscar: str
    order: np.ndarray
    symbols: tuple[str, ...]


def write_inputs(
    reference: VaspReference, atoms: Atoms, *, unpaired: int, scf: Mapping[str, object], free_atom: bool = False
) -> Inputs:
    """The inputs of one run.

    Args:
        unpaired: electrons; above 0 their number is fixed (NUPDOWN).
        scf: INCAR keys of the SCF fallback; none changes the solution.
        free_atom: sample Γ alone.
    """
    from pymatgen.io.ase import AseAtomsAdaptor

    order = np.argsort(atoms.numbers, kind="stable")
    ordered = Atoms(atoms.symbols[order], atoms.positions[order], cell=atoms.cell, pbc=True)
    changes = {
        **SINGLE_POINT,
        "KSPACING": 100.0 if free_atom else reference.kpoint_spacing_per_A,
        "KGAMMA": True,
        "NELM": reference.max_scf,
        "LWAVE": True,
        "LCHARG": False,
        "NUPDOWN": unpaired if unpaired or free_atom else None,
        **_smearing(reference),
        **_dispersion(reference),
        **reference.incar,
        **scf,
    }
    made = _input_set(reference, AseAtomsAdaptor.get_structure(ordered), changes)
    return Inputs(
        incar=made.incar.get_str(sort_keys=True),
        poscar=made.poscar.get_str(significant_figures=16),
        order=order,
        symbols=tuple(made.potcar_symbols),
    )


def potcar_symbol(reference: VaspReference, element: str) -> str | None:
    """The POTCAR symbol of an element by the settings or the input set; None where there is none."""
    if element in reference.potcars:
        return reference.potcars[element]
    return _set_class(reference).CONFIG["POTCAR"].get(element)


def _input_set(reference: VaspReference, structure, changes: Mapping[str, object]):
    kwargs = {"xc_functional": reference.functional.upper()} if reference.input_set == "MatPESStaticSet" else {}
    with warnings.catch_warnings():
        # About another POTCAR family than the set's, and k-points coarser than for an unknown band gap.
        warnings.simplefilter("ignore")
        return _set_class(reference)(
            structure,
            user_incar_settings=dict(changes),
            user_potcar_settings=dict(reference.potcars),
            user_potcar_functional=reference.potcar_family,
            sort_structure=False,
            **kwargs,
        )


def _set_class(reference: VaspReference):
    from pymatgen.io.vasp import sets

    return getattr(sets, reference.input_set)


def _smearing(reference: VaspReference) -> dict:
    if reference.smearing_temperature_K is None:
        return {"ISMEAR": 0, "SIGMA": 0.05}
    return {"ISMEAR": -1, "SIGMA": round(kB * reference.smearing_temperature_K, 6)}


def _dispersion(reference: VaspReference) -> dict:
    if reference.dispersion == "none":
        return {"IVDW": None}
    # VASP's default parameters depend on its version.
    damping = DAMPING[reference.functional]
    return {"IVDW": 12, "VDW_S8": damping.s8, "VDW_A1": damping.a1, "VDW_A2": damping.a2_bohr}
