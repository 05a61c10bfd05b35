"""Pathways of the mobile ion at one state point: free energies at which its density percolates."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase.units import kB

from saltflow.analysis.no_result import NO_ACCEPTED_REPLICA
from saltflow.analysis.pathways.grid import coarsened
from saltflow.analysis.pathways.ion_density import Framework, IonDensity, measure_density, sum_densities
from saltflow.analysis.pathways.percolation import Percolation, Threshold, percolate
from saltflow.analysis.pathways.volumes import DensityVolume
from saltflow.statistics.estimate import finite
from saltflow.statistics.jackknife import mean_and_error
from saltflow.trajectory.memory import TrajectoryReader
from saltflow.trajectory.state_point_checks import check_state_point

SCHEMA = 1
DIMENSIONS = ("1D", "2D", "3D")
# Curves are given at these free energies, in kT from that of a uniform density.
CURVE_KT = np.arange(-10.0, 12.01, 0.2)
NEIGHBOURS_NAMED = 4
UNITS = {"threshold": "eV", "barrier": "eV", "connected_volume_fraction": "1", "connected_ion_fraction": "1"}
DEFINITION = (
    "free energy -kT ln(density/mean density); threshold: the highest free energy on the lowest path through the "
    "periodic cell in 1, 2 or 3 dimensions; barrier: the same above the most visited voxel"
)


@dataclass(frozen=True)
class _Replica:
    """One replica: its density, the framework, percolation of the whole run and thresholds (kT) of its halves."""

    density: IonDensity
    framework: Framework
    percolation: Percolation
    halves_kT: tuple[tuple[float | None, ...], tuple[float | None, ...]]


def analyse_pathways(
    trajectories: Sequence[TrajectoryReader],
    *,
    mobile_ion: str,
    temperature_K: float,
    spacing_A: float,
    smoothing_A: float,
    volume_spacing_A: float,
    min_visits: float,
    max_half_difference_kT: float,
) -> tuple[dict, DensityVolume]:
    """Density of the mobile ion in the frame of the framework, and its percolation thresholds.

    The density ρ is counted on a grid and smoothed by a Gaussian; the free energy is F = −kT ln(ρ/ρ̄). Voxels are added
    in order of falling density. The threshold in d dimensions is F of the bottleneck: the voxel with which a cluster
    first winds around the periodic cell in d independent directions. Values are means over replicas with their standard
    error; of one replica, the error of a threshold is half the difference of the halves of its run (each times the
    Student factor).

    Args:
        trajectories: replicas of one composition.
        mobile_ion: element whose pathways are analysed.
        temperature_K: temperature of the run.
        spacing_A: largest edge of a voxel.
        smoothing_A: standard deviation of the Gaussian; 0 is none. It widens narrower paths and lowers their
            bottleneck.
        volume_spacing_A: edge of the voxels of the returned volume, rounded to a multiple of the grid's.
        min_visits: smallest number of independent counts in a bottleneck.
        max_half_difference_kT: largest difference between the thresholds of the two halves of a run.

    Returns:
        JSON-able values, errors, curves, bottlenecks and flags; and the density of the first replica on a coarser grid.

    Raises:
        SaltflowError: no or too short trajectories, or no such ion.
    """
    check_state_point(trajectories, temperature_K=temperature_K, mobile_ion=mobile_ion)
    factor = max(1, round(volume_spacing_A / spacing_A))
    kT, rows, quantities, curves, volume = kB * temperature_K, [], [], [], None
    for run in trajectories:
        replica = _measure(run, mobile_ion=mobile_ion, spacing_A=spacing_A, smoothing_A=smoothing_A, multiple_of=factor)
        quantities.append(_quantities(replica, kT))
        curves.append(_curves(replica))
        limits = {"min_visits": min_visits, "max_half_difference_kT": max_half_difference_kT}
        rows.append(_replica_row(replica, kT, quantities[-1], **limits))
        volume = _volume(replica, kT, factor) if volume is None else volume
    return {
        "schema": SCHEMA,
        "status": _status(rows),
        "mobile_ion": mobile_ion,
        "temperature_K": temperature_K,
        "frame": "framework" if any(symbol != mobile_ion for symbol in trajectories[0].symbols) else "laboratory",
        "replicas": len(trajectories),
        "definition": DEFINITION,
        "grid": {"spacing_A": spacing_A, "smoothing_A": smoothing_A},
        "error_basis": "replicas" if len(trajectories) > 1 else "halves of the run",
        "quantities": _means(quantities, rows, kT),
        "flags": _flags(rows),
        "per_replica": rows,
        "curves": _mean_curves(curves, kT),
    }, volume


def no_pathways(statuses: Sequence[str], *, temperature_K: float) -> dict:
    """The result of a state point without an accepted replica.

    Args:
        statuses: of each replica.
        temperature_K: of the state point.
    """
    return {
        "schema": SCHEMA,
        "status": NO_ACCEPTED_REPLICA,
        "reason": "; ".join(dict.fromkeys(statuses)),
        "temperature_K": temperature_K,
        "replicas": 0,
        "quantities": {},
        "flags": [],
        "per_replica": [],
    }


def _measure(
    run: TrajectoryReader, *, mobile_ion: str, spacing_A: float, smoothing_A: float, multiple_of: int
) -> _Replica:
    first, second, framework = measure_density(run, mobile_ion=mobile_ion, spacing_A=spacing_A, multiple_of=multiple_of)
    halves = [half.smoothed(smoothing_A) for half in (first, second)]
    whole = sum_densities(*halves)
    halves_kT = tuple(_thresholds_kT(half, percolate(half.counts, levels=np.empty(0))) for half in halves)
    del halves, first, second
    levels = whole.mean_count * np.exp(-CURVE_KT)
    return _Replica(whole, framework, percolate(whole.counts, levels=levels), halves_kT)


def _free_energy_kT(density: IonDensity, count: float) -> float:
    return float(-np.log(count / density.mean_count))


def _thresholds_kT(density: IonDensity, percolation: Percolation) -> tuple[float | None, ...]:
    return tuple(each and _free_energy_kT(density, each.density) for each in percolation.thresholds)


def _quantities(replica: _Replica, kT: float) -> dict[str, float | None]:
    """Values of one replica by name; None where it does not percolate."""
    density, values = replica.density, {}
    lowest_kT = _free_energy_kT(density, float(density.counts.max()))
    for name, threshold in zip(DIMENSIONS, replica.percolation.thresholds, strict=True):
        kTs = threshold and _free_energy_kT(density, threshold.density)
        values[f"threshold_{name}_eV"] = threshold and kT * kTs
        values[f"barrier_{name}_eV"] = threshold and kT * (kTs - lowest_kT)
        values[f"connected_volume_fraction_{name}"] = threshold and threshold.voxels / density.grid.voxels
        values[f"connected_ion_fraction_{name}"] = threshold and threshold.mass / density.samples
    return values | {"framework_rms_A": finite(replica.framework.rms_A)}


def _replica_row(
    replica: _Replica, kT: float, values: dict, *, min_visits: float, max_half_difference_kT: float
) -> dict:
    """One replica as JSON: values, bottlenecks, thresholds of halves, and sampling problems."""
    density, percolation = replica.density, replica.percolation
    sparsest = float(density.counts[density.counts > 0].min())
    bottlenecks = {
        name: _bottleneck(replica, threshold)
        for name, threshold in zip(DIMENSIONS, percolation.thresholds, strict=True)
        if threshold
    }
    row = {
        "values": values,
        "voxels": list(density.grid.shape),
        "samples": density.samples,
        "samples_per_voxel": density.mean_count,
        "resolved_up_to_eV": kT * _free_energy_kT(density, sparsest),
        "halves_eV": {
            name: [half[index] and kT * half[index] for half in replica.halves_kT]
            for index, name in enumerate(DIMENSIONS)
        },
        "bottlenecks": bottlenecks,
    }
    whole_kT = _thresholds_kT(density, percolation)
    problems = [_sampling_problem(index, whole_kT, replica.halves_kT, max_half_difference_kT) for index in range(3)]
    rare = [name for name, each in bottlenecks.items() if each["visits"] < min_visits]
    if rare:
        fewest = min(bottlenecks[name]["visits"] for name in rare)
        problems.append(f"the bottleneck in {', '.join(rare)} rests on {fewest:.2g} visits (min_visits {min_visits:g})")
    return row | {"undersampled": list(dict.fromkeys(filter(None, problems)))}


def _bottleneck(replica: _Replica, threshold: Threshold) -> dict:
    density = replica.density
    fractional = density.grid.centre(threshold.voxel)
    position_A = fractional @ density.grid.cell_A
    return {
        "fractional": fractional.tolist(),
        "position_A": position_A.tolist(),
        "visits": threshold.density * density.voxels_averaged,
        "neighbours": [
            {"element": element, "distance_A": distance_A}
            for element, distance_A in replica.framework.nearest(position_A, count=NEIGHBOURS_NAMED)
        ],
    }


def _sampling_problem(index: int, whole_kT: Sequence, halves_kT: Sequence[Sequence], limit_kT: float) -> str | None:
    """Why the halves of a run do not support its threshold in some dimension; None where they do."""
    first, second = (half[index] for half in halves_kT)
    if whole_kT[index] is None:
        return None
    if first is None or second is None:
        return f"half of the run does not percolate in {DIMENSIONS[index]}"
    if abs(first - second) > limit_kT:
        return f"the halves of the run differ by {abs(first - second):.2g} kT in {DIMENSIONS[index]}"
    return None


def _status(rows: Sequence[dict]) -> str:
    if any(row["values"]["threshold_3D_eV"] is None for row in rows):
        return "does not percolate in 3D"
    return "undersampled" if any(row["undersampled"] for row in rows) else "ok"


def _flags(rows: Sequence[dict]) -> list[str]:
    """Sentences on thresholds that are missing or undersampled."""
    flags = []
    for name in DIMENSIONS:
        without = [row for row in rows if row["values"][f"threshold_{name}_eV"] is None]
        if without:
            least = min(row["resolved_up_to_eV"] for row in without)
            flags.append(
                f"No path in {name} in {len(without)} of {len(rows)} replicas: the threshold is above {least:.3g} eV, "
                "the highest free energy that the frames resolve."
            )
    return flags + [
        f"Replica {replica}: {'; '.join(row['undersampled'])}; run longer."
        for replica, row in enumerate(rows, start=1)
        if row["undersampled"]
    ]


def _means(quantities: Sequence[dict], rows: Sequence[dict], kT: float) -> dict:
    """Mean and error of every quantity; None where a replica has no value: averaging the others would be biased."""
    means = {}
    for name in quantities[0]:
        values = [each[name] for each in quantities]
        unit = "Å" if name.endswith("_A") else next(unit for key, unit in UNITS.items() if name.startswith(key))
        mean = error = None
        if None not in values:
            mean, error = (finite(each) for each in mean_and_error(np.array(values)))
            if len(values) == 1 and name.startswith("threshold"):
                error = _error_of_halves(rows[0]["halves_eV"][name.split("_")[1]])
        means[name] = {"value": mean, "error": error, "unit": unit}
    return means


def _error_of_halves(halves_eV: Sequence[float | None]) -> float | None:
    return None if None in halves_eV else finite(mean_and_error(np.array(halves_eV))[1])


def _curves(replica: _Replica) -> dict[str, np.ndarray]:
    percolation, density = replica.percolation, replica.density
    return {
        "volume_fraction": percolation.voxels / density.grid.voxels,
        "percolating_volume_fraction": percolation.percolating_voxels / density.grid.voxels,
        "percolating_ion_fraction": percolation.percolating_mass / density.samples,
    }


def _mean_curves(curves: Sequence[dict], kT: float) -> dict:
    """Means over replicas with errors, for clusters that percolate in at least 1, 2 and 3 dimensions."""
    result = {"free_energy_eV": (kT * CURVE_KT).tolist(), "dimensions": list(DIMENSIONS)}
    for name in curves[0]:
        mean, error = mean_and_error(np.stack([each[name] for each in curves]))
        result[name] = mean.tolist()
        result[f"{name}_error"] = None if len(curves) == 1 else error.tolist()
    return result


def _volume(replica: _Replica, kT: float, factor: int) -> DensityVolume:
    density = replica.density
    return DensityVolume(
        density=coarsened(density.counts, factor) / density.mean_count,
        framework=replica.framework.atoms,
        thresholds=tuple(each and each.density / density.mean_count for each in replica.percolation.thresholds),
        kT_eV=kT,
    )
