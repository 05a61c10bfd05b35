"""Where two slabs hold best: gap and shift scanned by the potential, then relaxed; work of adhesion."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.geometry import get_distances

from saltflow.base.provenance import digest
from saltflow.studies.interfaces.coherent_interfaces import Contact
from saltflow.studies.interfaces.surface_energies import J_PER_M2, NOT_RELAXED, OK, UNPHYSICAL
from saltflow.studies.kept_numbers import kept_numbers
from saltflow.studies.relaxation.batched_evaluation import BatchedEvaluation
from saltflow.studies.relaxation.relaxed_states import relax

GAPS_A = tuple(np.arange(1.0, 4.01, 0.25).tolist())
TOO_CLOSE = 0.7  # of the sum of covalent radii: no potential is to be trusted there
END_OF_SCAN = "gap at the end of the scan"
OF_SCAN = ("shifts", "vacuum_A", "force_eV_A", "steps", "potential", "potential_sha256")

log = logging.getLogger(__name__)


def scan_contact(contact: Contact, evaluation: BatchedEvaluation, *, settings: Mapping, path: Path) -> dict:
    """Rigid slabs at all gaps and shifts; what the file holds is not computed again.

    Args:
        contact: the two slabs.
        evaluation: the potential.
        settings: shifts (along each of `Contact.steps_A`), and `OF_SCAN`.
        path: of the numbers.

    Returns:
        gap_A and shift where the work of adhesion is largest, work_J_m2 there, status, and by_gap_J_m2, the largest at
        every gap over the shifts (None where atoms overlap or numbers are not finite).
    """
    chosen = {name: settings[name] for name in OF_SCAN}
    return kept_numbers(path, lambda: _scan(contact, evaluation, chosen), key=_key(contact, chosen))


def relax_contact(
    contact: Contact, scan: Mapping, evaluation: BatchedEvaluation, *, settings: Mapping, path: Path
) -> dict:
    """The two slabs relaxed together and apart, in the shared lattice.

    Args:
        contact, evaluation, settings, path: as of `scan_contact`.
        scan: its result.

    Returns:
        status, work_J_m2 (of adhesion, (E_lower + E_upper − E) / A), and positions of the stack.
    """
    chosen = {name: settings[name] for name in OF_SCAN} | {name: scan[name] for name in ("gap_A", "shift")}
    return kept_numbers(path, lambda: _relaxed(contact, scan, evaluation, chosen), key=_key(contact, chosen))


def _scan(contact: Contact, evaluation: BatchedEvaluation, settings: Mapping) -> dict:
    shifts = [
        (one / settings["shifts"], other / settings["shifts"]) for one, other in np.ndindex(*[settings["shifts"]] * 2)
    ]
    tries = [(gap_A, shift) for gap_A in GAPS_A for shift in shifts]
    stacks = [contact.stacked(gap_A=gap_A, shift=shift, vacuum_A=settings["vacuum_A"]) for gap_A, shift in tries]
    apart = [_is_apart(stack, len(contact.lower)) for stack in stacks]
    alone = contact.alone(vacuum_A=settings["vacuum_A"])
    usable = [*alone, *(stack for stack, is_fine in zip(stacks, apart, strict=True) if is_fine)]
    log.info("%s: %d stacks of %d atoms.", contact.name, len(usable) - 2, len(stacks[0]))
    energies, _ = evaluation(usable, [each.positions for each in usable])
    works = np.full(len(tries), np.nan)
    works[apart] = J_PER_M2 * (sum(energies[:2]) - np.array(energies[2:])) / contact.area_A2
    by_gap = works.reshape(len(GAPS_A), -1)
    if not np.isfinite(works).any():
        return {"status": UNPHYSICAL, "gap_A": None, "shift": None, "work_J_m2": None, "by_gap_J_m2": []}
    best = int(np.nanargmax(works))
    gap_A, shift = tries[best]
    is_end = gap_A == GAPS_A[-1] or not np.isfinite(works[best - len(shifts) : best]).any()
    return {
        "status": END_OF_SCAN if is_end else OK,
        "gap_A": gap_A,
        "shift": list(shift),
        "work_J_m2": float(works[best]),
        "by_gap_J_m2": [float(np.nanmax(row)) if np.isfinite(row).any() else None for row in by_gap],
    }


def _relaxed(contact: Contact, scan: Mapping, evaluation: BatchedEvaluation, settings: Mapping) -> dict:
    stack = contact.stacked(gap_A=scan["gap_A"], shift=scan["shift"], vacuum_A=settings["vacuum_A"])
    limits = {name: settings[name] for name in ("force_eV_A", "steps")}
    states = relax([stack, *contact.alone(vacuum_A=settings["vacuum_A"])], evaluation, **limits)
    together, lower, upper = states
    work = J_PER_M2 * (lower.energy_eV + upper.energy_eV - together.energy_eV) / contact.area_A2
    if not np.isfinite(work):
        return {"status": UNPHYSICAL, "work_J_m2": None, "positions": None}
    return {
        "status": OK if all(state.is_converged for state in states) else NOT_RELAXED,
        "work_J_m2": float(work),
        "positions": together.atoms.positions.tolist(),
    }


def _is_apart(stack: Atoms, lower: int) -> bool:
    radii_A = covalent_radii[stack.numbers]
    _, apart_A = get_distances(stack.positions[:lower], stack.positions[lower:], cell=stack.cell, pbc=True)
    return bool(np.all(apart_A > TOO_CLOSE * (radii_A[:lower, None] + radii_A[lower:])))


def _key(contact: Contact, settings: Mapping) -> str:
    pieces: Sequence = [
        [str(each.symbols), each.cell.array.round(4).tolist(), each.positions.round(4).tolist()]
        for each in (contact.lower, contact.upper)
    ]
    return digest([settings, pieces])
