"""The result of the transport analysis as JSON."""

from collections.abc import Mapping, Sequence

import numpy as np

from saltflow.analysis.transport.anisotropy import diffusion_tensor_row
from saltflow.analysis.transport.brownian import Sampling
from saltflow.analysis.transport.clusters import BOUND, FREE, ClusterKey, ClusterStatistics, quantity_name
from saltflow.analysis.transport.windows import FitWindow, local_alpha
from saltflow.statistics.estimate import Estimate, finite
from saltflow.trajectory.segments import System

SCALARS = {
    "sigma_NE_mS_cm": "mS/cm",
    "sigma_NE_mobile_mS_cm": "mS/cm",
    "sigma_E_mS_cm": "mS/cm",
    "haven_ratio": "1",
}
MAIN_CONDUCTIVITY = quantity_name("sigma_cNE", (BOUND, 0.0))
MAIN_TRANSFERENCE = quantity_name("transference_cNE", (BOUND, 0.0))
POPULATIONS_SHOWN = 12


def description(system: System, frame: str) -> dict:
    """System, runs and reference frames."""
    return {
        "mobile_ion": system.species[system.mobile],
        "temperature_K": system.temperature_K,
        "volume_A3": system.volume_A3,
        "replicas": system.n_replicas,
        "run_ps": [segment.n_frames * system.interval_ps for segment in system.segments],
        "frame_interval_ps": system.interval_ps,
        "net_charge_e": float(system.charges @ system.counts),
        "frame": {
            "single_ion": frame if system.collective_frame == "barycentric" else "laboratory",
            "collective": system.collective_frame,
        },
    }


def window_row(window: FitWindow, sampling: Sampling) -> dict:
    """The fit window."""
    return {
        "start_ps": window.start_ps,
        "end_ps": window.end_ps,
        "alpha": finite(window.alpha),
        "n_windows": sampling.n_windows,
        "dimensions": sampling.dimensions,
        "decorrelation_ps": window.decorrelation_ps,
    }


def scalar_rows(system: System, estimates: Mapping[str, Estimate], *, collective_status: str) -> dict:
    """Quantities of the system and of its mobile ion; σ_E has a status of its own."""
    rows = {
        "D_cm2_s": estimates["D_cm2_s"].row((system.mobile,), unit="cm2/s"),
        "sigma_cNE_mS_cm": estimates[MAIN_CONDUCTIVITY].row(unit="mS/cm"),
    }
    rows |= {name: estimates[name].row(unit=unit) for name, unit in SCALARS.items()}
    rows["sigma_E_mS_cm"]["status"] = collective_status
    return rows


def species_rows(
    system: System,
    estimates: Mapping[str, Estimate],
    *,
    slopes: np.ndarray,
    collective_status: str,
    alphas: Sequence[float],
    alpha_min: float,
    alpha_max: float,
    msd_end_A2: np.ndarray,
    msd_min_A2: float,
) -> dict:
    """Quantities and status of each species; slopes: of their displacement tensors, (species, 3, 3)."""
    rows = {}
    for index, symbol in enumerate(system.species):
        diffusive = alpha_min <= alphas[index] <= alpha_max and msd_end_A2[index] > msd_min_A2
        rows[symbol] = {
            "count": int(system.counts[index]),
            "charge": float(system.charges[index]),
            "status": "ok" if diffusive else "not diffusive",
            "alpha": finite(alphas[index]),
            "D_cm2_s": estimates["D_cm2_s"].row((index,), unit="cm2/s"),
            "D_tensor": diffusion_tensor_row(slopes[index], estimates["D_cm2_s"], index),
            "onsager_self_per_eV_cm_s": estimates["onsager_self_per_eV_cm_s"].row((index,), unit="1/(eV cm s)"),
            "transference_E": estimates["transference_E"].row((index,), unit="1") | {"status": collective_status},
            "transference_NE": estimates["transference_NE"].row((index,), unit="1"),
            "transference_cNE": estimates[MAIN_TRANSFERENCE].row((index,), unit="1"),
        }
    return rows


def cluster_rows(
    system: System,
    estimates: Mapping[str, Estimate],
    clusters: Mapping[ClusterKey, ClusterStatistics],
    cutoffs_A: np.ndarray,
) -> dict:
    """Bond cut-offs; per decomposition, σ_cNE with its sweep, percolating fraction, and the most common clusters."""
    result = {"cutoffs_A": _cutoff_rows(system, cutoffs_A)}
    for decomposition in (BOUND, FREE):
        found = clusters[decomposition, 0.0]
        result[decomposition] = {
            "sigma_cNE_mS_cm": estimates[quantity_name("sigma_cNE", (decomposition, 0.0))].row(unit="mS/cm"),
            "cutoff_sweep": [
                {
                    "shift_A": shift_A,
                    "sigma_cNE_mS_cm": estimates[quantity_name("sigma_cNE", (name, shift_A))].row(unit="mS/cm"),
                    "percolating_fraction": float(swept.percolating.mean()),
                }
                for (name, shift_A), swept in clusters.items()
                if name == decomposition
            ],
            "percolating_fraction": float(found.percolating.mean()),
            "percolating_per_replica": found.percolating.tolist(),
            "populations": [
                _population_row(system, members, number)
                for members, number in list(found.populations.items())[:POPULATIONS_SHOWN]
            ],
        }
    return result


def _cutoff_rows(system: System, cutoffs_A: np.ndarray) -> dict:
    """First minimum of g(r) of each pair of opposite charges; None without a minimum, where no bond is counted."""
    return {
        f"{system.species[first]}-{system.species[second]}": float(cutoffs_A[first, second]) or None
        for first, second in zip(*np.nonzero(np.triu(np.outer(system.charges, system.charges) < 0)), strict=True)
    }


def _population_row(system: System, members: tuple[int, ...], number: float) -> dict:
    formula = "".join(f"{symbol}{count if count > 1 else ''}" for symbol, count in zip(system.species, members,
                      strict=True) if count)  # fmt: skip
    return {"cluster": formula, "charge_e": float(system.charges @ members), "number_per_cell": number}


def pair_rows(system: System, estimate: Estimate, *, unit: str) -> dict:
    """A symmetric matrix over species: "A-B" → value."""
    return {
        f"{symbol}-{other}": estimate.row((first, second), unit=unit)
        for first, symbol in enumerate(system.species)
        for second, other in enumerate(system.species)
        if second >= first
    }


def curve_rows(system: System, lags: np.ndarray, msd_A2: np.ndarray) -> dict:
    """MSD and α of every species against lag."""
    times_ps = lags * system.interval_ps
    alphas = {symbol: local_alpha(times_ps, curve) for symbol, curve in zip(system.species, msd_A2.T, strict=True)}
    return {
        "lags_ps": times_ps.tolist(),
        "msd_A2": {symbol: curve.tolist() for symbol, curve in zip(system.species, msd_A2.T, strict=True)},
        "alpha": {symbol: [finite(value) for value in values] for symbol, values in alphas.items()},
    }
