"""Motion of the mobile ion as JSON, with status and flags."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from saltflow.analysis.motion.curve_estimates import TimeBlocks, curve_estimates, hop_estimates
from saltflow.analysis.motion.hop_statistics import (
    KINDS,
    LARGEST_CLUSTER,
    MOST_HOPS_LINKED,
    SegmentHops,
    cluster_quantities,
    hop_quantities,
    length_centres_A,
)
from saltflow.analysis.motion.hops import HopRule
from saltflow.analysis.motion.ion_moments import IonMoments, ion_jackknife
from saltflow.analysis.motion.residence_maps import SiteMap
from saltflow.analysis.motion.van_hove import LagPlan, moments, non_gaussian, van_hove
from saltflow.statistics.blocked_sums import BlockedSums
from saltflow.statistics.estimate import COUNTING, Estimate, finite, finite_list
from saltflow.trajectory.segments import System

FEWEST_HOPS = 10
LARGEST_CAGE = 0.7  # of the shortest hop: larger cages overlap
MOST_OVERLAP = 0.1  # hops of one ion per window
SMALLEST_SHARE = 0.01  # of the run, for an entry of the map
UNITS = {"rate_per_ps": "1/ps", "mean_length_A": "A", "mean_squared_length_A2": "A2", "return_fraction": "1"}


def curve_rows(system: System, plan: LagPlan, blocks: TimeBlocks, of_ions: Sequence[IonMoments]) -> dict:
    """α2 and MSD of every species over lags, and the van Hove functions of the mobile ion."""
    lags_ps = plan.lags[1:] * plan.interval_ps
    ions = int(system.counts[system.mobile])

    def estimator(sums: BlockedSums) -> dict[str, np.ndarray]:
        self_part, distinct = van_hove(sums, plan, ions=ions, volume_A3=system.volume_A3)
        alpha2, msd_A2 = non_gaussian(sums, system.counts), moments(sums, system.counts)[0]
        return {"alpha2": alpha2[..., 1:, :], "msd_A2": msd_A2[..., 1:, :], "self_1_A": self_part, "distinct": distinct}

    curves_ps = plan.lags[plan.van_hove] * plan.interval_ps
    axes = {"alpha2": lags_ps, "msd_A2": lags_ps, "self_1_A": curves_ps, "distinct": curves_ps}
    variances, bias = ion_jackknife(system, of_ions, van_hove=plan.van_hove, bin_A=plan.edges_A[0])
    variances |= {name: variances[name][1:] for name in ("alpha2", "msd_A2")}
    found = curve_estimates(blocks, estimator, lags_ps=axes, ion_variances=variances)
    found["alpha2"] = replace(found["alpha2"], value=found["alpha2"].value - bias[1:])
    centres_A = plan.edges_A - plan.edges_A[0] / 2
    return {
        "lags_ps": lags_ps.tolist(),
        **{name: _by_species(system, found[name]) for name in ("alpha2", "msd_A2")},
        "alpha2_peak": _peak(found["alpha2"], system.mobile, lags_ps),
        "van_hove": {"r_A": centres_A.tolist(), "lags_ps": curves_ps.tolist(),
                     **{name: _both(found[name]) for name in ("self_1_A", "distinct")}},
    }  # fmt: skip


def _by_species(system: System, estimate: Estimate) -> dict:
    return {
        symbol: {"value": finite_list(estimate.value[:, kind]), "error": finite_list(estimate.error[:, kind])}
        for kind, symbol in enumerate(system.species)
    }


def _both(estimate: Estimate) -> dict:
    return {
        "value": [finite_list(curve) for curve in estimate.value],
        "error": [finite_list(curve) for curve in estimate.error],
    }


def _peak(estimate: Estimate, kind: int, lags_ps: np.ndarray) -> dict:
    """The maximum of α2; at the longest lag it may still rise."""
    values = estimate.value[:, kind]
    if not np.isfinite(values).any():
        return {"lag_ps": None, "value": None, "error": None, "inside": False}
    place = int(np.nanargmax(values))
    return {"lag_ps": float(lags_ps[place]), "value": finite(values[place]), "inside": place < len(values) - 1,
            "error": finite(estimate.error[place, kind])}  # fmt: skip


def hop_rows(
    blocks: TimeBlocks,
    shuffled: Sequence[BlockedSums],
    *,
    rate_variance: float,
    rule: HopRule,
    cages_A: Sequence[float],
) -> dict:
    """Rates, lengths, returns, strings and concerted clusters beside time-shuffled hops, status and flags."""
    found = hop_estimates(blocks, hop_quantities, rate_variance=rate_variance)
    total = blocks.sums.total()
    hops = int(total["hops"])
    reasons = _reasons(hops, total, rule, cages_A)
    lengths = found["length_density_1_A"]
    return {
        "status": reasons[0] if reasons and reasons[0] in ("run too short", "no hops") else "ok",
        "flags": reasons,
        "count": hops,
        "window_ps": rule.window * rule.interval_ps,
        "sampling_interval_ps": rule.interval_ps,
        "shortest_A": rule.shortest_A,
        "cage_A": finite(float(np.mean(cages_A))),
        **{name: found[name].row(unit=unit, floor=COUNTING) for name, unit in UNITS.items()},
        "lengths": {"length_A": length_centres_A().tolist(), "density_1_A": finite_list(lengths.value),
                    "error": finite_list(lengths.error)},
        **{kind: _cluster_row(kind, found, shuffled) for kind in KINDS if shuffled},
        "sizes": list(range(1, LARGEST_CLUSTER + 1)),
        "most_hops_linked_per_segment": MOST_HOPS_LINKED,
    }  # fmt: skip


def _reasons(hops: int, total: BlockedSums, rule: HopRule, cages_A: Sequence[float]) -> list[str]:
    window_ps, ion_ps = rule.window * rule.interval_ps, float(total["ion_ps"])
    rate_per_ps = hops / ion_ps if ion_ps else 0.0
    candidates = [
        ("run too short", not ion_ps),
        ("no hops", hops < FEWEST_HOPS),
        ("motion is continuous: cages are as large as the shortest hop",
         bool(np.nanmean([*cages_A, 0.0]) > LARGEST_CAGE * rule.shortest_A)),
        ("hops overlap: the rate is too low", rate_per_ps * window_ps > MOST_OVERLAP),
    ]  # fmt: skip
    return [reason for reason, applies in candidates if applies]


def _cluster_row(kind: str, found: dict[str, Estimate], shuffled: Sequence[BlockedSums]) -> dict:
    """Fraction, mean size and distribution with errors; those of shuffled hops with their scatter over shuffles."""
    by_chance = [cluster_quantities(sums.total()) for sums in shuffled]
    names = {"fraction": f"{kind}_fraction", "mean_size": f"{kind}_mean_size", "distribution": f"{kind}_distribution"}
    result = {}
    for short, name in names.items():
        chance = np.array([each[name] for each in by_chance])
        scatter = chance.std(axis=0, ddof=1) if len(chance) > 1 else np.full(chance.shape[1:], np.nan)
        result[short] = {
            "value": _plain(found[name].value),
            "error": _plain(found[name].error),
            "shuffled": _plain(chance.mean(axis=0)),
            "shuffled_scatter": _plain(scatter),
        }
    return result


def _plain(values: np.ndarray) -> float | list | None:
    return finite_list(values) if np.ndim(values) else finite(values)


def map_rows(maps: Sequence[SiteMap], hops: Sequence[SegmentHops]) -> list[dict]:
    """Sites of each segment, the time of each ion at each site, and the hops of each ion."""
    return [_map_row(one, found) for one, found in zip(maps, hops, strict=True)]


def _map_row(one: SiteMap, found: SegmentHops) -> dict:
    counts = np.bincount(found.hops.ions, minlength=found.ions)
    ion, site = np.nonzero(one.fractions >= SMALLEST_SHARE)
    return {
        "sites": len(one.places_A),
        "covered": one.covered,
        "places_A": one.places_A.tolist(),
        "occupancy": one.fractions.sum(axis=0).tolist(),
        "ions_per_site": (one.fractions > 0).sum(axis=0).tolist(),
        "hops_per_ion": counts.tolist(),
        "sites_per_ion": (one.fractions > 0).sum(axis=1).tolist(),
        "ions_without_hop": float((counts == 0).mean()),
        "fano_factor": finite(counts.var() / counts.mean()) if counts.mean() else None,
        "shares": {"ion": ion.tolist(), "site": site.tolist(), "fraction": one.fractions[ion, site].round(5).tolist()},
    }
