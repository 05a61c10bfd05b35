"""The metal of the ion, the other electrode."""

from pathlib import Path

from ase import Atoms
from ase.build import bulk
from ase.data import atomic_numbers, reference_states

from saltflow.base.errors import InputError, SaltflowError
from saltflow.base.provenance import digest
from saltflow.materials.structure_files import read_structure
from saltflow.studies.electrodes.configurations import MADE_BY
from saltflow.studies.kept_numbers import kept_numbers
from saltflow.studies.relaxation.batched_evaluation import BatchedEvaluation
from saltflow.studies.relaxation.relaxed_cells import relax_cells


def metal_of(ion: str, file: str | None) -> Atoms:
    """The crystal of a metal: of a file, or bcc with the lattice constant that ASE knows.

    Raises:
        InputError: ASE knows no bcc metal of that name, or the file holds something else.
    """
    if file is not None:
        metal = read_structure(file)
        if set(metal.symbols) != {ion}:
            raise InputError([f"--metal: '{file}' is {metal.symbols.formula.reduce()[0]}; give a crystal of {ion}."])
        return metal
    if ion not in atomic_numbers:
        raise InputError([f"--ion: '{ion}' is no element; give such as Li."])
    known = reference_states[atomic_numbers[ion]]
    if not known or known["symmetry"] != "bcc":
        raise InputError([f"--metal: {ion} is no bcc metal; give a file with the crystal of {ion}."])
    return bulk(ion, "bcc", a=known["a"], cubic=True)


def metal_energy_eV(metal: Atoms, evaluation: BatchedEvaluation, *, settings: dict, folder: Path) -> float:
    """Energy per atom of a metal, relaxed with its cell; kept in metal.json.

    Args:
        metal: its crystal.
        evaluation: of the potential.
        settings: force_eV_A, steps, and what tells one potential from another.
        folder: of the study.

    Raises:
        SaltflowError: it does not come to rest.
    """

    def relaxed() -> dict:
        limits = {"force_eV_A": settings["force_eV_A"], "steps": settings["steps"]}
        (cell,) = relax_cells([metal], evaluation, **limits)
        if not cell.is_converged(settings["force_eV_A"]):
            raise SaltflowError(f"The metal {metal.symbols[0]} does not come to rest by this potential; raise --steps.")
        volume_A3 = cell.atoms.get_volume() / len(metal)
        return {"energy_eV": cell.energy_eV / len(metal), "volume_A3": volume_A3}

    made_by = {name: settings[name] for name in MADE_BY}
    key = digest([made_by, str(metal.symbols), metal.cell.array.round(4).tolist()])
    return kept_numbers(folder / "metal.json", relaxed, key=key)["energy_eV"]
