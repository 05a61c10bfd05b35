"""The study of one host: what its ions do to its energy, voltage and shape."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from ase import Atoms

from saltflow.base.errors import InputError
from saltflow.materials.formulas import ELEMENTS
from saltflow.potentials.protocol import MDPotential
from saltflow.studies.electrodes.barriers_over_x import barriers_over_x, write_phases
from saltflow.studies.electrodes.candidates import Candidates
from saltflow.studies.electrodes.configurations import CELLS, OK, POSITIONS, Configurations, configurations_of
from saltflow.studies.electrodes.cycles_of_host import run_cycles, write_frames
from saltflow.studies.electrodes.defects import with_defects
from saltflow.studies.electrodes.figure import plot_electrode
from saltflow.studies.electrodes.host import Host, host_of
from saltflow.studies.electrodes.ion_transport import transport_over_x
from saltflow.studies.electrodes.ion_tries import Reservoir
from saltflow.studies.electrodes.metal import MetalAtom, metal_at_rest, metal_of, vibrational_volume_A3
from saltflow.studies.electrodes.staging import find_layers, layered_measures
from saltflow.studies.electrodes.thermodynamics import Thermodynamics, find_phases
from saltflow.studies.electrodes.trapping import trap_of
from saltflow.studies.electrodes.void_sites import host_with_voids
from saltflow.studies.electrodes.voltages_at_temperature import fill_at_voltages, fill_with_dynamics
from saltflow.studies.relaxation.batched_evaluation import BatchedEvaluation

DYNAMICS = "dynamics"  # energies of Monte Carlo: of the host as it moves
ENDS_LEFT_OUT, LEFT_OUT, SWOLLEN = "ends left out", "compositions left out", "volume out of range"
LARGEST_VOLUME_CHANGE = 0.25  # of the host of the file; layers without dispersion drift apart

log = logging.getLogger(__name__)


def check_settings(settings: Mapping) -> None:
    """Refuse settings that mean nothing.

    Raises:
        InputError: naming the option.
    """
    low, high = settings["range"]
    problems = []
    if not 0 <= low < high <= 1:
        problems.append("--range has to be two fractions of the sites, ascending; give such as 0,1.")
    if settings["points"] < 2 or settings["candidates"] < 1 or settings["steps"] < 1:
        problems.append("--points has to be above 1, --candidates and --steps above 0; correct them.")
    if not settings["force_eV_A"] > 0:
        problems.append("--force has to be above 0; correct it.")
    if settings["cycles"] < 0 or settings["ions_per_step"] < 1 or settings["md_ps"] < 0 or settings["sweeps"] < 10:
        problems.append("--cycles and --md must not be negative, --ions-per-step has to be above 0, --sweeps above 9.")
    if settings["fixed_cell"] and settings["ensemble"] != "nvt":
        problems.append("--fixed-cell keeps the cell in dynamics as well; give --ensemble nvt.")
    if settings["transport"] and (min(settings["transport"]) <= 0 or len(set(settings["transport"])) < 2):
        problems.append("--transport has to be two different temperatures or more, above 0; give such as 600,800,1000.")
    if not settings["transport_ps"] > 0 or settings["replicas"] < 1:
        problems.append("--transport-ps and --replicas have to be above 0; correct them.")
    if settings["faults"] and not settings["layers"]:
        problems.append("--faults are of layers; give the element of these by --layers, such as C.")
    if settings["faults"] < 0 or settings["apart_A"] < 0 or settings["cycle_replicas"] < 1:
        problems.append("--faults and --apart must not be negative, and --cycle-replicas has to be above 0.")
    if not settings["temperature_K"] > 0:
        problems.append("--temperature has to be above 0; correct it.")
    if problems:
        raise InputError(problems)


def study_electrode(given: Atoms, potential: MDPotential, *, ion: str, settings: Mapping, folder: Path) -> dict:
    """Voltages, phases and volumes of a host; what the folder holds is not computed again.

    Args:
        given: ordered unit cell, with the ion on its sites or (voids) without.
        potential: of the engine.
        ion: element.
        settings: repeat, fixed_cell (of a slab), voids, defects of `with_defects`, range (fractions of the sites),
            points (compositions), candidates (of each), force_eV_A, steps, seed, metal_path (file or None), layers
            (element of a layered host, or None); voltages, sweeps, energies and temperature_K of Monte Carlo; transport
            (temperatures in K), transport_ps and replicas; cycles, rule, axis, ions_per_step, md_ps, ensemble and
            cycle_replicas of cycles; potential (its name) and potential_sha256.
        folder: for the configurations, structures and figures; it exists.

    Returns:
        The record, JSON-able.

    Raises:
        InputError: the host has neither ion nor void, the metal is none, or the range holds one composition alone.
        SaltflowError: the potential lacks an element, or nothing comes to rest.
    """
    if ion not in ELEMENTS:
        raise InputError([f"--ion: '{ion}' is no element; a potential knows no charges, so write such as Li, not Li+."])
    metal = metal_of(ion, settings["metal_path"])
    numbers = np.unique([*given.numbers, *metal.numbers])
    potential.check_elements(numbers, composition=str(given.symbols.formula.reduce()[0]))
    evaluation = BatchedEvaluation(potential)
    host = _host(given, ion, evaluation, settings=settings, folder=folder)
    ions = _numbers_of_ions(host, settings)
    if settings["layers"]:
        find_layers(host.framework, settings["layers"])  # refuses what has none before anything is relaxed
    atom = metal_at_rest(metal, evaluation, settings=settings, folder=folder)
    metal_eV = atom.energy_eV
    log.info("%s has %s sites for %s; the metal has %.4f eV per atom.", given.symbols, host.sites, ion, metal_eV)
    relaxed = POSITIONS if settings["fixed_cell"] else CELLS
    configurations = Configurations(
        host, evaluation, settings=settings, folder=configurations_of(folder, relaxed), relaxed=relaxed
    )
    candidates = Candidates(host, count=settings["candidates"], seed=settings["seed"])
    phases = find_phases(configurations, candidates, ions=ions, metal_eV=metal_eV)
    write_frames([each.atoms for each in phases.lowest()], folder / "phases.extxyz")
    write_phases(phases.lowest(), folder)
    record = _record(host, phases, potential, ions=ions, metal_eV=metal_eV, settings=settings)
    if barriers := barriers_over_x(phases.lowest(), folder, sites=host.sites):
        record["barriers"] = barriers
    if len(host.vacancies_A):
        record["trap"] = trap_of(host, configurations)
    if settings["voltages"]:
        record["monte_carlo"] = _filled(host, potential, phases, metal, atom, settings=settings, folder=folder)
    if settings["transport"]:
        record["transport"] = transport_over_x(host, phases.lowest(), potential, settings=settings, folder=folder)
    if settings["cycles"]:
        record["cycling"] = run_cycles(
            host, potential, ends=(ions[0], ions[-1]), metal_eV=metal_eV, settings=settings, folder=folder
        )
    title = f"{record['ion']} in {record['host']} by {Path(settings['potential']).name}"
    plot_electrode(record, folder / "electrode.svg", title=title)
    return record


def _host(given: Atoms, ion: str, evaluation: BatchedEvaluation, *, settings: Mapping, folder: Path) -> Host:
    repeats = tuple(settings["repeat"])
    if settings["voids"]:
        host = host_with_voids(given, ion, evaluation, repeats=repeats, settings=settings, folder=folder)
    elif ion in given.symbols:
        host = host_of(given, ion, repeats=repeats)
    else:
        formula = given.symbols.formula.reduce()[0]
        raise InputError([f"There is no {ion} in {formula}; name the ion with --ion, or have it put into --voids."])
    return with_defects(host, settings)


def _filled(
    host: Host,
    potential: MDPotential,
    phases: Thermodynamics,
    metal: Atoms,
    atom: MetalAtom,
    *,
    settings: Mapping,
    folder: Path,
) -> dict:
    """Monte Carlo at the voltages, in a host at rest or one that moves."""
    evaluation, chosen = BatchedEvaluation(potential), {"settings": settings, "folder": folder}
    if settings["energies"] != DYNAMICS:
        return fill_at_voltages(host, evaluation, phases.curve, metal_eV=atom.energy_eV, **chosen)
    kelvin = settings["temperature_K"]
    volume_A3 = vibrational_volume_A3(metal, atom.volume_A3, evaluation, kelvin)
    reservoir = Reservoir(atom.energy_eV, volume_A3, kelvin)
    return fill_with_dynamics(host, potential, phases.curve, reservoir, **chosen)


def _numbers_of_ions(host: Host, settings: Mapping) -> list[int]:
    ends = [fraction * host.sites for fraction in settings["range"]]
    numbers = np.unique(np.linspace(*ends, settings["points"]).round().astype(int)).tolist()
    if len(numbers) < 2:
        raise InputError([f"--range holds one composition of {host.sites} sites; widen it or raise --repeat."])
    return numbers


def _record(
    host: Host,
    phases: Thermodynamics,
    potential: MDPotential,
    *,
    ions: Sequence[int],
    metal_eV: float,
    settings: Mapping,
) -> dict:
    rows = phases.rows(tuple(settings["repeat"]))
    if settings["layers"]:
        for row, each in zip(rows, phases.lowest(), strict=True):
            row |= layered_measures(each.atoms, host.ion, settings["layers"])
    left_out = sorted({each.status for each in phases.configurations if each.status != OK})
    return {
        "host": str(host.framework.symbols.formula.reduce()[0]),
        "ion": host.ion,
        "sites": host.sites,
        "status": _status(phases, ions, given_A3=host.framework.get_volume()),
        "potential": settings["potential"],
        "evaluated_by": potential.evaluated_by,
        "metal_eV": metal_eV,
        "mean_voltage_V": phases.curve.mean_V(),
        "plateaus": phases.curve.steps(host.sites),
        "compositions": rows,
        "volume_change": rows[-1]["volume_A3_per_site"] / rows[0]["volume_A3_per_site"] - 1,
        "left_out": left_out,
        "note": "Energies at 0 K of neutral cells; the hull knows the candidates of this supercell only.",
    }


def _status(phases: Thermodynamics, wanted: Sequence[int], *, given_A3: float) -> str:
    lowest = phases.lowest()
    found = [each.ions for each in lowest]
    changes = [abs(each.atoms.get_volume() / given_A3 - 1) for each in lowest]
    if max(changes) > LARGEST_VOLUME_CHANGE:
        return SWOLLEN
    if found == list(wanted):
        return OK
    return LEFT_OUT if (found[0], found[-1]) == (wanted[0], wanted[-1]) else ENDS_LEFT_OUT
