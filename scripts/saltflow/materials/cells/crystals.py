"""Read a crystal from a structure file; repeat it to a near-cubic cell."""

import warnings
from fractions import Fraction
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import find_optimal_cell_shape, make_supercell
from ase.build.supercells import eval_length_deviation
from ase.io import read
from matscipy.neighbours import neighbour_list

from saltflow.base.errors import InputError
from saltflow.materials.cells.packing import SINGLE_ION
from saltflow.materials.compositions import Composition
from saltflow.materials.frame_info import FrameInfo

# Closer sites are one site described twice; the shortest bond is O–H, 0.96 Å.
MIN_SITE_DISTANCE_A = 0.7
# Relative deviation from the target size that is allowed for a more cubic cell.
SIZE_TOLERANCE = 0.1
MAX_SIZES_TRIED = 5


def read_crystal(path: str | Path, composition: Composition, *, atoms: int) -> Atoms:
    """A near-cubic supercell of an ordered crystal.

    Args:
        path: structure file; CIF and POSCAR are read by pymatgen (ASE drops occupancies), others by ASE.
        composition: the crystal must have its stoichiometry.
        atoms: target size, met within 10 % where the unit cell allows.

    Returns:
        Periodic Atoms with composition, formula_units and unit of `FrameInfo`, the latter −1 for every atom.

    Raises:
        InputError: the file cannot be read, has partial occupancies, overlapping sites, or another stoichiometry.
    """
    crystal = _read(Path(path), composition)
    _check_sites(crystal, composition, path)
    _check_stoichiometry(crystal, composition, path)
    supercell = make_supercell(crystal, _near_cubic(crystal, atoms=atoms))
    supercell.pbc = True
    formula_units = Fraction(len(supercell)) / sum(composition.amounts.values())
    return FrameInfo.of(supercell).replace(
        composition=composition.id, formula_units=formula_units, unit=np.full(len(supercell), SINGLE_ION)
    )


def _read(path: Path, composition: Composition) -> Atoms:
    is_poscar = path.suffix.lower() == ".vasp" or path.name.upper().startswith(("POSCAR", "CONTCAR"))
    try:
        if is_poscar or path.suffix.lower() == ".cif":
            return _read_by_pymatgen(path, composition)
        return read(path)
    except InputError:
        raise
    except Exception as error:  # parsers raise whatever they meet
        raise InputError(
            [
                f"{composition.id}: the structure file {path} cannot be read ({error}); repair it or name "
                f"another one in the column start."
            ]
        ) from error


def _read_by_pymatgen(path: Path, composition: Composition) -> Atoms:
    from pymatgen.core import Structure

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the rounding of special positions, for nearly every CIF
        if path.suffix.lower() == ".cif":
            structure = Structure.from_file(path)
        else:
            structure = Structure.from_str(path.read_text(), fmt="poscar")
    partial = [site for site in structure if not site.is_ordered]
    if partial:
        sites = "; ".join(sorted({f"{site.label} with {site.species_string}" for site in partial}))
        raise InputError(
            [
                f"{composition.id}: {len(partial)} sites of {path} are partially occupied ({sites}); order "
                f"the structure first, for example with pymatgen's OrderDisorderedStructureTransformation."
            ]
        )
    symbols = [site.specie.element.symbol if hasattr(site.specie, "element") else site.specie.symbol
               for site in structure]  # fmt: skip
    return Atoms(symbols, scaled_positions=structure.frac_coords, cell=structure.lattice.matrix, pbc=True)


def _check_stoichiometry(crystal: Atoms, composition: Composition, path: str | Path) -> None:
    found = crystal.symbols.formula.count()
    formula_units = Fraction(len(crystal)) / sum(composition.amounts.values())
    expected = {element: amount * formula_units for element, amount in composition.amounts.items()}
    if found != expected:
        raise InputError(
            [
                f"{composition.id}: {path} holds {crystal.symbols.formula.reduce()[0]}, not "
                f"{composition.formula}; correct the formula or the structure file."
            ]
        )


def _check_sites(crystal: Atoms, composition: Composition, path: str | Path) -> None:
    first, second, distances = neighbour_list("ijd", crystal, MIN_SITE_DISTANCE_A)
    if len(distances):
        closest = int(np.argmin(distances))
        pair = "–".join(f"{crystal.symbols[index]}{index}" for index in (first[closest], second[closest]))
        raise InputError(
            [
                f"{composition.id}: the sites {pair} of {path} overlap ({distances[closest]:.2f} Å apart); "
                f"remove the duplicate site from the file."
            ]
        )


def _near_cubic(crystal: Atoms, *, atoms: int) -> np.ndarray:
    """The supercell matrix, shape (3, 3), of the most cubic cell with about the wanted number of atoms."""
    wanted = max(1, round(atoms / len(crystal)))
    deviation = int(SIZE_TOLERANCE * wanted)
    sizes = sorted(range(wanted - deviation, wanted + deviation + 1), key=lambda size: abs(size - wanted))
    matrices = [find_optimal_cell_shape(crystal.cell, size, "sc") for size in sizes[:MAX_SIZES_TRIED]]
    deviations = [float(eval_length_deviation(matrix @ crystal.cell.array)) for matrix in matrices]
    return matrices[int(np.argmin(deviations))]
