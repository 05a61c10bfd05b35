"""The study of one crystal in gas: its surfaces by energy, dynamics of the lowest in gas, and what reacts."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ase import Atoms

from saltflow.analysis.species.analysis import bonded_elements
from saltflow.base.errors import InputError, SaltflowError
from saltflow.base.provenance import derive_seed
from saltflow.labels.frames import write_frames
from saltflow.potentials.protocol import MDPotential
from saltflow.studies.interfaces.crystal_slabs import Slab, area_A2, conventional, cut_slabs, thickness_A, widened
from saltflow.studies.interfaces.gas import counts_of, free_volume_A3, pressure_bar_of, put_gas
from saltflow.studies.interfaces.interface_dynamics import run_interface
from saltflow.studies.interfaces.rate_barriers import rate_barriers
from saltflow.studies.interfaces.reaction_record import record_reactions, solid_of
from saltflow.studies.interfaces.surface_energies import Surface, rank_surfaces
from saltflow.studies.relaxation.batched_evaluation import BatchedEvaluation
from saltflow.studies.relaxation.relaxed_cells import RelaxedCell
from saltflow.studies.relaxation.relaxed_crystals import relax_crystals

LARGEST_VOLUME_CHANGE = 0.15  # of the crystal of the file
CUTOFF_A = 6.0  # of a potential that does not tell: the largest of the universal ones that are shipped

log = logging.getLogger(__name__)


def check_run(settings: Mapping) -> None:
    """Refuse settings that mean nothing.

    Raises:
        InputError: naming the option.
    """
    problems = []
    for name, option in (("thickness_A", "thickness"), ("vacuum_A", "vacuum"), ("force_eV_A", "force"),
                         ("interval_fs", "interval")):  # fmt: skip
        if not settings[name] > 0:
            problems.append(f"--{option} has to be above 0; correct it.")
    temperatures_K = settings["temperatures_K"]
    if not min(temperatures_K) + min(settings["ramp_K"], 0.0) > 0:
        problems.append("--temperature has to be above 0 over the whole --ramp; correct them.")
    if len(set(temperatures_K)) < len(temperatures_K):
        problems.append("--temperature names one twice; --replicas repeats a temperature.")
    if settings["steps"] < 1 or settings["replicas"] < 1 or settings["terminations"] < 1:
        problems.append("--steps, --replicas and --terminations have to be above 0; correct them.")
    if not settings["duration_ps"] >= 0:
        problems.append("--duration cannot be negative; 0 runs no dynamics.")
    elif 0 < settings["duration_ps"] * 1000 < 2 * settings["interval_fs"]:
        problems.append("--duration holds fewer than two frames; lengthen it or shorten --interval.")
    if not 0 < settings["made"] < settings["broken"]:
        problems.append("--made has to be above 0 and below --broken; correct them.")
    if problems:
        raise InputError(problems)


def study_surface(given: Atoms, potential: MDPotential, *, settings: Mapping, folder: Path) -> dict:
    """Surfaces and reactions of a crystal; what the folder holds is not computed again.

    Args:
        given: ordered cell of a crystal.
        potential: of the engine.
        settings: millers, thickness_A, vacuum_A, width_A, terminations (most that are relaxed of each plane),
            force_eV_A, steps, batch_atoms, gas (name → number), pressure_bar, temperatures_K, ramp_K, duration_ps,
            interval_fs, replicas, seed, elements (of units, or none), least_ps, made, broken, potential and
            potential_sha256.
        folder: for all files; it exists.

    Returns:
        The record, JSON-able.

    Raises:
        InputError: the crystal is none, a plane is none, or the gas does not fit.
        SaltflowError: the potential lacks an element, a slab is thinner than its cutoff, or nothing stays physical.
    """
    crystal = conventional(given)
    formula = str(crystal.symbols.formula.reduce()[0])
    check_run(settings)
    potential.check_elements(crystal.numbers, composition=formula)
    relaxed = relaxed_bulk(crystal, potential, settings=settings, folder=folder / "crystal")
    slabs = slabs_of(relaxed.atoms, settings["millers"], potential, settings=settings)
    evaluation = BatchedEvaluation(potential, most_atoms=settings["batch_atoms"])
    surfaces = rank_surfaces(slabs, relaxed, evaluation, settings=settings, folder=folder / "slabs")
    lowest = surfaces[0]
    if lowest.energy_J_m2 is None:
        raise SaltflowError(f"No slab of {formula} stays physical when it is relaxed; use another potential.")
    write_frames(folder / "surfaces.extxyz", [each.relaxed for each in surfaces if each.energy_J_m2 is not None])
    record = {
        "formula": formula,
        "potential": settings["potential"],
        "evaluated_by": potential.evaluated_by,
        "volume_change": relaxed.volume_change,
        "flags": crystal_flags(formula, relaxed),
        "surfaces": [each.row() for each in surfaces],
        "note": "Energies at 0 K of neutral cells; both faces of the slab meet the gas.",
    }
    return record | at_temperatures(
        lambda state, own: _react(lowest, potential, formula=formula, settings=state, folder=own),
        settings=settings,
        folder=folder,
    )


def at_temperatures(react: Callable[[Mapping, Path], dict], *, settings: Mapping, folder: Path) -> dict:
    """The dynamics of every temperature, each in a folder of its own, and barriers from the rates.

    Args:
        react: takes the settings with temperature_K and the folder, which exists, and gives the record of a state.
        settings: temperatures_K, ramp_K, duration_ps (0: no dynamics).
        folder: of the study.

    Returns:
        dynamics, by temperature, and rate_barriers; none where the temperature changes during a run.
    """
    states = []
    for temperature_K in sorted(settings["temperatures_K"]) if settings["duration_ps"] else ():
        own = folder / f"{temperature_K:g}K"
        own.mkdir(exist_ok=True)
        states.append(react(dict(settings) | {"temperature_K": temperature_K}, own))
    return {"dynamics": states, "rate_barriers": [] if settings["ramp_K"] else rate_barriers(states)}


def crystal_flags(formula: str, crystal: RelaxedCell) -> list[str]:
    """Whether the potential keeps the crystal of the file."""
    if abs(crystal.volume_change) <= LARGEST_VOLUME_CHANGE:
        return []
    return [f"volume out of range: {formula} changes by {crystal.volume_change:+.0%} when it is relaxed"]


def relaxed_bulk(crystal: Atoms, potential: MDPotential, *, settings: Mapping, folder: Path) -> RelaxedCell:
    """A crystal at rest.

    Raises:
        SaltflowError: it becomes unphysical or does not come to rest.
    """
    formula = str(crystal.symbols.formula.reduce()[0])
    (found,) = relax_crystals({formula: crystal}, potential, settings=settings, folder=folder).values()
    if not found.is_physical or not found.is_converged(settings["force_eV_A"]):
        raise SaltflowError(f"{formula} does not come to rest in {settings['steps']} steps; raise --steps or --force.")
    return found


def slabs_of(
    crystal: Atoms, millers: Sequence[Sequence[int]], potential: MDPotential, *, settings: Mapping
) -> list[Slab]:
    """Slabs of all planes, thicker than the cutoff of the potential, of each plane those with the fewest broken bonds.

    Raises:
        InputError: a plane is none, or slab or vacuum is thinner than the cutoff.
    """
    check_vacuum(potential, settings=settings)
    slabs = []
    for miller in millers:
        found = cut_slabs(crystal, miller, thickness_A=settings["thickness_A"], vacuum_A=settings["vacuum_A"])
        if len(found) > settings["terminations"]:
            log.info(
                "%s of %s terminations of %s are left out.", len(found) - settings["terminations"], len(found), miller
            )
        slabs += found[: settings["terminations"]]
    for slab in slabs:
        check_thickness(slab.atoms, potential)
    return slabs


def check_vacuum(potential: MDPotential, *, settings: Mapping) -> None:
    """Refuse a vacuum across which a slab sees its image.

    Raises:
        InputError: it is thinner than the cutoff of the potential.
    """
    if settings["vacuum_A"] < (cutoff_A := cutoff_of(potential)):
        raise InputError([f"--vacuum {settings['vacuum_A']:g} is thinner than the cutoff of {cutoff_A:g} Å; raise it."])


def check_thickness(slab: Atoms, potential: MDPotential) -> None:
    """Refuse a slab whose faces see each other.

    Raises:
        InputError: it is thinner than the cutoff of the potential.
    """
    if (thick_A := thickness_A(slab)) < (cutoff_A := cutoff_of(potential)):
        raise InputError(
            [
                f"A slab of {thick_A:.1f} Å is thinner than the cutoff of {cutoff_A:g} Å: its faces would see each "
                "other; raise --thickness."
            ]
        )


def cutoff_of(potential: MDPotential) -> float:
    """The cutoff of a potential in Å; 6 Å where it does not tell."""
    return float(getattr(potential, "cutoff_A", CUTOFF_A))


def _react(surface: Surface, potential: MDPotential, *, formula: str, settings: Mapping, folder: Path) -> dict:
    slab = widened(surface.relaxed, width_A=settings["width_A"])
    volume_A3 = free_volume_A3(slab)
    counts = counts_of(
        settings["gas"],
        pressure_bar=settings["pressure_bar"],
        temperature_K=settings["temperature_K"],
        volume_A3=volume_A3,
    )
    cells = [
        put_gas(slab, counts, seed=derive_seed(settings["seed"], "gas", number))
        for number in range(settings["replicas"])
    ]
    potential.check_elements(cells[0].numbers, composition=f"{formula} in {' and '.join(counts) or 'vacuum'}")
    write_frames(folder / "start.extxyz", cells)
    log.info("%s atoms, of which %s in gas: %s.", len(cells[0]), len(cells[0]) - len(slab), counts)
    elements = settings["elements"] or bonded_elements(cells[0].symbols)
    run = run_interface(cells, potential, settings=settings, folder=folder)
    solid = solid_of(slab, atoms=len(cells[0]))
    name = Path(settings["potential"]).name
    gas = ", ".join(f"{number} {each}" for each, number in counts.items()) or "vacuum"
    found = record_reactions(
        run,
        solid,
        faces_nm2=2 * area_A2(slab) / 100,
        name=f"surface/{formula}",
        title=f"{formula} {surface.slab.miller} in {gas}, {settings['temperature_K']:g} K, by {name}",
        settings=dict(settings) | {"elements": elements},
        folder=folder,
    )
    state = {
        "surface": surface.slab.name,
        "atoms": len(cells[0]),
        "gas": counts,
        "ideal_pressure_bar": pressure_bar_of(
            sum(counts.values()), temperature_K=settings["temperature_K"], volume_A3=volume_A3
        ),
        "temperature_K": settings["temperature_K"],
        "ramp_K": settings["ramp_K"],
        "timestep_fs": run.timestep_fs,
        "elements": elements,
    }
    return state | found
