"""Frames worth labelling: seeds of the first generation, and what a committee explores in later ones.

Every frame carries where it came from: `composition`, `lineage` (the packed cell it descends from), `origin`
and `split` (train or heldout). All frames of one lineage have one split, so that nothing leaks.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from ase import Atoms

from saltflow.compositions import Composition, formula_units_for
from saltflow.dynamics.glass import conditions
from saltflow.dynamics.runner import Run
from saltflow.dynamics.schedule import exploration_schedule, timestep_fs
from saltflow.potentials import Committee, stack
from saltflow.provenance import derive_seed
from saltflow.structures import build_cell, close_pair, packing_units
from saltflow.trajectory import read_trajectory

log = logging.getLogger(__name__)
RELAX_STEPS = 100
LARGEST_TEMPERATURE_RATIO = 4.0


def propose_seeds(
    compositions: Sequence[Composition],
    committee: Committee | None,
    *,
    seeds: Mapping,
    structures: Mapping,
    dynamics: Mapping,
    checkpoint_ps: float,
    potential: str,
    seed: int,
    workdir: Path,
) -> list[Atoms]:
    """Frames of generation 0.

    Args:
        compositions: those that train the potential.
        committee: the foundation, which melts the cells; None displaces and strains them instead.
        seeds: the section `learning.seeds`.
        structures, dynamics: those sections of the settings.
        checkpoint_ps: time between checkpoints.
        potential: its name.
        seed: of the sweep.
        workdir: folder of checkpoints.
    """
    cells = pack_cells(
        compositions,
        size=seeds,
        density_scales=seeds["density_scales"],
        structures=structures,
        seed=seed,
        lineage=f"{potential}/generation0",
    )
    if committee is None:
        return [
            frame for cell in cells for frame in _rattled(cell, count=seeds["frames_per_cell"], seeds=seeds, seed=seed)
        ]
    duration_fs = 1000 * seeds["melt_ps"]
    melted = drive_cells(
        cells,
        committee,
        temperatures_K=seeds["melt_temperatures_K"],
        duration_ps=seeds["melt_ps"],
        stride_fs=duration_fs / (2 * seeds["frames_per_cell"]),
        dynamics=dynamics,
        checkpoint_ps=checkpoint_ps,
        seed=seed,
        workdir=workdir,
        origin="seed:melt",
    )
    sound = without_collisions(melted, compositions, atoms=seeds["atoms"], structures=structures)
    frames = []
    for cell in cells:
        ours = [frame for frame in sound if frame.info["lineage"] == cell.info["lineage"]]
        chosen = evenly_spaced(ours, count=seeds["frames_per_cell"])
        missing = seeds["frames_per_cell"] - len(chosen)
        frames += [*chosen, *_rattled(cell, count=missing, seeds=seeds, seed=seed)]
    return frames


def _rattled(cell: Atoms, *, count: int, seeds: Mapping, seed: int) -> list[Atoms]:
    """Displaced frames of a cell that no foundation melts, or that the foundation cannot hold together."""
    return rattled_frames(cell, count=count, rattle_A=seeds["rattle_A"], seed=derive_seed(seed, cell.info["lineage"]))


def explore(
    compositions: Sequence[Composition],
    committee: Committee,
    *,
    exploration: Mapping,
    density_scales: Sequence[float],
    structures: Mapping,
    dynamics: Mapping,
    checkpoint_ps: float,
    potential: str,
    seed: int,
    generation: int,
    workdir: Path,
) -> list[Atoms]:
    """Frames of a later generation, from cells that no generation has seen; those with colliding atoms say so.

    Args:
        committee: of the generation before.
        exploration: the section `learning.exploration`.
        density_scales: cells cycle through these factors of the start density.
        generation: its number.
        (the others as in `propose_seeds`)
    """
    cells = pack_cells(
        compositions,
        size=exploration,
        density_scales=density_scales,
        structures=structures,
        seed=seed,
        lineage=f"{potential}/generation{generation}",
    )
    explored = drive_cells(
        cells,
        committee,
        temperatures_K=exploration["temperatures_K"],
        duration_ps=exploration["duration_ps"],
        stride_fs=exploration["stride_fs"],
        dynamics=dynamics,
        checkpoint_ps=checkpoint_ps,
        seed=seed,
        workdir=workdir,
        origin="explored",
    )
    found = collisions(explored, compositions, atoms=exploration["atoms"], structures=structures)
    for frame, collides in zip(explored, found, strict=True):
        frame.info |= {"collides": collides, "generation": generation}
    log.info("%d of %d frames have colliding atoms", sum(found), len(explored))
    return explored


def pack_cells(
    compositions: Sequence[Composition],
    *,
    size: Mapping,
    density_scales: Sequence[float],
    structures: Mapping,
    seed: int,
    lineage: str,
) -> list[Atoms]:
    """Independent small cells of each composition; the first `heldout_cells` of each are never trained on.

    Args:
        compositions: what to pack.
        size: a section with cells, heldout_cells and atoms (of a cell).
        density_scales: cells cycle through these factors of the start density.
        structures: the section `structures`.
        seed: of the sweep.
        lineage: what the cells are for, such as a potential and a generation; no two purposes share a cell, so that
            what one potential was trained on is no test of another that starts from it.
    """
    cells = []
    for composition in compositions:
        for index in range(size["cells"]):
            name = f"{lineage}/{composition.id}/cell{index}"
            cell = build_cell(
                composition,
                atoms=size["atoms"],
                density_scale=structures["density_scale"] * density_scales[index % len(density_scales)],
                seed=derive_seed(seed, name),
                min_separation_factor=structures["min_separation_factor"],
                min_separations_A=structures["min_separations_A"],
            )
            split = "heldout" if index < size["heldout_cells"] else "train"
            cell.info = {"composition": composition.id, "lineage": name, "split": split, "generation": 0}
            cells.append(cell)
    return cells


def rattled_frames(cell: Atoms, *, count: int, rattle_A: float, seed: int) -> list[Atoms]:
    """A packed cell displaced and strained at random, more and more.

    Args:
        cell: the start; it is the first frame.
        count: number of frames.
        rattle_A: standard deviation of the displacement in the last frame; the strain grows to ±5 %.
        seed: of displacements and strains.
    """
    random = np.random.default_rng(seed)
    frames = []
    for index in range(count):
        share = index / max(1, count - 1)
        frame = cell.copy()
        frame.positions += random.normal(scale=share * rattle_A, size=frame.positions.shape)
        strain = np.eye(3) + share * 0.05 * random.uniform(-1, 1, size=(3, 3))
        frame.set_cell(frame.cell.array @ (strain + strain.T) / 2, scale_atoms=True)
        frames.append(_plain(frame, origin="seed:rattled"))
    return frames


def drive_cells(
    cells: Sequence[Atoms],
    committee: Committee,
    *,
    temperatures_K: Sequence[float],
    duration_ps: float,
    stride_fs: float,
    dynamics: Mapping,
    checkpoint_ps: float,
    seed: int,
    workdir: Path,
    origin: str,
) -> list[Atoms]:
    """Relax and heat cells with a committee and take frames on the way, the last before a crash included.

    Args:
        cells: starting cells with composition, lineage and split.
        committee: the potential; its spread is noted on each frame as `force_spread_eV_A`.
        temperatures_K: cells cycle through these.
        duration_ps, stride_fs: length of the heating and time between frames.
        dynamics: the section `dynamics` (time step and thermostat).
        checkpoint_ps: time between checkpoints.
        seed: of the velocities.
        workdir: folder of checkpoints.
        origin: recorded on each frame.
    """
    symbols = {symbol for cell in cells for symbol in cell.symbols}
    step_fs = timestep_fs(symbols, rules=dynamics["timestep_fs"])
    temperatures = [temperatures_K[index % len(temperatures_K)] for index in range(len(cells))]
    schedule = exploration_schedule(
        temperatures_K=temperatures,
        relax_steps=RELAX_STEPS,
        duration_ps=duration_ps,
        stride_fs=stride_fs,
        step_fs=step_fs,
    )
    run = Run(
        cells,
        schedule,
        committee,
        conditions=conditions(
            dynamics,
            step_fs=step_fs,
            checkpoint_ps=checkpoint_ps,
            max_temperature_ratio=LARGEST_TEMPERATURE_RATIO,
        ),
        seeds=[derive_seed(seed, cell.info["lineage"]) for cell in cells],
        workdir=workdir,
    )
    outcomes = run.finish()
    paths = [workdir / f"cell{index}.h5md" for index in range(len(cells))]
    run.write_trajectories(paths, metadata=[cell.info for cell in cells])
    frames = []
    for cell, path, outcome, temperature in zip(cells, paths, outcomes, temperatures, strict=True):
        trajectory = read_trajectory(path)
        visited = [*zip(trajectory.positions_A, trajectory.cells_A, strict=True)]
        if outcome.status != "ok":
            visited.append((outcome.atoms.positions, outcome.atoms.cell.array))
        frames += [_moved(cell, *where, origin=f"{origin}:{temperature:g}K") for where in visited]
    return with_spread(frames, committee)


def _moved(cell: Atoms, positions_A: np.ndarray, box_A: np.ndarray, *, origin: str) -> Atoms:
    frame = cell.copy()
    frame.set_cell(box_A)
    frame.positions = positions_A
    frame.wrap()
    return _plain(frame, origin=origin)


def _plain(frame: Atoms, *, origin: str) -> Atoms:
    """Only what a label needs: numbers, positions, cell and where the frame came from."""
    plain = Atoms(numbers=frame.numbers, positions=frame.positions, cell=frame.cell, pbc=True)
    plain.info = {**frame.info, "origin": origin}
    return plain


def with_spread(frames: Sequence[Atoms], committee: Committee) -> list[Atoms]:
    """Note on each frame the largest committee spread of an atom's force, `force_spread_eV_A`, as it is."""
    for frame in frames:
        numbers, system, positions, boxes = stack([frame])
        evaluation = committee.on(numbers, system).evaluate(
            torch.as_tensor(positions, device=committee.device),
            torch.as_tensor(boxes, device=committee.device),
            spread=True,
        )
        frame.info["force_spread_eV_A"] = float(evaluation.force_spread.max())
    return list(frames)


def without_collisions(
    frames: Sequence[Atoms], compositions: Sequence[Composition], *, atoms: int, structures: Mapping
) -> list[Atoms]:
    """The frames in which no pair of atoms is closer than the gate allows: the others teach nothing.

    Args:
        frames: candidates.
        compositions: those that the frames are of.
        atoms: wished size of their cells.
        structures: the section `structures`, with the gate.
    """
    found = collisions(frames, compositions, atoms=atoms, structures=structures)
    sound = [frame for frame, collides in zip(frames, found, strict=True) if not collides]
    log.info("%d of %d frames have no colliding atoms", len(sound), len(frames))
    return sound


def collisions(
    frames: Sequence[Atoms], compositions: Sequence[Composition], *, atoms: int, structures: Mapping
) -> list[bool]:
    """For each frame, whether a pair of its atoms is closer than the gate allows; as in `without_collisions`."""
    units = {each.id: packing_units(each, formula_units_for(each, atoms=atoms)) for each in compositions}
    factor = structures["gates"]["min_pair_factor"]
    return [bool(close_pair(frame, units[frame.info["composition"]], min_pair_factor=factor)) for frame in frames]


def evenly_spaced(frames: Sequence[Atoms], *, count: int) -> list[Atoms]:
    """At most `count` frames of one lineage, spread over its time."""
    indices = np.linspace(0, len(frames) - 1, min(count, len(frames))).round().astype(int)
    return [frames[index] for index in indices]
