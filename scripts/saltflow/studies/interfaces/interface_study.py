"""The study of two solids in contact: common lattice, terminations, adhesion, dynamics, and what reacts."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from ase import Atoms

from saltflow.analysis.species.analysis import bonded_elements
from saltflow.base.errors import InputError, SaltflowError
from saltflow.labels.frames import write_frames
from saltflow.potentials.protocol import MDPotential
from saltflow.studies.interfaces.coherent_interfaces import Contact, find_contacts, is_chiral
from saltflow.studies.interfaces.contact_scan import relax_contact, scan_contact
from saltflow.studies.interfaces.crystal_slabs import area_A2, conventional, slab_generator, widened
from saltflow.studies.interfaces.glass_contacts import check_box, find_glass_contacts
from saltflow.studies.interfaces.interface_dynamics import run_interface
from saltflow.studies.interfaces.interphase import interphase_thickness
from saltflow.studies.interfaces.ion_exchange import CHARGES_e, ion_exchange
from saltflow.studies.interfaces.plane_stiffness import cheapest_share, plane_stiffness_GPa
from saltflow.studies.interfaces.reaction_record import record_reactions, solid_of
from saltflow.studies.interfaces.surface_energies import UNPHYSICAL, framework
from saltflow.studies.interfaces.surface_study import (
    at_temperatures,
    check_run,
    check_thickness,
    check_vacuum,
    crystal_flags,
    relaxed_bulk,
)
from saltflow.studies.relaxation.batched_evaluation import BatchedEvaluation

LARGE_STRAIN = 0.02  # of either crystal; beyond it the contact is flagged

log = logging.getLogger(__name__)


def check_settings(settings: Mapping) -> None:
    """Refuse settings of the lattice match that mean nothing.

    Raises:
        InputError: naming the option.
    """
    problems = []
    if settings["share"] is not None and not 0 <= settings["share"] <= 1:
        problems.append("--share is a fraction of the mismatch, 0 to 1, or stiffness; correct it.")
    if not 0 < settings["strain"] <= 0.2:
        problems.append("--strain has to be above 0 and at most 0.2; give such as 0.05.")
    if not settings["area_A2"] > 0 or settings["shifts"] < 1:
        problems.append("--area and --shifts have to be above 0; correct them.")
    if problems:
        raise InputError(problems)


def study_interface(given: Sequence[Atoms], potential: MDPotential, *, settings: Mapping, folder: Path) -> dict:
    """Contact of two crystals and its reactions; what the folder holds is not computed again.

    Args:
        given: ordered cells of the lower and the upper crystal, or of a crystal and the glass above it.
        potential: of the engine.
        settings: glass (whether the upper one is), millers (of both crystals), share (None: by stiffness), strain,
            area_A2, shifts, and those of `study_surface` but for gas.
        folder: for all files; it exists.

    Returns:
        The record, JSON-able.

    Raises:
        InputError: a crystal or plane is none, a box is tilted, or no common lattice is within the limit.
        SaltflowError: the potential lacks an element, a slab is thinner than its cutoff, or no stack is physical.
    """
    check_settings(settings)
    check_run(settings)
    check_vacuum(potential, settings=settings)
    has_glass = settings["glass"]
    if has_glass:
        check_box(given[1])
    crystals = [conventional(crystal) for crystal in given[: 1 if has_glass else 2]]
    solids = [*crystals, *given[len(crystals) :]]
    formulas = [str(solid.symbols.formula.reduce()[0]) for solid in solids]
    name = " | ".join(formulas)
    for crystal, miller in zip(crystals, settings["millers"], strict=False):
        slab_generator(crystal, miller, thickness_A=settings["thickness_A"])
    potential.check_elements(np.concatenate([solid.numbers for solid in solids]), composition=name)
    cells = [
        relaxed_bulk(crystal, potential, settings=settings, folder=folder / side)
        for crystal, side in zip(crystals, ("lower", "upper"), strict=False)
    ]
    evaluation = BatchedEvaluation(potential, most_atoms=settings["batch_atoms"])
    lower, upper = (*(cell.atoms for cell in cells), *solids[len(cells) :])
    share = _share((lower, upper), evaluation, settings=settings)
    limits = {
        "share": share,
        "most_strain": settings["strain"],
        "most_area_A2": settings["area_A2"],
        "thickness_A": settings["thickness_A"],
    }
    if has_glass:
        match, contacts = find_glass_contacts(lower, upper, miller=settings["millers"][0], **limits)
    else:
        match, contacts = find_contacts(lower, upper, millers=tuple(settings["millers"]), **limits)
    for slab in (contacts[0].lower, contacts[0].upper):
        check_thickness(slab, potential)
    rows, best = _hold(contacts, evaluation, settings=settings, folder=folder, name=name)
    record = {
        "formulas": formulas,
        "millers": [list(miller) for miller in settings["millers"]],
        "potential": settings["potential"],
        "evaluated_by": potential.evaluated_by,
        "match": match.record() | {"lower_share": share},
        "contacts": rows,
        "relaxed": {key: best["relaxed"][key] for key in ("status", "work_J_m2")},
        "flags": [flag for each in zip(formulas, cells, strict=False) for flag in crystal_flags(*each)]
        + _flags(match.lower_strain, match.upper_strain, is_mirrored=not has_glass and is_chiral(upper)),
        "note": "Energies at 0 K of neutral cells in the strained lattice; a slab's other face is bare.",
    }
    stack = best["contact"].stacked(gap_A=best["gap_A"], shift=best["shift"], vacuum_A=settings["vacuum_A"])
    stack.positions = best["relaxed"]["positions"]
    write_frames(folder / "interface.extxyz", [stack])
    return record | at_temperatures(
        lambda state, own: _react(
            stack.copy(), len(best["contact"].lower), potential, name=name, settings=state, folder=own
        ),
        settings=settings,
        folder=folder,
    )


def _hold(
    contacts: Sequence[Contact], evaluation: BatchedEvaluation, *, settings: Mapping, folder: Path, name: str
) -> tuple[list[dict], dict]:
    """Rows of all contacts, the strongest first, and the strongest, relaxed."""
    kept = folder / "contacts"
    kept.mkdir(exist_ok=True)
    if len(contacts) > settings["terminations"]:
        log.info("%s of %s contacts are left out.", len(contacts) - settings["terminations"], len(contacts))
    found = []
    for number, contact in enumerate(contacts[: settings["terminations"]], start=1):
        scan = scan_contact(contact, evaluation, settings=settings, path=kept / f"scan{number}.json")
        found.append({"contact": contact, "number": number, **scan})
    found.sort(key=lambda row: np.inf if row["work_J_m2"] is None else -row["work_J_m2"])
    best = found[0]
    if best["work_J_m2"] is None:
        raise SaltflowError(f"No stack of {name} is physical at any gap; use another potential.")
    path = kept / f"relaxed{best['number']}.json"
    best["relaxed"] = relax_contact(best["contact"], best, evaluation, settings=settings, path=path)
    if best["relaxed"]["status"] == UNPHYSICAL:
        raise SaltflowError(f"{name} becomes unphysical when it is relaxed; use another potential.")
    rows = [
        {"termination": row["contact"].name, "atoms": len(row["contact"].lower) + len(row["contact"].upper)}
        | {key: row[key] for key in ("status", "gap_A", "shift", "work_J_m2", "by_gap_J_m2")}
        for row in found
    ]
    return rows, best


def _share(solids: tuple[Atoms, Atoms], evaluation: BatchedEvaluation, *, settings: Mapping) -> float:
    """Fraction of the mismatch that the lower crystal takes: as asked, none beside a glass, or by stiffness."""
    if settings["share"] is not None:
        return settings["share"]
    if settings["glass"]:
        return 0.0
    pairs = zip(solids, settings["millers"], strict=True)
    return cheapest_share(*[plane_stiffness_GPa(crystal, miller, evaluation) for crystal, miller in pairs])


def _flags(lower_strain: float, upper_strain: float, *, is_mirrored: bool) -> list[str]:
    flags = []
    if max(abs(lower_strain), abs(upper_strain)) > LARGE_STRAIN:
        flags.append(f"strained: {100 * lower_strain:+.1f} % below and {100 * upper_strain:+.1f} % above")
    if is_mirrored:
        flags.append("mirrored: the upper crystal is chiral, and its mirror image was put on the lower one")
    return flags


def _react(stack: Atoms, lower: int, potential: MDPotential, *, name: str, settings: Mapping, folder: Path) -> dict:
    is_lower = np.arange(len(stack)) < lower
    stack.set_array("lower", is_lower)
    cell = widened(stack, width_A=settings["width_A"])
    is_lower = cell.get_array("lower").astype(bool)
    del cell.arrays["lower"]
    between_A = float(cell.positions[is_lower, 2].max() + cell.positions[~is_lower, 2].min()) / 2
    run = run_interface([cell] * settings["replicas"], potential, settings=settings, folder=folder)
    elements = settings["elements"] or bonded_elements(cell.symbols)
    solid = solid_of(cell, atoms=len(cell), between_A=between_A)
    counted = [np.zeros(len(cell), bool) for _ in range(2)]
    for chosen, side in zip(counted, (is_lower, ~is_lower), strict=True):
        chosen[side] = framework(cell[side])
    interphase = interphase_thickness(run.trajectories, solid, *counted)
    exchange = {
        ion: ion_exchange(
            run.trajectories,
            solid,
            cell.symbols == ion,
            charge_e=CHARGES_e[ion],
            temperature_K=settings["temperature_K"] + settings["ramp_K"] / 2,
        )
        for ion in sorted(CHARGES_e.keys() & set(cell.symbols))
    }
    found = record_reactions(
        run,
        solid,
        faces_nm2=area_A2(cell) / 100,
        name=f"interface/{name.replace(' ', '')}",
        title=f"{name}, {settings['temperature_K']:g} K, by {Path(settings['potential']).name}",
        settings=dict(settings) | {"elements": elements},
        folder=folder,
    )
    state = {
        "atoms": len(cell),
        "temperature_K": settings["temperature_K"],
        "ramp_K": settings["ramp_K"],
        "timestep_fs": run.timestep_fs,
        "elements": elements,
        "interface_height_A": between_A,
        "interphase": interphase,
        "ion_exchange": exchange,
    }
    return state | found
