"""Pack a composition at random into a periodic cube."""

import numpy as np
from ase import Atoms

from saltflow.materials.cells.overlaps import remove_overlaps
from saltflow.materials.cells.packing_units import packing_units
from saltflow.materials.cells.packmol import run_packmol
from saltflow.materials.cells.separations import minimum_separations_A
from saltflow.materials.compositions import Composition
from saltflow.materials.density import G_CM3_PER_U_A3
from saltflow.materials.frame_info import FrameInfo

SINGLE_ION = -1
LARGEST_PACKMOL_SEED = 2**31 - 1


def pack_cell(
    composition: Composition,
    *,
    formula_units: int,
    density_g_cm3: float,
    seed: int,
    min_separation_factor: float,
    min_separations_A: dict[str, float],
) -> Atoms:
    """A charge-neutral, periodic cubic cell with whole polyanions and minimum distances between units.

    packmol keeps spheres of factor × ionic radius apart. Pairs with larger minimum distances (see
    `minimum_separations_A`) are then pushed apart.

    Args:
        composition: what to pack.
        formula_units: whole formula units in the cell.
        density_g_cm3: of the cell.
        seed: the only source of randomness.
        min_separation_factor: × the sum of the ionic radii gives the minimum distance of a pair.
        min_separations_A: pair such as "Cl-Cl" → minimum distance instead.

    Returns:
        Atoms with composition, formula_units, seed, start_density_g_cm3 and unit of `FrameInfo`. A polyanion is
        whole, so some atoms may lie a little outside the box.

    Raises:
        InputError: the number of an atom or polyanion would be fractional.
        SaltflowError: the units do not fit into the cell.
    """
    units = packing_units(composition, formula_units)
    atoms, bodies = _assemble(units)
    edge_A = float(np.cbrt(atoms.get_masses().sum() * G_CM3_PER_U_A3 / density_g_cm3))
    atoms.set_cell(np.eye(3) * edge_A)
    subject = f"{composition.id} ({len(atoms)} atoms at {density_g_cm3:.3g} g/cm3)"
    atoms.positions = run_packmol(
        units, edge_A=edge_A, radius_scale=min_separation_factor, seed=_packmol_seed(seed), subject=subject
    )
    separations_A = minimum_separations_A(
        composition, min_separation_factor=min_separation_factor, min_separations_A=min_separations_A
    )
    remove_overlaps(atoms, bodies=bodies, separations_A=separations_A, subject=subject)
    return FrameInfo.of(atoms).replace(
        composition=composition.id,
        formula_units=formula_units,
        seed=seed,
        start_density_g_cm3=density_g_cm3,
    )


def _assemble(units: list[tuple[Atoms, int]]) -> tuple[Atoms, np.ndarray]:
    """All atoms in packing order with their `unit`, and the rigid body of each atom, shape (atoms,)."""
    templates = [template for template, count in units for _ in range(count)]
    sizes = [len(template) for template in templates]
    bodies = np.repeat(np.arange(len(templates)), sizes)
    whole = np.repeat(np.array(sizes) > 1, sizes)
    symbols = [symbol for template in templates for symbol in template.symbols]
    atoms = Atoms(symbols, pbc=True)
    singles = len(np.unique(bodies[~whole]))  # single ions come first, so polyanions count from there
    FrameInfo.of(atoms).unit = np.where(whole, bodies - singles, SINGLE_ION)
    return atoms, bodies


def _packmol_seed(seed: int) -> int:
    """A positive Fortran integer that depends on the whole seed."""
    return int(np.random.SeedSequence(seed).generate_state(1)[0] % LARGEST_PACKMOL_SEED) + 1
