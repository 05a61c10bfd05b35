"""What is written of ordered cells: a CIF each, and a record with refined and obtained occupancies."""

from pathlib import Path

from ase import Atoms
from ase.io import write

from saltflow.base.provenance import atomic_write
from saltflow.materials.ordering.ordered_cells import OrderedCell
from saltflow.materials.ordering.ordering_plan import OrderingPlan


def describe(plan: OrderingPlan, cells: list[OrderedCell]) -> dict:
    """The record of an ordering: formula, supercell, charges in e, occupancies, energies in eV."""
    return {
        "formula": plan.formula,
        "refined_formula": "".join(f"{element}{amount:.5g}" for element, amount in plan.crystal.amounts.items()),
        "atoms": plan.atoms,
        "supercell": plan.matrix.tolist(),
        "charges": dict(plan.charges),
        "largest_deviation": plan.counts.deviation,
        "sites": [
            {
                "site": orbit.label,
                "element": element,
                "sites_in_supercell": plan.counts.cells * len(orbit.sites),
                "atoms": count[element],
                "occupancy": count[element] / (plan.counts.cells * len(orbit.sites)),
                "refined_occupancy": part,
            }
            for orbit, count in zip(plan.crystal.orbits, plan.counts.counts, strict=True)
            for element, part in orbit.occupancies.items()
        ],
        "close_pairs": [cell.close_pairs for cell in cells],
        "ewald_energies_eV": [cell.energy_eV for cell in cells],
    }


def write_cif(path: Path, atoms: Atoms) -> None:
    """Write an ordered cell as a CIF without symmetry."""
    with atomic_write(path) as temporary:
        write(temporary, atoms, format="cif")
