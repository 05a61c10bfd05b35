"""Spectra of one state point, from all its replicas."""

from collections.abc import Mapping, Sequence

from saltflow.analysis.no_result import NO_ACCEPTED_REPLICA
from saltflow.analysis.spectra.parts import (
    orientation_part,
    scattering_part,
    self_part_of_runs,
    vibrations_part,
)
from saltflow.analysis.spectra.polyanion_groups import PolyanionGroup, find_polyanions
from saltflow.base.errors import SaltflowError
from saltflow.trajectory.h5md import TrajectoryFile
from saltflow.trajectory.memory import TrajectoryReader
from saltflow.trajectory.state_point_checks import check_state_point

SCHEMA = 1
FEWEST_FRAMES = 8


def analyse_spectra(
    trajectories: Sequence[TrajectoryReader],
    velocities: Sequence[TrajectoryFile | None],
    *,
    mobile_ion: str,
    temperature_K: float,
    correlation_ps: float,
    frames: int,
    max_lag_fraction: float,
    q_max_per_A: float,
    q_points: int,
    q_shells: int,
    self_q_per_A: Sequence[float],
) -> dict:
    """Vibrational densities of states by species and by motion of polyanions, S(q, ω), F_s(q, t), C₁ and C₂.

    Args:
        trajectories: replicas of one composition.
        velocities: the series with velocities of each; None where there is none.
        mobile_ion: the mobile ion, which is in no polyanion.
        temperature_K: temperature of the run, which normalises densities of states.
        correlation_ps: longest lag of velocities and of density fluctuations; its inverse is the width of lines.
        frames: of each trajectory, evenly spaced, for C₁ and C₂.
        max_lag_fraction: longest lag of these and of F_s as a fraction of the run.
        q_max_per_A: largest q of S(q, ω).
        q_points: approximate number of lattice vectors.
        q_shells: number of shells of q.
        self_q_per_A: lengths of q of F_s.

    Returns:
        JSON-able spectra with errors over replicas (of one replica, over halves of its velocities) and flags; None
        where the data do not suffice.

    Raises:
        SaltflowError: no or too short trajectories, or no such ion.
    """
    _check(trajectories, mobile_ion, temperature_K)
    found = [find_polyanions(run, mobile_ion=mobile_ion) for run in trajectories]
    groups, flags = [each for each, _ in found], _broken_flags([broken for _, broken in found])
    windows = [each for each in velocities if each is not None and each.n_frames >= FEWEST_FRAMES]
    if len(windows) < len(trajectories):
        windows = []
        flags.append(
            "No velocities at a fine interval: no vibrations, no S(q, ω) (none were recorded: "
            "dynamics.production.velocities; or left out since: `saltflow tidy --reduce`)."
        )
    slow = {"frames": frames, "max_lag_fraction": max_lag_fraction}
    parts = {
        "vibrations": vibrations_part(windows, groups, temperature_K=temperature_K, correlation_ps=correlation_ps),
        "scattering": scattering_part(
            windows, mobile_ion=mobile_ion, correlation_ps=correlation_ps, q_max_per_A=q_max_per_A, q_points=q_points,
            q_shells=q_shells,
        ),
        "self": self_part_of_runs(trajectories, mobile_ion=mobile_ion, q_1_A=self_q_per_A,
                                  max_lag_fraction=max_lag_fraction),
        "orientation": orientation_part(trajectories, windows, groups, correlation_ps=correlation_ps, **slow),
    }  # fmt: skip
    flags += [flag for part in parts.values() for flag in part.pop("flags")]
    return {
        "schema": SCHEMA,
        "status": "flagged" if flags else "ok",
        "mobile_ion": mobile_ion,
        "temperature_K": temperature_K,
        "replicas": len(trajectories),
        "error_basis": "replicas" if len(trajectories) > 1 else "halves of the window with velocities",
        "polyanions": _population(groups),
        "flags": flags,
        **{name: part or None for name, part in parts.items()},
    }


def no_spectra(statuses: Sequence[str], *, temperature_K: float) -> dict:
    """The result of a state point without an accepted replica.

    Args:
        statuses: of each replica.
        temperature_K: of the state point.
    """
    parts = dict.fromkeys(("vibrations", "scattering", "self", "orientation"))
    reason = "; ".join(dict.fromkeys(statuses))
    return {
        "schema": SCHEMA, "status": NO_ACCEPTED_REPLICA, "reason": reason, "temperature_K": temperature_K,
        "replicas": 0, "flags": [], **parts,
    }  # fmt: skip


def _check(trajectories: Sequence[TrajectoryReader], mobile_ion: str, temperature_K: float) -> None:
    check_state_point(trajectories, temperature_K=temperature_K, mobile_ion=mobile_ion)
    for number, run in enumerate(trajectories):
        if run.n_frames < FEWEST_FRAMES:
            raise SaltflowError(
                f"Trajectory {number} has {run.n_frames} frames; at least {FEWEST_FRAMES} are needed for spectra: run "
                "longer or write frames more often."
            )


def _population(groups: Sequence[Sequence[PolyanionGroup]]) -> dict[str, list[int]]:
    names = sorted({group.name for each in groups for group in each})
    return {name: [sum(group.name == name for group in each) for each in groups] for name in names}


def _broken_flags(broken: Sequence[Mapping[str, int]]) -> list[str]:
    totals: dict[str, int] = {}
    for each in broken:
        for name, count in each.items():
            totals[name] = totals.get(name, 0) + count
    return [
        f"{count} {name} exchanged ligands during the run and were left out of the polyanions."
        for name, count in sorted(totals.items())
    ]
