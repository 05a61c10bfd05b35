"""From finished dynamics to answers: units, reactions, profiles, candidates, figure, and what to doubt."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from ase import Atoms

from saltflow.analysis.species.events_table import write_events
from saltflow.base.provenance import write_json
from saltflow.labels.frames import write_frames
from saltflow.studies.interfaces.figure import plot_reactions
from saltflow.studies.interfaces.interface_dynamics import InterfaceRun
from saltflow.studies.interfaces.normal_profiles import concentration_profiles
from saltflow.studies.interfaces.reactions import Reactions, Solid, candidate_frames, find_reactions, reaction_rates
from saltflow.studies.interfaces.surface_energies import framework

SHORT_PS = 100.0
REBUILT_FRACTION = 0.1
MOST_CANDIDATES = 60


def record_reactions(
    run: InterfaceRun, solid: Solid, *, faces_nm2: float, name: str, title: str, settings: Mapping, folder: Path
) -> dict:
    """Analyse the replicas of one state; writes species, events, profiles, candidates and the figure.

    Args:
        run: finished dynamics.
        solid: where the solid is.
        faces_nm2: area at which reactions may happen, of one replica.
        name: of the study, for the lineage of candidates.
        title: of the figure.
        settings: elements, least_ps, made, broken, temperature_K, ramp_K, and potential.
        folder: it exists.

    Returns:
        the part of the record that is about dynamics, with `flags`: sentences on what is outside its window.
    """
    replicas = []
    for number, trajectory in enumerate(run.trajectories, start=1):
        found = find_reactions(trajectory, solid, settings=settings)
        write_events(found.rows, folder / f"events{number}.csv", more=["depth_A"])
        replicas.append(found)
    watched_ps = sum(float(each.times_ps[-1]) for each in run.trajectories)
    rates = reaction_rates(replicas, ps_nm2=watched_ps * faces_nm2)
    frames = candidate_frames(
        run.trajectories,
        replicas,
        name=name,
        temperature_K=settings["temperature_K"],
        ramp_K=settings["ramp_K"],
        most=MOST_CANDIDATES,
    )
    write_frames(folder / "candidates.extxyz", frames)
    profiles = concentration_profiles(run.trajectories, solid)
    write_json(folder / "profiles.json", profiles)
    plot_reactions(run.trajectories[0], replicas, profiles, solid, folder / "reactions.svg", title=title)
    for trajectory in run.trajectories:
        trajectory.close()
    return {
        "folder": folder.name,
        "watched_ps": watched_ps,
        "watched_ps_nm2": watched_ps * faces_nm2,
        "events": sum(len(each.rows) for each in replicas),
        "reactions": rates,
        "candidates": len(frames),
        "replicas": [
            dict(row) | {"units": each.summary["units"], "moved_fraction": each.moved_fraction}
            for row, each in zip(run.replicas, replicas, strict=True)
        ],
        "flags": flags_of(run, replicas, settings=settings),
    }


def flags_of(run: InterfaceRun, replicas: Sequence[Reactions], *, settings: Mapping) -> list[str]:
    """What is outside its window of validity."""
    longest_ps = max(float(each.times_ps[-1]) for each in run.trajectories)
    flags = []
    if longest_ps < SHORT_PS:
        flags.append(f"short run: {longest_ps:.3g} ps shows reactions without a barrier only")
    if not Path(settings["potential"]).is_file():
        flags.append(f"zero-shot potential: {settings['potential']} was not validated on this surface and its products")
    else:
        flags.append("domain not assessed: label the candidates to learn whether the potential knows them")
    for number, (row, each) in enumerate(zip(run.replicas, replicas, strict=True), start=1):
        if row["status"] != "ok":
            flags.append(f"stopped: replica {number}, {row['status']}")
        if row["drifts"]:
            flags.append(
                f"energy drift: replica {number}, {row['conserved_drift_meV_atom_ps']:.2g} meV per atom and ps"
            )
        if each.moved_fraction > REBUILT_FRACTION:
            flags.append(
                f"surface rebuilt: replica {number}, {each.moved_fraction:.0%} of the framework left its place"
            )
    return flags


def solid_of(slab: Atoms, *, atoms: int, between_A: float | None = None) -> Solid:
    """The solid of a cell before gas is added.

    Args:
        slab: the first atoms of the cell.
        atoms: of the cell.
        between_A: height of the interface of two solids.
    """
    heights_A = slab.positions[:, 2]
    inner = () if between_A is None else (between_A,)
    is_framework = np.zeros(atoms, bool)
    is_framework[: len(slab)] = framework(slab)
    return Solid(is_framework, (float(heights_A.min()), *inner, float(heights_A.max())))
