"""The transport picture of one composition at one temperature, all glasses together."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from saltflow.errors import SaltflowError
from saltflow.trajectory import Trajectory
from saltflow.transport.brownian import brownian_variances, small_sample_widening
from saltflow.transport.conductivity import single_ion_sums, sum_rule_residual, transport_quantities
from saltflow.transport.frames import System, prepare_system
from saltflow.transport.jackknife import Estimate, estimate_with_errors
from saltflow.transport.msd import Displacements, displacement_blocks, displacement_curves
from saltflow.transport.windows import Window, find_window, local_alpha, logarithmic_lags, power_law_exponent

SCHEMA = 1
# Blocks several decorrelation times long share little with their neighbours.
DECORRELATIONS_PER_BLOCK = 3
HAVEN_DEFINITION = "sigma_NE / sigma_E of the mobile ion = D* / D_sigma, barycentric"
# Linear in the slopes of collective displacements: estimate and error are low together.
QUADRATIC = ("sigma_E_mS_cm", "sigma_ab_mS_cm", "onsager_ab_per_eV_cm_s")
SCALARS = {
    "sigma_NE_mS_cm": "mS/cm",
    "sigma_NE_mobile_mS_cm": "mS/cm",
    "sigma_E_mS_cm": "mS/cm",
    "haven_ratio": "1",
}


def analyse_transport(
    trajectories: Sequence[Trajectory],
    *,
    charges: Mapping[str, float],
    mobile_ion: str,
    temperature_K: float,
    frame: Literal["barycentric", "framework"],
    alpha_min: float,
    alpha_max: float,
    msd_min_A2: float,
    max_lag_fraction: float,
) -> dict:
    """Diffusion, conductivities and their ratios with errors, from all glasses of one point.

    Args:
        trajectories: the glasses, unwrapped, of one composition, size and frame interval.
        charges: formal charge of each element in e.
        mobile_ion: element whose MSD decides the diffusive window.
        temperature_K: temperature of the run.
        frame: reference frame of the single-ion quantities; collective ones are barycentric. With one species
            alone both are the laboratory frame, for nothing is left to move against.
        alpha_min: lower bound of dlnMSD/dlnt in the diffusive window.
        alpha_max: upper bound.
        msd_min_A2: smallest MSD in the window.
        max_lag_fraction: longest lag as a fraction of the longest uninterrupted run.

    Returns:
        JSON-able values, errors and curves; None where a value is undefined. Status "not diffusive" when no
        window obeys the rule: the numbers then come from the longest allowed lags and are no coefficients.

    Raises:
        SaltflowError: the input cannot be analysed; the message says why.
    """
    if frame not in ("barycentric", "framework"):
        raise SaltflowError(f"The reference frame is 'barycentric' or 'framework', not {frame!r}.")
    system = prepare_system(trajectories, charges=charges, mobile_ion=mobile_ion, temperature_K=temperature_K)
    lags, msd_A2 = _msd_curves(system, frame)
    window = find_window(
        lags, msd_A2[:, system.mobile], interval_ps=system.interval_ps, run_frames=system.longest_run,
        alpha_min=alpha_min, alpha_max=alpha_max, msd_min_A2=msd_min_A2, max_lag_fraction=max_lag_fraction,
    )  # fmt: skip
    block_frames = max(1, round(DECORRELATIONS_PER_BLOCK * window.decorrelation_ps / system.interval_ps))
    blocks, glasses = displacement_blocks(system, window.lags, block_frames=block_frames)
    n_windows = float(blocks.origins[:, 0].sum() * system.interval_ps / window.decorrelation_ps)
    estimates = _estimates(system, window, blocks, glasses, frame=frame, n_windows=n_windows)
    alphas = _species_alphas(lags, msd_A2, window, interval_ps=system.interval_ps)
    return {
        "schema": SCHEMA,
        **_description(system, frame),
        "status": "ok" if window.diffusive else "not diffusive",
        "alpha": _number(window.alpha),
        "window": _describe_window(window, n_windows),
        "blocks": {"count": len(glasses), "length_ps": block_frames * system.interval_ps},
        "quantities": _scalar_rows(system, estimates),
        "haven_ratio_definition": HAVEN_DEFINITION,
        "species": _species_rows(system, estimates, alphas, alpha_min=alpha_min, alpha_max=alpha_max,
                                 msd_end_A2=_at(lags, msd_A2, window.lags[-1]), msd_min_A2=msd_min_A2),
        "sigma_ab_mS_cm": _pair_rows(system, estimates["sigma_ab_mS_cm"], unit="mS/cm"),
        "onsager_ab_per_eV_cm_s": _pair_rows(system, estimates["onsager_ab_per_eV_cm_s"], unit="1/(eV cm s)"),
        "sum_rule_residual": sum_rule_residual(system, estimates["onsager_ab_per_eV_cm_s"].value),
        "per_glass": _per_glass(system, window, blocks.grouped_by(glasses), frame=frame),
        "curves": _curves(system, lags, msd_A2),
    }  # fmt: skip


def no_transport(glass_statuses: Sequence[str], *, temperature_K: float) -> dict:
    """The result of a point none of whose glasses came through its run, in the layout of `analyse_transport`.

    Args:
        glass_statuses: why each glass is missing.
        temperature_K: temperature of the point.
    """
    return {
        "schema": SCHEMA,
        "temperature_K": float(temperature_K),
        "glasses": 0,
        "status": "no sound glass",
        "reason": "; ".join(f"glass {number}: {status}" for number, status in enumerate(glass_statuses, start=1)),
        "alpha": None,
        "quantities": {},
        "per_glass": [],
    }


def _msd_curves(system: System, frame: str) -> tuple[np.ndarray, np.ndarray]:
    """Logarithmic lags in frames and the MSD of each species there, (lags, species)."""
    squared, collective = displacement_curves(system).means()
    lags = logarithmic_lags(1, system.longest_run - 1)
    sums = single_ion_sums(system, squared[lags], collective[lags], frame=frame)
    # Differences of large sums leave rounding around zero for atoms that do not move.
    return lags, np.maximum(sums, 0.0) / system.counts


def _slopes(window: Window, displacements: Displacements) -> dict[str, np.ndarray]:
    squared, collective = displacements.means()
    return {
        "self_slopes": np.einsum("...la,l->...a", squared, window.slope_weights),
        "collective_slopes": np.einsum("...lab,l->...ab", collective, window.slope_weights),
    }


def _estimates(
    system: System,
    window: Window,
    blocks: Displacements,
    glasses: np.ndarray,
    *,
    frame: str,
    n_windows: float,
) -> dict[str, Estimate]:
    def quantities(**slopes: np.ndarray) -> Mapping[str, np.ndarray]:
        return transport_quantities(system, frame=frame, **slopes)

    floor = brownian_variances(quantities, counts=system.counts, n_windows=n_windows, **_slopes(window, blocks.total()))
    for name in QUADRATIC:
        floor[name] = floor[name] * small_sample_widening(n_windows) ** 2
    return estimate_with_errors(blocks, glasses, lambda sums: quantities(**_slopes(window, sums)), floor)


def _species_alphas(lags: np.ndarray, msd_A2: np.ndarray, window: Window, *, interval_ps: float) -> list[float]:
    inside = (lags >= window.lags[0]) & (lags * interval_ps <= window.end_ps * (1 + 1e-9))
    return [power_law_exponent(lags[inside] * interval_ps, curve[inside]) for curve in msd_A2.T]


def _at(lags: np.ndarray, curves: np.ndarray, lag: int) -> np.ndarray:
    return curves[np.searchsorted(lags, lag)]


def _description(system: System, frame: str) -> dict:
    return {
        "mobile_ion": system.species[system.mobile],
        "temperature_K": system.temperature_K,
        "volume_A3": system.volume_A3,
        "glasses": system.n_glasses,
        "run_ps": [segment.n_frames * system.interval_ps for segment in system.segments],
        "frame_interval_ps": system.interval_ps,
        "net_charge_e": float(system.charges @ system.counts),
        "frame": {
            "single_ion": frame if system.collective_frame == "barycentric" else "laboratory",
            "collective": system.collective_frame,
        },
    }


def _describe_window(window: Window, n_windows: float) -> dict:
    return {
        "start_ps": window.start_ps,
        "end_ps": window.end_ps,
        "alpha": _number(window.alpha),
        "n_windows": n_windows,
        "decorrelation_ps": window.decorrelation_ps,
    }


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _row(estimate: Estimate, index: tuple[int, ...], *, unit: str) -> dict:
    return {
        "value": _number(estimate.value[index]),
        "error": _number(estimate.error[index]),
        "unit": unit,
        "degrees_of_freedom": int(estimate.degrees_of_freedom[index]),
        "basis": str(estimate.basis[index]),
    }


def _scalar_rows(system: System, estimates: Mapping[str, Estimate]) -> dict:
    rows = {"D_cm2_s": _row(estimates["D_cm2_s"], (system.mobile,), unit="cm2/s")}
    return rows | {name: _row(estimates[name], (), unit=unit) for name, unit in SCALARS.items()}


def _species_rows(
    system: System,
    estimates: Mapping[str, Estimate],
    alphas: Sequence[float],
    *,
    alpha_min: float,
    alpha_max: float,
    msd_end_A2: np.ndarray,
    msd_min_A2: float,
) -> dict:
    rows = {}
    for index, symbol in enumerate(system.species):
        diffusive = alpha_min <= alphas[index] <= alpha_max and msd_end_A2[index] > msd_min_A2
        rows[symbol] = {
            "count": int(system.counts[index]),
            "charge": float(system.charges[index]),
            "status": "ok" if diffusive else "not diffusive",
            "alpha": _number(alphas[index]),
            "D_cm2_s": _row(estimates["D_cm2_s"], (index,), unit="cm2/s"),
            "onsager_self_per_eV_cm_s": _row(estimates["onsager_self_per_eV_cm_s"], (index,), unit="1/(eV cm s)"),
            "transference_E": _row(estimates["transference_E"], (index,), unit="1"),
            "transference_NE": _row(estimates["transference_NE"], (index,), unit="1"),
        }
    return rows


def _pair_rows(system: System, estimate: Estimate, *, unit: str) -> dict:
    return {
        f"{symbol}-{other}": _row(estimate, (first, second), unit=unit)
        for first, symbol in enumerate(system.species)
        for second, other in enumerate(system.species)
        if second >= first
    }


def _per_glass(system: System, window: Window, glasses: Displacements, *, frame: str) -> list[dict]:
    quantities = transport_quantities(system, frame=frame, **_slopes(window, glasses))
    return [
        {
            "D_cm2_s": _number(quantities["D_cm2_s"][glass, system.mobile]),
            **{name: _number(quantities[name][glass]) for name in SCALARS},
        }
        for glass in range(len(glasses.origins))
    ]


def _curves(system: System, lags: np.ndarray, msd_A2: np.ndarray) -> dict:
    times_ps = lags * system.interval_ps
    alphas = {symbol: local_alpha(times_ps, curve) for symbol, curve in zip(system.species, msd_A2.T, strict=True)}
    return {
        "lags_ps": times_ps.tolist(),
        "msd_A2": {symbol: curve.tolist() for symbol, curve in zip(system.species, msd_A2.T, strict=True)},
        "alpha": {symbol: [_number(value) for value in values] for symbol, values in alphas.items()},
    }
