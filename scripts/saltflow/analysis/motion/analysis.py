"""Motion of the mobile ion at one state point, from all its replicas."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from saltflow.analysis.motion.curve_estimates import TimeBlocks
from saltflow.analysis.motion.hop_statistics import SegmentHops, hop_sums, rate_variance, shuffled_sums
from saltflow.analysis.motion.hops import HopFinder, HopRule
from saltflow.analysis.motion.ion_moments import IonMoments
from saltflow.analysis.motion.residence_maps import SiteMap, map_sites
from saltflow.analysis.motion.rows import curve_rows, hop_rows, map_rows
from saltflow.analysis.motion.strings import LinkCriteria
from saltflow.analysis.motion.van_hove import DisplacementRecorder, LagPlan, plan_lags
from saltflow.analysis.no_result import no_result
from saltflow.statistics.blocked_sums import BlockedSums, joined
from saltflow.trajectory.chunks import frame_chunks, framework_weights
from saltflow.trajectory.memory import TrajectoryReader
from saltflow.trajectory.segments import Segment, System, prepare_system

SCHEMA = 1
SAMPLES_PER_WINDOW = 10
SEED = 1  # of the time shuffles


@dataclass(frozen=True)
class _Segment:
    """Results of one segment."""

    displacements: BlockedSums
    ions: IonMoments
    hops: SegmentHops
    sites: SiteMap | None
    cage_A: float


def analyse_motion(
    trajectories: Sequence[TrajectoryReader],
    *,
    charges: Mapping[str, float],
    mobile_ion: str,
    temperature_K: float,
    origins_per_replica: int,
    max_lag_fraction: float,
    van_hove_lags: int,
    van_hove_r_max_A: float,
    van_hove_bin_A: float,
    hop_window_ps: float,
    hop_length_A: float,
    concerted_time_ps: float,
    concerted_distance_A: float,
    string_distance_A: float,
    shuffles: int,
    site_radius_A: float,
    strings: bool = True,
    residence_maps: bool = True,
) -> dict:
    """van Hove functions, α2(t) and hops; where asked for, strings beside time-shuffled hops, and site maps.

    Args:
        trajectories: the replicas of one composition, size and frame interval.
        charges: formal charge of each element in e.
        mobile_ion: the element whose motion it is.
        temperature_K: temperature of the run.
        origins_per_replica: origins of displacements, evenly spaced.
        max_lag_fraction: longest lag as a fraction of the longest uninterrupted run.
        van_hove_lags: lags with van Hove functions, evenly spaced in their logarithm.
        van_hove_r_max_A, van_hove_bin_A: range and bins of these.
        hop_window_ps: length of each window of p_hop, the shortest stay before and after a hop.
        hop_length_A: shortest hop.
        concerted_time_ps, concerted_distance_A: hops of two ions within both are concerted.
        string_distance_A: in a string, one ion ends within this distance of where another began.
        shuffles: number of time shuffles for comparison.
        site_radius_A: stays within this distance are one site.
        strings: whether strings and concerted hops are sought.
        residence_maps: whether the time of each ion at each site is found.

    Returns:
        JSON-able: curves, hops, strings and maps with errors, status and flags.

    Raises:
        SaltflowError: no or too short trajectories, replicas that differ, a charge or the mobile ion missing, or
            wrapped positions.
    """
    system = prepare_system(trajectories, charges=charges, mobile_ion=mobile_ion, temperature_K=temperature_K)
    plan = plan_lags(
        longest=max(1, int(max_lag_fraction * (system.longest_run - 1))), interval_ps=system.interval_ps,
        curves=van_hove_lags, r_max_A=_within_cell_A(system, van_hove_r_max_A), bin_A=van_hove_bin_A,
        origins_wanted=origins_per_replica,
    )  # fmt: skip
    rule = _hop_rule(system, window_ps=hop_window_ps, shortest_A=hop_length_A)
    together_frames = max(1, round(concerted_time_ps / rule.interval_ps))
    found = [
        _follow(system, segment, plan, rule, site_radius_A=site_radius_A if residence_maps else None,
                criteria=LinkCriteria(together_frames, string_distance_A, concerted_distance_A, segment.mean_cell_A)
                if strings else None)
        for segment in system.segments
    ]  # fmt: skip
    hops = [each.hops for each in found]
    shuffled = shuffled_sums(hops, shuffles=shuffles, seed=SEED) if strings else []
    curve_blocks = _blocks(system, [each.displacements for each in found])
    hop_blocks = _blocks(system, [hop_sums([each], return_A=string_distance_A) for each in hops])
    variance = rate_variance(hops, [segment.replica for segment in system.segments])
    hop_row = hop_rows(hop_blocks, shuffled, rate_variance=variance, rule=rule, cages_A=[each.cage_A for each in found])
    return {
        "schema": SCHEMA,
        "mobile_ion": mobile_ion,
        "temperature_K": system.temperature_K,
        "replicas": system.n_replicas,
        "run_ps": [segment.n_frames * system.interval_ps for segment in system.segments],
        "frame_interval_ps": system.interval_ps,
        "frame": "framework" if system.framework_weights.any() else "laboratory",
        "status": hop_row["status"],
        "curves": curve_rows(system, plan, curve_blocks, [each.ions for each in found]),
        "hops": hop_row,
        **({"maps": map_rows([each.sites for each in found], hops)} if residence_maps else {}),
    }


def no_motion(replica_statuses: Sequence[str], *, temperature_K: float) -> dict:
    """The result of a state point without an accepted replica, in the layout of `analyse_motion`.

    Args:
        replica_statuses: of each replica.
        temperature_K: of the state point.
    """
    return {
        **no_result(replica_statuses, schema=SCHEMA),
        "temperature_K": float(temperature_K),
    }


def _within_cell_A(system: System, r_max_A: float) -> float:
    """A distance, at most half the smallest width of the cells."""
    widths_A = [1 / np.linalg.norm(np.linalg.inv(segment.mean_cell_A), axis=0).max() for segment in system.segments]
    return float(min(r_max_A, min(widths_A) / 2))


def _hop_rule(system: System, *, window_ps: float, shortest_A: float) -> HopRule:
    stride = max(1, int(window_ps / (SAMPLES_PER_WINDOW * system.interval_ps) + 1e-9))
    interval_ps = stride * system.interval_ps
    return HopRule(stride, max(2, round(window_ps / interval_ps)), interval_ps, shortest_A)


def _follow(
    system: System,
    segment: Segment,
    plan: LagPlan,
    rule: HopRule,
    *,
    site_radius_A: float | None,
    criteria: LinkCriteria | None,
) -> _Segment:
    """Read a segment once."""
    mobile = np.flatnonzero(segment.species_of == system.mobile)
    displacements = DisplacementRecorder(system, segment, plan)
    finder = HopFinder(mobile, rule)
    drift_weights = framework_weights(segment.run, system.species[system.mobile])
    for chunk in frame_chunks(segment.run, segment.frames, basis_A=segment.basis_A, drift_weights=drift_weights):
        displacements.advance(chunk)
        finder.advance(chunk)
    frames = -(-segment.n_frames // rule.stride)
    hops = finder.finish()
    observed = max(frames - 2 * rule.window + 1, 0)
    found = SegmentHops(hops, rule.window, observed, len(mobile), rule.interval_ps, criteria)
    sites = site_radius_A and map_sites(
        hops, finder.first_cages_A, frames=frames, radius_A=site_radius_A, cell_A=segment.mean_cell_A
    )
    return _Segment(*displacements.finish(), found, sites, finder.cage_A)


def _blocks(system: System, parts: Sequence[BlockedSums]) -> TimeBlocks:
    segments = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    replicas = np.array([segment.replica for segment in system.segments])[segments]
    durations_ps = np.array([segment.n_frames * system.interval_ps for segment in system.segments])[segments]
    return TimeBlocks(joined(parts), replicas, segments, durations_ps)
