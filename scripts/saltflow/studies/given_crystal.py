"""The crystal of a file, ordered where its sites are partially occupied."""

import logging

from ase import Atoms

MOST_ATOMS_OF_ORDERED = 100
TOLERANCE = 0.05  # of occupancies

log = logging.getLogger(__name__)


def read_crystal(
    file: str, *, seed: int, most_atoms: int = MOST_ATOMS_OF_ORDERED, tolerance: float = TOLERANCE
) -> Atoms:
    """The crystal of a file; partial occupancies are ordered first.

    Args:
        file: any structure file.
        seed: of the ordering.
        most_atoms: of an ordered cell.
        tolerance: of occupancies.

    Raises:
        InputError: the file is no structure, or its occupancies cannot be ordered in so few atoms.
    """
    from saltflow.materials.cells.crystals import is_disordered
    from saltflow.materials.structure_files import read_structure

    if not is_disordered(file):
        return read_structure(file)
    from saltflow.materials.ordering.disordered_crystal import read_disordered
    from saltflow.materials.ordering.formal_charges import guess_charges
    from saltflow.materials.ordering.ordered_cells import order_crystal
    from saltflow.materials.ordering.ordering_plan import plan_within

    crystal = read_disordered(file)
    charges = guess_charges(crystal.amounts, subject=f"'{file}'")
    plan = plan_within(crystal, charges, most_atoms=most_atoms, tolerance=tolerance)
    log.info("%s was ordered to %s, occupancies within %.3f.", file, plan.formula, plan.counts.deviation)
    return order_crystal(plan, seed=seed).atoms
