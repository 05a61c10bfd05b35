"""Starting cells, packed or crystalline, and acceptance criteria."""

from ase import Atoms

from saltflow.base.errors import SaltflowError
from saltflow.materials.cells.acceptance import check_acceptance, close_pair
from saltflow.materials.cells.crystals import read_crystal
from saltflow.materials.cells.packing import pack_cell
from saltflow.materials.cells.packing_units import packing_units
from saltflow.materials.cells.start_density import shannon_density
from saltflow.materials.compositions import Composition, formula_units_for
from saltflow.materials.density import density_g_cm3
from saltflow.materials.frame_info import FrameInfo

__all__ = [
    "build_cell",
    "check_acceptance",
    "close_pair",
    "pack_cell",
    "packing_units",
    "read_crystal",
    "shannon_density",
]


def build_cell(
    composition: Composition,
    *,
    atoms: int,
    density_scale: float,
    seed: int,
    min_separation_factor: float,
    min_separations_A: dict[str, float],
) -> Atoms:
    """The starting cell of a composition: packed at random, or the crystal of its structure file.

    Args:
        composition: its `start` is "pack" or the path of a structure file.
        atoms: target size; the nearest whole number of formula units or unit cells is taken.
        density_scale: × the composition's density (a packed cell), or the crystal's own density.
        seed: of the packing, or of the ordering of partial occupancies.
        min_separation_factor, min_separations_A: see `pack_cell`; a crystal keeps its distances.

    Returns:
        Periodic Atoms with composition, formula_units, seed, start_density_g_cm3 and unit of `FrameInfo`.

    Raises:
        SaltflowError: `start` is "none", or the cell cannot be made.
    """
    if composition.start == "none":
        raise SaltflowError(
            f"{composition.id} has no starting cell; set the column start to 'pack' or to a structure file."
        )
    if composition.start == "pack":
        return pack_cell(
            composition,
            formula_units=formula_units_for(composition, atoms=atoms),
            density_g_cm3=density_scale * composition.density_g_cm3,
            seed=seed,
            min_separation_factor=min_separation_factor,
            min_separations_A=min_separations_A,
        )
    return _scaled_crystal(composition, atoms=atoms, density_scale=density_scale, seed=seed)


def _scaled_crystal(composition: Composition, *, atoms: int, density_scale: float, seed: int) -> Atoms:
    cell = read_crystal(composition.start, composition, atoms=atoms, seed=seed)
    cell.set_cell(cell.cell.array / density_scale ** (1 / 3), scale_atoms=True)
    return FrameInfo.of(cell).set(seed=seed, start_density_g_cm3=density_g_cm3(cell))
