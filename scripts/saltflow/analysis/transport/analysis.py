"""Transport of one state point, from all its replicas."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from saltflow.analysis.no_result import no_result
from saltflow.analysis.transport.clusters import bond_cutoffs_A, cluster_statistics
from saltflow.analysis.transport.conductivity import sum_rule_residual
from saltflow.analysis.transport.curves import write_curves
from saltflow.analysis.transport.measurement import Measurement, measure
from saltflow.analysis.transport.pairs import displacement_correlation, finite_size_flag
from saltflow.analysis.transport.rows import (
    SCALARS,
    cluster_rows,
    curve_rows,
    description,
    pair_rows,
    scalar_rows,
    species_rows,
    window_row,
)
from saltflow.analysis.transport.summary_sentences import summary_sentences
from saltflow.statistics.estimate import finite
from saltflow.trajectory.memory import TrajectoryReader

log = logging.getLogger(__name__)

SCHEMA = 2
DAMPING = ("langevin",)  # thermostats whose friction slows diffusion
HAVEN_DEFINITION = "sigma_NE / sigma_E of the mobile ion = D* / D_sigma, barycentric"


def analyse_transport(
    trajectories: Sequence[TrajectoryReader],
    *,
    charges: Mapping[str, float],
    mobile_ion: str,
    temperature_K: float,
    first_minima_A: Mapping[str, float | None],
    frame: Literal["barycentric", "framework"],
    alpha_min: float,
    alpha_max: float,
    msd_min_A2: float,
    max_lag_fraction: float,
    cluster_frames: int,
    cutoff_sweep_A: float,
    correlation_origins: int,
    correlation_bin_A: float,
    curves_path: str | Path | None = None,
) -> dict:
    """Diffusion coefficients, conductivities and their ratios, with errors, from all replicas of one state point.

    Args:
        trajectories: the replicas, unwrapped, of one composition, size and frame interval.
        charges: formal charge of each element in e.
        mobile_ion: element whose MSD decides the diffusive window.
        temperature_K: temperature of the run.
        first_minima_A: "A-B" → first minimum of g(r), where bonds of clusters end; None where it has none.
        frame: reference frame of the single-ion quantities; collective quantities are barycentric. With one species,
            both are the laboratory frame.
        alpha_min: lower bound of dlnMSD/dlnt in the diffusive window.
        alpha_max: upper bound.
        msd_min_A2: smallest MSD in the window.
        max_lag_fraction: longest lag as a fraction of the longest uninterrupted run.
        cluster_frames: evenly spaced frames of each replica whose ion clusters are found.
        cutoff_sweep_A: σ_cNE is also given with bond cut-offs this much shorter and longer.
        correlation_origins: evenly spaced origins of each replica for the displacement–displacement correlation.
        correlation_bin_A: width of its bins.
        curves_path: file for the MSD at every lag (`write_curves`); the result itself has a logarithmic grid.

    Returns:
        JSON-able values, errors and curves; None where a value is undefined. Status "ok"; "not diffusive" where no
        window obeys the rule, and values come from the longest allowed lags; "damped" where the friction of the
        thermostat slowed diffusion. σ_E and the transference numbers have a status of their own, "too few windows"
        where the data hold too few independent ones.

    Raises:
        SaltflowError: no or too short trajectories, replicas that differ, a charge, a first minimum or the mobile ion
            missing, or wrapped positions.
    """
    measured = measure(
        trajectories, charges=charges, mobile_ion=mobile_ion, temperature_K=temperature_K, frame=frame,
        alpha_min=alpha_min, alpha_max=alpha_max, msd_min_A2=msd_min_A2, max_lag_fraction=max_lag_fraction,
    )  # fmt: skip
    system, window = measured.system, measured.window
    cutoffs_A = bond_cutoffs_A(system, first_minima_A)
    shifts_A = (-cutoff_sweep_A, 0.0, cutoff_sweep_A)
    clusters = cluster_statistics(trajectories, system, cutoffs_A, shifts_A=shifts_A, frames_per_replica=cluster_frames)
    estimates = measured.estimates(clusters)
    correlations = [
        displacement_correlation(
            system, lag=lag, origins_per_replica=correlation_origins, bin_width_A=correlation_bin_A
        )
        for lag in dict.fromkeys((int(window.lags[0]), int(window.lags[-1])))
    ]
    if curves_path is not None:
        write_curves(measured, curves_path)
    status = _status(trajectories, diffusive=window.diffusive)
    collective_status = measured.sampling.collective_status if status == "ok" else status
    result = {
        "schema": SCHEMA,
        **description(system, frame),
        "status": status,
        "alpha": finite(window.alpha),
        "window": window_row(window, measured.sampling),
        "blocks": {"count": len(measured.replicas), "length_ps": measured.block_ps},
        "quantities": scalar_rows(system, estimates, collective_status=collective_status),
        "haven_ratio_definition": HAVEN_DEFINITION,
        "species": species_rows(
            system,
            estimates,
            slopes=measured.ions.sums,
            collective_status=collective_status,
            alphas=measured.alphas(),
            alpha_min=alpha_min,
            alpha_max=alpha_max,
            msd_end_A2=measured.msd_end_A2,
            msd_min_A2=msd_min_A2,
        ),
        "sigma_ab_mS_cm": pair_rows(system, estimates["sigma_ab_mS_cm"], unit="mS/cm"),
        "onsager_ab_per_eV_cm_s": pair_rows(system, estimates["onsager_ab_per_eV_cm_s"], unit="1/(eV cm s)"),
        "sum_rule_residual": sum_rule_residual(system, estimates["onsager_ab_per_eV_cm_s"].value),
        "clusters": cluster_rows(system, estimates, clusters, cutoffs_A),
        "displacement_correlation": correlations,
        "finite_size": finite_size_flag(correlations[-1], mobile_ion=mobile_ion),
        "per_replica": _per_replica(measured),
        "curves": curve_rows(system, measured.lags, measured.msd_A2),
    }
    for sentence in summary_sentences(result):
        log.info("%s", sentence)
    return result


def no_transport(replica_statuses: Sequence[str], *, temperature_K: float) -> dict:
    """The result of a state point without an accepted replica, in the layout of `analyse_transport`.

    Args:
        replica_statuses: of each replica.
        temperature_K: of the state point.
    """
    return {
        **no_result(replica_statuses, schema=SCHEMA),
        "temperature_K": float(temperature_K),
        "alpha": None,
        "quantities": {},
        "per_replica": [],
    }


def _status(trajectories: Sequence[TrajectoryReader], *, diffusive: bool) -> str:
    if any(run.metadata.get("settings", {}).get("thermostat") in DAMPING for run in trajectories):
        return "damped"
    return "ok" if diffusive else "not diffusive"


def _per_replica(measured: Measurement) -> list[dict]:
    quantities = measured.quantities(measured.blocks.grouped_by(measured.replicas))
    return [
        {
            "D_cm2_s": finite(quantities["D_cm2_s"][replica, measured.system.mobile]),
            **{name: finite(quantities[name][replica]) for name in SCALARS},
        }
        for replica in range(measured.system.n_replicas)
    ]
