"""Residence times of the mobile ion at one state point, from all its replicas."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from saltflow.analysis.no_result import no_result
from saltflow.analysis.residence.contacts import FractionalChunk, Shell, fractional_chunks
from saltflow.analysis.residence.correlation_recorder import CorrelationPlan, CorrelationRecorder
from saltflow.analysis.residence.metal_environments import (
    UNDIVIDED,
    Environments,
    Ligands,
    find_environments,
    find_ligands,
)
from saltflow.analysis.residence.names import OK
from saltflow.analysis.residence.residence_times import ShellSums
from saltflow.analysis.residence.rows import shell_row
from saltflow.analysis.structure.first_minima import shell_radii_A
from saltflow.statistics.blocked_sums import BlockedSums, joined
from saltflow.trajectory.memory import TrajectoryReader
from saltflow.trajectory.segments import Segment, System, prepare_system

SCHEMA = 1
LONGEST_SHELL_A = 8.0
FRAMES_FOR_CLASSES = 10  # of each segment


def analyse_residence(
    trajectories: Sequence[TrajectoryReader],
    *,
    charges: Mapping[str, float],
    mobile_ion: str,
    temperature_K: float,
    first_minima_A: Mapping[str, float | None],
    frames_per_replica: int,
    origins_per_replica: int,
    allowed_absences_ps: Sequence[float],
    max_lag_fraction: float,
    min_class_fraction: float,
) -> dict:
    """Residence times of the mobile ion in the first shells of the other ions, cations by class of environment.

    h_ij(t) = 1 while ion i is closer to centre j than the first minimum of their g(r); the class is that of j at the
    origin. Continuous P(t): the probability of no absence longer than t*. Intermittent C(t): ⟨h(0)h(t)⟩/⟨h⟩ minus its
    random plateau. Source: Impey, Madden & McDonald, J. Phys. Chem. 87, 5071 (1983).

    Args:
        trajectories: the replicas of one composition, size and frame interval.
        charges: formal charge of each element in e.
        mobile_ion: the element whose residence it is.
        temperature_K: temperature of the run.
        first_minima_A: "A-B" → first minimum of g(r), where shells and environments end; None where it has none.
        frames_per_replica: sampled frames, evenly spaced; all where there are fewer.
        origins_per_replica: origins, evenly spaced.
        allowed_absences_ps: t* of each continuous function.
        max_lag_fraction: longest lag as a fraction of the longest uninterrupted run.
        min_class_fraction: rarer classes share the class "other".

    Returns:
        JSON-able: per shell "ion-centre" and class the residence times with errors, status and flags, and the curves.

    Raises:
        SaltflowError: no or too short trajectories, replicas that differ, a charge, a first minimum or the mobile ion
            missing, or wrapped positions.
    """
    system = prepare_system(trajectories, charges=charges, mobile_ion=mobile_ion, temperature_K=temperature_K)
    stride = max(1, -(-system.longest_run // frames_per_replica))
    longest = -(-system.longest_run // stride)
    plan = CorrelationPlan(
        interval_ps=stride * system.interval_ps,
        longest_lag=max(1, int(max_lag_fraction * longest)),
        origins_wanted=origins_per_replica,
        absences_ps=tuple(sorted(float(each) for each in allowed_absences_ps)),
    )
    minima_A = shell_radii_A(first_minima_A, system.species, longest_A=LONGEST_SHELL_A)
    shells = _shells(system, trajectories[0].symbols, minima_A)
    environments = {
        shell.name: _environments(shell.centre, system, minima_A, smallest_fraction=min_class_fraction)
        for shell in shells
    }
    sums = _follow(system, environments, minima_A, plan=plan, stride=stride)
    rows = {shell.name: shell_row(shell, environments[shell.name], sums[shell.name]) for shell in shells}
    return {
        "schema": SCHEMA,
        "mobile_ion": mobile_ion,
        "temperature_K": system.temperature_K,
        "replicas": system.n_replicas,
        "run_ps": [segment.n_frames * system.interval_ps for segment in system.segments],
        "frame_interval_ps": system.interval_ps,
        "sampling_interval_ps": plan.interval_ps,
        "status": _status(rows),
        "without_first_minimum": _without_shell(system, minima_A),
        "shells": rows,
    }


def no_residence(replica_statuses: Sequence[str], *, temperature_K: float) -> dict:
    """The result of a state point without an accepted replica, in the layout of `analyse_residence`.

    Args:
        replica_statuses: of each replica.
        temperature_K: of the state point.
    """
    return {
        **no_result(replica_statuses, schema=SCHEMA),
        "temperature_K": float(temperature_K),
        "shells": {},
    }


def _status(rows: Mapping[str, Mapping]) -> str:
    """Whether any residence time is accepted."""
    if not rows:
        return "no first shell"
    accepted = any(
        entry[function]["status"] == OK
        for row in rows.values()
        for entry in row["classes"].values()
        for function in row["curves"]
    )
    return OK if accepted else "no residence time is accepted"


def _centres(system: System) -> list[str]:
    """Cations but the mobile ion, then anions."""
    others = [index for index in range(len(system.species)) if index != system.mobile and system.charges[index]]
    return [system.species[index] for index in sorted(others, key=lambda index: -np.sign(system.charges[index]))]


def _shells(system: System, symbols: Sequence[str], minima_A: Mapping[str, float | None]) -> list[Shell]:
    elements, ion = np.array(symbols), system.species[system.mobile]
    return [
        Shell(ion, centre, np.flatnonzero(elements == ion), np.flatnonzero(elements == centre),
              float(minima_A[f"{ion}-{centre}"]))
        for centre in _centres(system)
        if minima_A[f"{ion}-{centre}"]
    ]  # fmt: skip


def _without_shell(system: System, minima_A: Mapping[str, float | None]) -> list[str]:
    pairs = [f"{system.species[system.mobile]}-{centre}" for centre in _centres(system)]
    return [pair for pair in pairs if not minima_A[pair]]


def _environments(
    centre: str, system: System, minima_A: Mapping[str, float | None], *, smallest_fraction: float
) -> Environments:
    if system.charges[system.species.index(centre)] < 0:
        return UNDIVIDED
    samples = [
        (_ligands(centre, system, segment, minima_A), chunk)
        for segment in system.segments
        for chunk in _scattered_frames(segment)
    ]
    return find_environments(samples, smallest_fraction=smallest_fraction) if samples[0][0].kinds else UNDIVIDED


def _ligands(centre: str, system: System, segment: Segment, minima_A: Mapping[str, float | None]) -> Ligands:
    anions = [symbol for symbol, charge in zip(system.species, system.charges, strict=True) if charge < 0]
    return find_ligands(segment.run.symbols, centre, anions=anions, cutoffs_A=minima_A)


def _scattered_frames(segment: Segment) -> list[FractionalChunk]:
    """Evenly spaced frames, one in each chunk."""
    wanted = np.linspace(0, segment.n_frames - 1, min(FRAMES_FOR_CLASSES, segment.n_frames)).astype(int)
    return [next(fractional_chunks(segment.run, segment.frames[frame : frame + 1])) for frame in wanted.tolist()]


def _follow(
    system: System,
    environments: Mapping[str, Environments],
    minima_A: Mapping[str, float | None],
    *,
    plan: CorrelationPlan,
    stride: int,
) -> dict[str, ShellSums]:
    """Read every segment once, with one recorder per shell."""
    parts: dict[str, list[BlockedSums]] = {name: [] for name in environments}
    blocks: list[int] = []
    for segment in system.segments:
        recorders, frames = {}, segment.frames[::stride]
        for shell in _shells(system, segment.run.symbols, minima_A):
            named = environments[shell.name]
            if named is not UNDIVIDED:
                named = replace(named, ligands=_ligands(shell.centre, system, segment, minima_A))
            recorders[shell.name] = CorrelationRecorder(shell, named, n_frames=len(frames), plan=plan)
        for chunk in fractional_chunks(segment.run, frames) if recorders else ():
            for recorder in recorders.values():
                recorder.advance(chunk)
        for name, recorder in recorders.items():
            parts[name].append(recorder.finish())
        blocks.append(max((recorder.n_blocks for recorder in recorders.values()), default=0))
    segments = np.repeat(np.arange(len(blocks)), blocks)
    replicas = np.array([segment.replica for segment in system.segments])[segments]
    durations_ps = np.array([segment.n_frames * system.interval_ps for segment in system.segments])[segments]
    return {name: ShellSums(plan, joined(found), replicas, segments, durations_ps) for name, found in parts.items()}
