"""Averages over frames of everything that is counted frame by frame, and the quantities derived from them."""

from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from saltflow.analysis.structure.angles import angle_quantities, observe_angles
from saltflow.analysis.structure.coordination_shells import Snapshot, shells
from saltflow.analysis.structure.network import observe_anions, observe_network
from saltflow.analysis.structure.phases import observe_order, observe_salt
from saltflow.analysis.structure.polyanion_integrity import observe_polyanions
from saltflow.analysis.structure.polyhedra import observe_polyhedra
from saltflow.analysis.structure.roles import HALIDES, Roles
from saltflow.analysis.structure.scattering import WaveVectors, observe_scattering
from saltflow.analysis.structure.voids import observe_voids
from saltflow.materials.ions.radii import ionic_radius_A
from saltflow.statistics.block_averages import BlockAverages, chosen_frames, time_blocks
from saltflow.trajectory.chunks import read_coordinates
from saltflow.trajectory.memory import TrajectoryReader

G_CM3_PER_U_A3 = 1.66053906660  # CODATA 2018


def snapshot_of(run: TrajectoryReader, frame: int) -> Snapshot:
    """One frame of a trajectory."""
    positions_A = read_coordinates(run, range(frame, frame + 1))[0]
    return Snapshot(positions_A, np.asarray(run.cells_A[frame], dtype=float), np.array(run.symbols))


def local_averages(
    trajectories: Sequence[TrajectoryReader],
    *,
    roles: Roles,
    charges: Mapping[str, float],
    cutoffs_A: Mapping[tuple[str, str], float],
    frames_per_replica: int,
) -> BlockAverages:
    """Density, polyhedra, network, angles, polyanions, order, voids and phases of every chosen frame.

    Args:
        trajectories: replicas of one composition.
        roles: of its elements.
        charges: formal charges, which give ionic radii.
        cutoffs_A: (cation, anion) → longest bond.
        frames_per_replica: evenly spaced frames taken from each replica.
    """
    radii_A = {element: ionic_radius_A(element, charge) for element, charge in charges.items()}
    blocks = BlockAverages()
    for replica, run in enumerate(trajectories):
        mass_u = float(np.sum(run.masses_u))
        for frames in time_blocks(chosen_frames(run.n_frames, frames_per_replica)):
            blocks.begin(replica=replica)
            for frame in frames:
                snapshot = snapshot_of(run, int(frame))
                observed = {("density",): mass_u / snapshot.volume_A3 * G_CM3_PER_U_A3}
                observed |= observe_voids(snapshot, radii_A, frame=int(frame))
                blocks.add(observed | _observe(snapshot, roles, cutoffs_A))
    return blocks


def _observe(snapshot: Snapshot, roles: Roles, cutoffs_A: Mapping[tuple[str, str], float]) -> dict[Hashable, object]:
    bonds = shells(snapshot, cutoffs_A)
    polyanions, in_polyanion = observe_polyanions(snapshot, roles)
    observed = {**polyanions, **observe_angles(snapshot, bonds, roles), **observe_order(snapshot, bonds, roles)}
    of_metals = bonds.around(snapshot.atoms_of(*roles.metals))
    if len(of_metals.centers):
        observed |= observe_polyhedra(snapshot, of_metals, roles)
        observed |= observe_network(snapshot, of_metals, roles, in_polyanion=in_polyanion)
        observed |= observe_salt(snapshot, bonds, roles, in_polyanion=in_polyanion)
    elif not roles.metals:
        observed |= observe_anions(snapshot, of_metals, roles, in_polyanion=in_polyanion)
    return observed | _mobile_shells(snapshot, bonds.around(snapshot.atoms_of(roles.mobile)).ligands, roles)


def _mobile_shells(snapshot: Snapshot, ligands: np.ndarray, roles: Roles) -> dict[Hashable, float]:
    number = max(len(snapshot.atoms_of(roles.mobile)), 1)
    kinds = snapshot.symbols[ligands]
    return {
        ("mean coordination", roles.mobile, anion): float((kinds == anion).sum()) / number for anion in roles.anions
    }


def local_quantities(means: Mapping) -> dict[Hashable, np.ndarray]:
    """Quantities of `local_averages`: the averages, and ratios of averages."""
    quantities = {name: value for name, value in means.items() if name[0] != "angles"}
    quantities |= angle_quantities(means)
    quantities |= {
        (f"q{name[1]}", name[2]): _ratio(total, means["q atoms", name[2]])
        for name, total in means.items()
        if name[0] == "q"
    }
    sums = {name[1]: value for name, value in means.items() if name[0] == "angle variance"}
    numbers = {metal: means["regular", metal] * means["atoms", metal] for metal in sums}
    for metal, total in sums.items():
        quantities["angle variance", metal] = _ratio(total, numbers[metal])
    if ("linked",) in means:
        others = [value for name, value in means.items() if name[0] == "bridges" and name[1] not in HALIDES]
        quantities["bridges other than X",] = sum(others, np.array(0.0))
    if sums:
        quantities["angle variance",] = _ratio(sum(sums.values()), sum(numbers.values()))
    for via in dict.fromkeys(name[1] for name in means if name[0] == "shape"):
        quantities |= _mean_lengths(means, via)
    return quantities


def _mean_lengths(means: Mapping, via: str) -> dict[Hashable, np.ndarray]:
    """Number-averaged and weight-averaged length of finite fragments."""
    zero = np.array(0.0)
    finite_share = sum((value for name, value in means.items() if name[:2] == ("length", via)), zero)
    return {
        ("mean length", via): _ratio(finite_share, means.get(("fragments", via), zero)),
        ("weight mean length", via): _ratio(means.get(("length squared", via), zero), finite_share),
        ("shape", via, "percolating"): means.get(("shape", via, "percolating"), zero),
    }


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    return np.asarray(numerator / denominator if denominator > 0 else np.nan)


def scattering_averages(
    trajectories: Sequence[TrajectoryReader], vectors: WaveVectors, species: Sequence[str], *, frames_per_replica: int
) -> BlockAverages:
    """Partial structure factors of evenly spaced frames.

    Args:
        trajectories: replicas of one composition.
        vectors: wave vectors as Miller indices; they follow a cell that changes.
        species: elements.
        frames_per_replica: frames taken from each replica.
    """
    blocks = BlockAverages()
    for replica, run in enumerate(trajectories):
        for frames in time_blocks(chosen_frames(run.n_frames, frames_per_replica)):
            blocks.begin(replica=replica)
            for frame in frames:
                blocks.add(observe_scattering(snapshot_of(run, int(frame)), vectors, species))
    return blocks
