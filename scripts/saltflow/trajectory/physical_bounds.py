"""Bounds that every trajectory obeys, whatever it is of: beyond them, numbers are of a wrong file or a wrong option.

Mean squared step: ⟨Δr²⟩ ≤ ⟨v²⟩ Δt² = (3kT/m) Δt² for every kind of motion at equilibrium (Cauchy–Schwarz). Where
displacements grow in proportion to time (ballistic motion), it is an equality.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from ase.data import atomic_numbers, covalent_radii
from ase.units import kB

from saltflow.trajectory.chunks import read_coordinates
from saltflow.trajectory.memory import LONGEST_STEPS, SQUARED_STEPS, TrajectoryReader

EV_PER_U_A2_PS2 = 1.0364269e-4  # CODATA 2018
G_CM3_PER_U_A3 = 1.66053907

DENSEST_PER_A3, THINNEST_PER_A3 = 0.25, 1e-4  # diamond has 0.18, a gas at 3 bar 1e-4
DENSEST_G_CM3 = 25.0  # osmium has 22.6
# Of the sum of covalent radii: median distance to the nearest neighbour.
SHORTEST_DISTANCE, LONGEST_DISTANCE = 0.5, 6.0
COINCIDENT_A = 0.05
MOST_ATOMS_OF_DISTANCES = 2000
STEPS_LOOKED_AT = 100
FRAMES_LOOKED_AT = 3
STEP_MARGIN = 1.5  # over the bound, beside six standard errors
FASTEST = 7.0  # of √(kT/m): one velocity in 10¹⁰ is faster
# Of the mean squared step between quarters of a run.
LARGEST_CHANGE, SMALLEST_STEP_A2 = 3.0, 0.01
CORRELATION_PS = 0.1  # of kinetic energies: frames closer than this are no samples of their own
BALLISTIC_EXPONENT, LEAST_BALLISTIC = 1.7, 0.2
# Thermal vibration of the stiffest lattice: 6kT/k with the force constant of diamond's atoms, over a margin of ten.
STIFFEST_EV_A2, VIBRATION_MARGIN, VIBRATION_PS = 30.0, 10.0, 0.05
# Where frames are farther apart than this, the MSD of a vibration neither rises nor falls with the lag.
MEMORY_PS, SMALLEST_FALL, SHORT_LAGS = 2.0, 0.1, 6
TEMPERATURE_TOLERANCE = 0.15
CHARGE_TOLERANCE = 1e-4  # of the sum of charges without their signs: means of mixed valence are rounded


def beyond_bounds(
    trajectories: Sequence[TrajectoryReader],
    *,
    temperature_K: float | None,
    charges: Mapping[str, float] | None = None,
) -> list[str]:
    """Why numbers from these trajectories are not physical; empty where every bound is kept.

    Args:
        trajectories: the replicas of one state point.
        temperature_K: temperature of the run; None leaves out what needs it.
        charges: formal charges in e; None leaves out the net charge.
    """
    reasons = []
    for number, run in enumerate(trajectories, start=1):
        found = [*_density(run), *_distances(run), *_drift_of_steps(run)]
        if temperature_K is not None:
            found += [*_steps(run, temperature_K), *_jumps(run, temperature_K), *_velocities(run, temperature_K)]
        reasons += [f"replica {number}: {reason}" if len(trajectories) > 1 else reason for reason in found]
    if charges and trajectories:
        reasons += _net_charge(trajectories[0], charges)
    return reasons


def _density(run: TrajectoryReader) -> list[str]:
    volumes_A3 = np.abs(np.linalg.det(run.cells_A))
    per_A3 = len(run.symbols) / float(volumes_A3.mean())
    g_cm3 = float(run.masses_u.sum()) / float(volumes_A3.mean()) * G_CM3_PER_U_A3
    if not THINNEST_PER_A3 <= per_A3 <= DENSEST_PER_A3 or g_cm3 > DENSEST_G_CM3:
        return [
            f"{per_A3:.3g} atoms per Å3 ({g_cm3:.3g} g/cm3) are no condensed matter; "
            "correct the unit of length (Å) or the cell"
        ]
    return []


def _distances(run: TrajectoryReader) -> list[str]:
    frames = np.unique(np.linspace(0, run.n_frames - 1, FRAMES_LOOKED_AT).astype(int))
    nearest = [_nearest_neighbours(run, frame) for frame in frames.tolist()]
    reasons = []
    coincident = np.all([distances_A < COINCIDENT_A for distances_A, _ in nearest], axis=0)
    if coincident.any():
        atoms = np.flatnonzero(coincident)
        reasons.append(f"atom {atoms[0]} lies on another atom all the time ({len(atoms)} do); remove duplicates")
    ratio = float(np.median([ratios for _, ratios in nearest]))
    if not SHORTEST_DISTANCE <= ratio <= LONGEST_DISTANCE:
        distance_A = float(np.median([distances_A for distances_A, _ in nearest]))
        reasons.append(
            f"nearest neighbours are {distance_A:.2g} Å apart, {ratio:.2g} of a bond; "
            "correct the unit of length (Å) or the cell"
        )
    return reasons


def _nearest_neighbours(run: TrajectoryReader, frame: int) -> tuple[np.ndarray, np.ndarray]:
    """Distance of every atom to its nearest neighbour, in Å and in sums of covalent radii, both (atoms,)."""
    atoms = min(len(run.symbols), MOST_ATOMS_OF_DISTANCES)
    fractional = read_coordinates(run, range(frame, frame + 1), basis_A=np.eye(3))[0]
    radii_A = covalent_radii[[atomic_numbers[symbol] for symbol in run.symbols]]
    distances_A, ratios = np.empty(atoms), np.empty(atoms)
    for atom in range(atoms):
        apart = fractional - fractional[atom]
        lengths_A = np.linalg.norm((apart - np.rint(apart)) @ run.cells_A[frame], axis=1)
        lengths_A[atom] = np.linalg.norm(run.cells_A[frame], axis=1).min()
        distances_A[atom] = lengths_A.min()
        ratios[atom] = (lengths_A / (radii_A + radii_A[atom])).min()
    return distances_A, ratios


def _steps(run: TrajectoryReader, temperature_K: float) -> list[str]:
    curve = _short_curve(run)
    if curve is None:
        return []
    interval_ps, starts, msds_A2 = curve
    reasons, ballistic, vibrates, oscillates = [], [], [], []
    for symbol, msd_A2 in msds_A2.items():
        members = np.array(run.symbols) == symbol
        bound_A2 = 3 * kB * temperature_K / (EV_PER_U_A2_PS2 * run.masses_u[members].mean()) * interval_ps**2
        error = np.sqrt(2 / (3 * members.sum() * min(starts, _samples(run))))
        if msd_A2[0] > (STEP_MARGIN + 6 * error) * bound_A2:
            reasons.append(
                f"{symbol} moves by {np.sqrt(msd_A2[0]):.2g} Å (root mean square) in {interval_ps:g} ps, farther than "
                f"the {np.sqrt(bound_A2):.2g} Å of its thermal velocity at {temperature_K:g} K; correct the interval "
                "(ps), the temperature (K) or the unit of length"
            )
        grows = msd_A2[0] > 0 and np.log2(msd_A2[1] / msd_A2[0]) > BALLISTIC_EXPONENT
        ballistic.append(grows and msd_A2[0] < LEAST_BALLISTIC * bound_A2)
        vibrates.append(msd_A2[0] * VIBRATION_MARGIN * STIFFEST_EV_A2 >= 6 * kB * temperature_K)
        falls = np.any(msd_A2[1:] < (1 - SMALLEST_FALL - 6 * error) * np.maximum.accumulate(msd_A2)[:-1])
        oscillates.append(bool(falls))
    if all(ballistic) or (interval_ps > VIBRATION_PS and not any(vibrates)):
        reasons.append(
            f"in {interval_ps:g} ps atoms move by {np.sqrt(max(msd[0] for msd in msds_A2.values())):.2g} Å, less than "
            f"they vibrate at {temperature_K:g} K; is the interval in fs? It is wanted in ps"
        )
    elif interval_ps > MEMORY_PS and any(oscillates):
        reasons.append(
            f"atoms vibrate in step over lags of {interval_ps:g} ps and more, though they forget within a few ps; is "
            "the interval in fs? It is wanted in ps"
        )
    return reasons


def _short_curve(run: TrajectoryReader) -> tuple[float, int, dict[str, np.ndarray]] | None:
    """Interval in ps, number of origins, and the MSD of each element over 1 to `SHORT_LAGS` intervals.

    The drift of all atoms is left out; origins are evenly spaced, and no gap in time is crossed.
    """
    if run.n_frames <= SHORT_LAGS:
        return None
    steps_ps = np.diff(run.times_ps)
    interval_ps = float(np.median(steps_ps))
    steady = np.abs(steps_ps - interval_ps) < 0.01 * interval_ps
    starts = np.flatnonzero(np.lib.stride_tricks.sliding_window_view(steady, SHORT_LAGS).all(axis=1))
    if not len(starts):
        return None
    starts = starts[np.unique(np.linspace(0, len(starts) - 1, STEPS_LOOKED_AT).astype(int))]
    weights, mean_cell_A = run.masses_u / run.masses_u.sum(), run.cells_A.mean(axis=0)
    squared_A2 = np.zeros((SHORT_LAGS, len(run.symbols)))
    for start in starts.tolist():
        positions_A = read_coordinates(run, range(start, start + SHORT_LAGS + 1), basis_A=mean_cell_A)
        positions_A -= np.einsum("a,fax->fx", weights, positions_A)[:, None]
        squared_A2 += ((positions_A[1:] - positions_A[0]) ** 2).sum(axis=-1) / len(starts)
    symbols = np.array(run.symbols)
    msds_A2 = {symbol: squared_A2[:, symbols == symbol].mean(axis=1) for symbol in sorted(set(run.symbols))}
    return interval_ps, len(starts), msds_A2


def _jumps(run: TrajectoryReader, temperature_K: float) -> list[str]:
    """Steps of single atoms that no thermal velocity explains: rows that change places."""
    if run.n_frames < 2:
        return []
    interval_ps = float(np.median(np.diff(run.times_ps)))
    reasons = []
    for symbol, (length_A, atom, frame) in run.metadata.get(LONGEST_STEPS, {}).items():
        mass_u = float(run.masses_u[np.array(run.symbols) == symbol].mean())
        speed_A_ps = np.sqrt(kB * temperature_K / (EV_PER_U_A2_PS2 * mass_u))
        if length_A > FASTEST * speed_A_ps * interval_ps:
            ratio = length_A / (speed_A_ps * interval_ps)
            reasons.append(
                f"{symbol}, atom {int(atom)}, moves by {length_A:.2g} Å up to frame {int(frame)}, {ratio:.3g} times "
                "the thermal velocity; were atoms exchanged, or is the interval wrong?"
            )
    return reasons


def _drift_of_steps(run: TrajectoryReader) -> list[str]:
    """Steps that grow or shrink in the course of a converted run."""
    reasons = []
    for symbol, quarters_A2 in run.metadata.get(SQUARED_STEPS, {}).items():
        least_A2, most_A2 = min(quarters_A2), max(quarters_A2)
        if most_A2 > LARGEST_CHANGE * least_A2 and most_A2 > SMALLEST_STEP_A2:
            reasons.append(
                f"the mean squared step of {symbol} changes from {quarters_A2[0]:.2g} to {quarters_A2[-1]:.2g} Å2 in "
                "the course of the run, as if its interval or temperature changed; cut it into parts that are alike"
            )
    return reasons


def _samples(run: TrajectoryReader) -> float:
    return max(1.0, float(run.times_ps[-1] - run.times_ps[0]) / CORRELATION_PS)


def _velocities(run: TrajectoryReader, temperature_K: float) -> list[str]:
    found_K = getattr(run, "temperatures_K", np.zeros(0))
    found_K = found_K[np.isfinite(found_K)]
    if not len(found_K):
        return []
    mean_K = float(found_K.mean())
    error = np.sqrt(2 / (3 * len(run.symbols) * min(len(found_K), _samples(run))))
    if abs(mean_K / temperature_K - 1) > TEMPERATURE_TOLERANCE + 5 * error:
        return [f"velocities are those of {mean_K:.4g} K, not of {temperature_K:g} K; correct the temperature"]
    return []


def _net_charge(run: TrajectoryReader, charges: Mapping[str, float]) -> list[str]:
    if any(symbol not in charges for symbol in run.symbols) or len(set(run.symbols)) == 1:
        return []  # ions alone, without their counter-ions, are analysed in the laboratory frame
    net_e = float(sum(float(charges[symbol]) for symbol in run.symbols))
    if abs(net_e) > CHARGE_TOLERANCE * sum(abs(float(charges[symbol])) for symbol in run.symbols):
        return [f"the formal charges add up to {net_e:+.4g} e, not 0; correct the charges or add the missing ions"]
    return []
