"""Structure of one state point, from all its replicas: the content of structure.json."""

from collections.abc import Mapping, Sequence

import numpy as np

from saltflow.analysis.no_result import no_result
from saltflow.analysis.structure.bonding import bond_cutoffs_A
from saltflow.analysis.structure.descriptors import descriptor_rows
from saltflow.analysis.structure.entropy import pair_entropy
from saltflow.analysis.structure.flags import flags_of
from saltflow.analysis.structure.frame_averages import local_averages, local_quantities, scattering_averages
from saltflow.analysis.structure.rdf import SCHEMA, pair_averages, pair_rows
from saltflow.analysis.structure.roles import Roles, roles_of
from saltflow.analysis.structure.rows import local_rows
from saltflow.analysis.structure.scattering import (
    scattering_quantities,
    scattering_rows,
    wave_vectors,
)
from saltflow.analysis.structure.scattering_powers import scattering_powers
from saltflow.base.errors import SaltflowError
from saltflow.statistics.block_averages import TIME_BLOCKS, estimate_averages
from saltflow.trajectory.memory import TrajectoryReader
from saltflow.trajectory.state_point_checks import check_state_point


def analyse_structure(
    trajectories: Sequence[TrajectoryReader],
    *,
    charges: Mapping[str, float],
    mobile_ion: str,
    r_max_A: float,
    bin_width_A: float,
    frames_per_replica: int,
    q_max_per_A: float,
    q_bin_per_A: float,
    scattering_frames: int,
    vectors_per_bin: int,
    weighting: str,
) -> dict:
    """Short- and medium-range order of one state point, from all its replicas, with errors.

    Args:
        trajectories: the replicas of one composition; positions may be unwrapped.
        charges: formal charge of each element in e.
        mobile_ion: the element that carries the current.
        r_max_A: largest distance of g(r), cut at half the cell.
        bin_width_A: width of its bins.
        frames_per_replica: evenly spaced frames taken from each replica.
        q_max_per_A: largest wave vector of S(q).
        q_bin_per_A: width of its bins.
        scattering_frames: frames of each replica for S(q).
        vectors_per_bin: largest number of wave vectors in a bin.
        weighting: "number", "neutron" or "x-ray": of the S(q) whose first sharp peak is a descriptor.

    Returns:
        JSON-able (schema: docs/structure.md); None where a quantity is undefined.

    Raises:
        SaltflowError: no or too short trajectories, other elements, or a charge or the mobile ion missing.
    """
    roles = _checked_roles(trajectories, charges=charges, mobile_ion=mobile_ion)
    if scattering_frames < TIME_BLOCKS:
        raise SaltflowError(f"scattering_frames is {scattering_frames}; take at least {TIME_BLOCKS} for an error.")
    pair_means = pair_averages(
        trajectories, r_max_A=r_max_A, bin_width_A=bin_width_A, frames_per_replica=frames_per_replica
    )
    pairs = pair_rows(pair_means)
    cutoffs_A = bond_cutoffs_A(pairs["pairs"], roles)
    present = {element: charges[element] for element in roles.species}
    local = estimate_averages(
        local_averages(
            trajectories, roles=roles, charges=present, cutoffs_A=cutoffs_A, frames_per_replica=frames_per_replica
        ),
        local_quantities,
    )
    cell_A = np.mean([np.asarray(run.cells_A).mean(axis=0) for run in trajectories], axis=0)
    vectors = wave_vectors(cell_A, q_max_per_A=q_max_per_A, width_per_A=q_bin_per_A, per_shell=vectors_per_bin)
    weights = {
        "fractions": pair_means.counts / pair_means.counts.sum(),
        "powers": scattering_powers(roles.species, vectors.q_per_A),
        "q_per_A": vectors.q_per_A,
        "anions": np.isin(roles.species, roles.anions),
        "cell_width_A": 2 * pair_means.half_width_A,
    }
    scattering = estimate_averages(
        scattering_averages(trajectories, vectors, roles.species, frames_per_replica=scattering_frames),
        lambda means: scattering_quantities(means, **weights),
    )
    result = {
        "schema": SCHEMA,
        "status": "ok",
        **pairs,
        **local_rows(local, roles, cutoffs_A),
        "scattering": scattering_rows(scattering, vectors, roles.species, weighting=weighting),
        "descriptors": descriptor_rows(local, scattering, pair_entropy(pair_means), weighting=weighting),
    }
    return result | {"flags": flags_of(result, roles)}


def no_structure(replica_statuses: Sequence[str]) -> dict:
    """The result of a state point without an accepted replica.

    Args:
        replica_statuses: of each replica.
    """
    return {**no_result(replica_statuses, schema=SCHEMA), "pairs": {}, "descriptors": {}, "flags": []}


def _checked_roles(trajectories: Sequence[TrajectoryReader], *, charges: Mapping[str, float], mobile_ion: str) -> Roles:
    check_state_point(trajectories, mobile_ion=mobile_ion)
    present = sorted(set(trajectories[0].symbols))
    if missing := [element for element in present if element not in charges]:
        raise SaltflowError(f"No charge is given for {', '.join(missing)}; add it, as in {missing[0]}=1.")
    return roles_of({element: charges[element] for element in present}, mobile_ion=mobile_ion)
