"""Many crystals relaxed with their cells, batch by batch; what a folder holds is not computed again."""

import logging
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from ase import Atoms

from saltflow.base.provenance import digest
from saltflow.potentials.protocol import MDPotential
from saltflow.studies.kept_numbers import find_kept, keep
from saltflow.studies.relaxation.batched_evaluation import BatchedEvaluation
from saltflow.studies.relaxation.relaxed_cells import RelaxedCell, relax_cells

log = logging.getLogger(__name__)


def relax_crystals(
    given: Mapping[str, Atoms], potential: MDPotential, *, settings: Mapping, folder: Path
) -> dict[str, RelaxedCell]:
    """Name → relaxed crystal.

    Args:
        given: name → cell.
        potential: of the engine.
        settings: force_eV_A, steps, batch_atoms (most atoms of a batch), potential and potential_sha256.
        folder: for a file of each crystal; made where it is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made_by = {name: settings[name] for name in ("force_eV_A", "steps", "potential", "potential_sha256")}
    places = {
        name: [cell.cell.array.round(4).tolist(), cell.positions.round(4).tolist()] for name, cell in given.items()
    }
    keys = {name: digest([made_by, str(cell.symbols), *places[name]]) for name, cell in given.items()}
    kept = {name: find_kept(folder / f"{name}.json", key=keys[name]) for name in given}
    found = {name: relaxed_of(given[name], numbers) for name, numbers in kept.items() if numbers is not None}
    evaluation, began = BatchedEvaluation(potential, most_atoms=settings["batch_atoms"]), time.perf_counter()
    before = len(found)
    for batch in _batches({name: cell for name, cell in given.items() if name not in found}, settings["batch_atoms"]):
        limits = {name: settings[name] for name in ("force_eV_A", "steps")}
        for name, cell in zip(batch, relax_cells(list(batch.values()), evaluation, **limits), strict=True):
            keep(folder / f"{name}.json", numbers_of_relaxed(cell), key=keys[name])
            found[name] = cell
        left_s = (time.perf_counter() - began) / (len(found) - before) * (len(given) - len(found))
        log.info("%d of %d crystals are relaxed; about %.0f s left.", len(found), len(given), left_s)
    return {name: found[name] for name in given}


def _batches(cells: Mapping[str, Atoms], most_atoms: int) -> list[dict[str, Atoms]]:
    batches: list[dict[str, Atoms]] = []
    atoms = most_atoms
    for name, cell in cells.items():
        atoms += len(cell)
        if atoms > most_atoms or not batches:
            batches.append({})
            atoms = len(cell)
        batches[-1][name] = cell
    return batches


def numbers_of_relaxed(cell: RelaxedCell) -> dict:
    """A relaxed crystal, JSON-able."""
    found = {
        name: getattr(cell, name) for name in ("energy_eV", "residual_GPa", "force_eV_A", "volume_change", "steps")
    }
    if not cell.is_physical:  # JSON knows no NaN
        found |= dict.fromkeys(("energy_eV", "residual_GPa", "force_eV_A"))
    return found | {"cell": cell.atoms.cell.array.tolist(), "positions": cell.atoms.positions.tolist()}


def relaxed_of(given: Atoms, numbers: Mapping) -> RelaxedCell:
    """The relaxed crystal of `numbers_of_relaxed`, whose elements are those of a cell before relaxation."""
    atoms = given.copy()
    atoms.set_cell(numbers["cell"])
    atoms.positions = numbers["positions"]
    values = {name: value for name, value in numbers.items() if name not in ("cell", "positions")}
    return RelaxedCell(atoms=atoms, **{name: np.nan if value is None else value for name, value in values.items()})
