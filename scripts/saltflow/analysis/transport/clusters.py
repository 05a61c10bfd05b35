"""Ion clusters and the cluster Nernst–Einstein conductivity.

σ_cNE = e²/(VkT) Σ_clusters z_c² D_c, averaged over frames, with z_c the net charge of a cluster of bonded ions.
Clusters may be of any size; a cluster that percolates through the periodic cell does not move. D_c is D₊ or D₋ by the
sign of z_c (France-Lanord & Grossman, Phys. Rev. Lett. 122, 136001, 2019); with more than two species it is the mean D
of the ions of that sign in the cluster.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from ase.neighborlist import primitive_neighbor_list

from saltflow.analysis.structure.connectivity import Bonds, clusters
from saltflow.analysis.structure.first_minima import shell_radii_A
from saltflow.analysis.transport.conductivity import conductivity_mS_cm
from saltflow.trajectory.chunks import read_coordinates
from saltflow.trajectory.memory import TrajectoryReader
from saltflow.trajectory.segments import System

# Decomposition (with or without the bonds of the mobile ion), and shift of the bond cut-offs in Å.
ClusterKey = tuple[str, float]
BOUND, FREE = "mobile ion bound", "mobile ion free"
CLUSTER_QUANTITIES = ("sigma_cNE", "transference_cNE")
LONGEST_BOND_A = 6.0


@dataclass(frozen=True)
class ClusterStatistics:
    """Clusters of each replica, averaged over frames.

    Args:
        currents: Σ_clusters z_c n_a z_a w_cs, (replicas, species a, species s), with n_a the ions of species a in the
            cluster and D_c = Σ_s w_cs D_s. Then Σ_as currents × D_s = Σ_c z_c² D_c, of which a has its share.
        percolating: fraction of the atoms in percolating clusters, (replicas,).
        populations: ions of each species in a cluster → mean number of such clusters per cell.
    """

    currents: np.ndarray
    percolating: np.ndarray
    populations: Mapping[tuple[int, ...], float]


def cluster_quantities(
    currents: Mapping[ClusterKey, np.ndarray], D_cm2_s: np.ndarray, *, volume_A3: float, temperature_K: float
) -> dict[str, np.ndarray]:
    """σ_cNE and transference numbers of each decomposition and shift.

    Args:
        currents: of `ClusterStatistics`, (species, species).
        D_cm2_s: self-diffusion coefficients, (..., species).

    Returns:
        "sigma_cNE …" in mS/cm (...) and "transference_cNE …" (..., species); nan without a current.
    """
    quantities = {}
    for key, current in currents.items():
        shares = np.einsum("as,...s->...a", current, D_cm2_s)
        total = shares.sum(axis=-1)
        carried = np.where(total > 0, total, np.nan)
        quantities[quantity_name("sigma_cNE", key)] = conductivity_mS_cm(
            total, volume_A3=volume_A3, temperature_K=temperature_K
        )
        quantities[quantity_name("transference_cNE", key)] = shares / carried[..., None]
    return quantities


def quantity_name(quantity: str, key: ClusterKey) -> str:
    """The name of a quantity of `cluster_quantities`."""
    decomposition, shift_A = key
    return f"{quantity} {decomposition} {shift_A:+.2f} A"


def bond_cutoffs_A(system: System, first_minima_A: Mapping[str, float | None]) -> np.ndarray:
    """First minimum of g(r) of every pair of opposite charges, (species, species); 0 where there is none.

    Args:
        system: species and charges.
        first_minima_A: "A-B" → first minimum of g(r); None where it has none.
    """
    radii_A = shell_radii_A(first_minima_A, system.species, longest_A=LONGEST_BOND_A)
    cutoffs_A = np.zeros((len(system.species),) * 2)
    for first, second in product(range(len(system.species)), repeat=2):
        if system.charges[first] * system.charges[second] < 0:
            cutoffs_A[first, second] = radii_A[f"{system.species[first]}-{system.species[second]}"] or 0.0
    return cutoffs_A


def cluster_statistics(
    runs: Sequence[TrajectoryReader],
    system: System,
    cutoffs_A: np.ndarray,
    *,
    shifts_A: Sequence[float],
    frames_per_replica: int,
) -> dict[ClusterKey, ClusterStatistics]:
    """Clusters of all replicas, for both decompositions and every shift of the cut-offs.

    Args:
        runs: trajectories of the replicas.
        system: their species and charges.
        cutoffs_A: longest bond of each two species, (species, species); 0 for no bond.
        shifts_A: added to all cut-offs that are not 0.
        frames_per_replica: evenly spaced frames taken from each replica.

    Returns:
        (decomposition, shift) → statistics; decompositions are `BOUND` and `FREE`.
    """
    parts: dict[ClusterKey, list[list[_FrameClusters]]] = {}
    for run in runs:
        species_of = np.searchsorted(system.species, run.symbols)
        frames = np.unique(np.linspace(0, run.n_frames - 1, min(frames_per_replica, run.n_frames)).astype(int))
        here: dict[ClusterKey, list[_FrameClusters]] = {}
        for frame in frames.tolist():
            bonds = _bonds(run, frame, longest_A=cutoffs_A.max() + max(shifts_A))
            for key, chosen in _decompositions(bonds, species_of, cutoffs_A, shifts_A, mobile=system.mobile).items():
                here.setdefault(key, []).append(_describe(bonds.of(chosen), species_of, system.charges))
        for key, described in here.items():
            parts.setdefault(key, []).append(described)
    return {key: _statistics(replicas) for key, replicas in parts.items()}


def _bonds(run: TrajectoryReader, frame: int, *, longest_A: float) -> Bonds:
    positions_A = read_coordinates(run, range(frame, frame + 1))[0]
    first, second, lengths_A, images = primitive_neighbor_list(
        "ijdS", (True,) * 3, np.asarray(run.cells_A[frame], dtype=float), positions_A, max(longest_A, 0.0)
    )
    once = (first < second) | ((first == second) & (images > 0).any(axis=1))
    return Bonds(np.stack([first, second], axis=1), images, lengths_A).of(once)


def _decompositions(
    bonds: Bonds, species_of: np.ndarray, cutoffs_A: np.ndarray, shifts_A: Sequence[float], *, mobile: int
) -> dict[ClusterKey, np.ndarray]:
    kinds = species_of[bonds.pairs]
    limits_A = cutoffs_A[kinds[:, 0], kinds[:, 1]]
    to_mobile = (kinds == mobile).any(axis=1)
    chosen = {}
    for shift_A in shifts_A:
        bound = (limits_A > 0) & (bonds.lengths_A < limits_A + shift_A)
        chosen[BOUND, shift_A] = bound
        chosen[FREE, shift_A] = bound & ~to_mobile
    return chosen


@dataclass(frozen=True)
class _FrameClusters:
    """The clusters of one frame, as in `ClusterStatistics`."""

    currents: np.ndarray
    percolating: float
    populations: Counter


def _describe(bonds: Bonds, species_of: np.ndarray, charges: np.ndarray) -> _FrameClusters:
    labels, percolates = clusters(bonds, atoms=len(species_of))
    members = np.zeros((len(percolates), len(charges)))
    np.add.at(members, (labels, species_of), 1.0)
    moving = members[~percolates]
    charge = moving @ charges
    carriers = moving * (np.sign(charge)[:, None] * charges > 0)
    weights = carriers / np.maximum(carriers.sum(axis=1), 1.0)[:, None]
    return _FrameClusters(
        currents=np.einsum("c,ca,cs->as", charge, moving * charges, weights),
        percolating=float(members[percolates].sum() / len(species_of)),
        populations=Counter(tuple(row) for row in moving.astype(int).tolist()),
    )


def _statistics(replicas: Sequence[Sequence[_FrameClusters]]) -> ClusterStatistics:
    populations = Counter()
    frames = sum(len(replica) for replica in replicas)
    for replica in replicas:
        for frame in replica:
            populations.update(frame.populations)
    return ClusterStatistics(
        currents=np.array([np.mean([frame.currents for frame in replica], axis=0) for replica in replicas]),
        percolating=np.array([np.mean([frame.percolating for frame in replica]) for replica in replicas]),
        populations={members: number / frames for members, number in populations.most_common()},
    )
