"""Structure factors S(q) and the first sharp diffraction peak."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage, signal

from saltflow.analysis.structure.coordination_shells import Snapshot
from saltflow.statistics.estimate import Estimate, finite_list

WEIGHTINGS = ("number", "neutron", "x-ray")
# The first sharp diffraction peak lies well below the principal peak, which is that of neighbouring anions (2.1 Å⁻¹ in
# chlorides, 1.8 Å⁻¹ in iodides) and lies above the smallest value here.
BELOW_PRINCIPAL = 0.85
SMALLEST_PRINCIPAL_PER_A = 1.3
# In a smaller cell, wave vectors are more than 0.5 Å⁻¹ apart, the width of the peak.
SMALLEST_CELL_A = 12.0
SMOOTHING_PER_A = 0.06
FWHM_OF_SIGMA = 2 * np.sqrt(2 * np.log(2))
LEAST_PROMINENCE = 0.1
VECTORS_AT_A_TIME = 500


@dataclass(frozen=True)
class WaveVectors:
    """Wave vectors of a periodic cell, sorted into shells.

    Args:
        indices: Miller indices, one of each ± pair, (vectors, 3).
        shells: shell of each, (vectors,).
        q_per_A: centre of every shell, (shells,).
    """

    indices: np.ndarray
    shells: np.ndarray
    q_per_A: np.ndarray


def wave_vectors(cell_A: np.ndarray, *, q_max_per_A: float, width_per_A: float, per_shell: int) -> WaveVectors:
    """Wave vectors of a cell up to q_max, at most `per_shell` of each shell.

    Args:
        cell_A: cell vectors as rows, (3, 3).
        q_max_per_A: largest length, 2π/d.
        width_per_A: width of a shell.
        per_shell: largest number of vectors of a shell.
    """
    reciprocal = 2 * np.pi * np.linalg.inv(cell_A).T
    reach = np.floor(q_max_per_A * np.linalg.norm(cell_A, axis=1) / (2 * np.pi)).astype(int)
    grids = np.meshgrid(*(np.arange(-most, most + 1) for most in reach), indexing="ij")
    indices = np.stack([grid.ravel() for grid in grids], axis=1)
    half = indices[len(indices) // 2 + 1 :]
    lengths = np.linalg.norm(half @ reciprocal, axis=1)
    shells = (lengths / width_per_A).astype(int)
    count = int(np.ceil(q_max_per_A / width_per_A - 1e-9))
    order = np.lexsort((lengths, shells))
    kept = [
        _evenly(order[slice(*np.searchsorted(shells[order], (shell, shell + 1)))], per_shell) for shell in range(count)
    ]
    chosen = np.concatenate(kept)
    return WaveVectors(half[chosen], shells[chosen], width_per_A * (np.arange(count) + 0.5))


def _evenly(places: np.ndarray, most: int) -> np.ndarray:
    # A fixed shuffle: vectors of similar length are often equivalent by symmetry.
    shuffled = np.random.default_rng(0).permutation(places)
    return shuffled[:most]


def observe_scattering(snapshot: Snapshot, vectors: WaveVectors, species: Sequence[str]) -> dict[Hashable, np.ndarray]:
    """Partial structure factors of one frame, Ashcroft–Langreth: ρ_a(q) ρ_b(−q)/√(N_a N_b).

    Args:
        snapshot: the frame.
        vectors: wave vectors.
        species: elements.

    Returns:
        ("partial",) → mean over the vectors of each shell, (shells, species, species), 0 for an empty shell.
    """
    densities = _densities(snapshot, vectors.indices, species)
    counts = np.array([(snapshot.symbols == element).sum() for element in species])
    products = np.real(densities[:, :, None] * densities[:, None, :].conj()) / np.sqrt(np.outer(counts, counts))
    sums = np.zeros((len(vectors.q_per_A), len(species), len(species)))
    np.add.at(sums, vectors.shells, products)
    members = np.bincount(vectors.shells, minlength=len(vectors.q_per_A))
    return {("partial",): sums / np.maximum(members, 1)[:, None, None]}


def _densities(snapshot: Snapshot, indices: np.ndarray, species: Sequence[str]) -> np.ndarray:
    """Σ_{i∈a} exp(iq·r_i), (vectors, species), by products of the phases along the three cell vectors."""
    fractional = snapshot.positions_A @ np.linalg.inv(snapshot.cell_A)
    reach = np.abs(indices).max(axis=0)
    found = np.empty((len(indices), len(species)), dtype=complex)
    for number, element in enumerate(species):
        own = fractional[snapshot.symbols == element]
        tables = [
            np.exp(2j * np.pi * np.outer(np.arange(-most, most + 1), own[:, axis])) for axis, most in enumerate(reach)
        ]
        for start in range(0, len(indices), VECTORS_AT_A_TIME):
            part = slice(start, start + VECTORS_AT_A_TIME)
            first, second, third = (table[indices[part, axis] + reach[axis]] for axis, table in enumerate(tables))
            found[part, number] = np.einsum("qi,qi,qi->q", first, second, third)
    return found


def scattering_quantities(
    means: Mapping,
    *,
    fractions: np.ndarray,
    powers: Mapping[str, np.ndarray],
    q_per_A: np.ndarray,
    anions: np.ndarray,
    cell_width_A: float,
) -> dict[Hashable, np.ndarray]:
    """Total structure factors and their first sharp diffraction peaks.

    S(q) = Σ_ab √(x_a x_b) f_a f_b S_ab / Σ_a x_a f_a², which tends to 1 for large q.

    Args:
        means: averages of `observe_scattering`.
        fractions: x_a of every species, (species,).
        powers: of `scattering_powers`.
        q_per_A: centres of the shells, (shells,).
        anions: whether a species contributes to the principal peak, (species,).
        cell_width_A: smallest distance between opposite faces; below 12 Å there is no first sharp peak.
    """
    partial = means["partial",]
    principal_per_A = _principal_peak_per_A(q_per_A, weighted_total(partial, fractions, anions[None, :].astype(float)))
    quantities: dict[Hashable, np.ndarray] = {"partial": partial, "principal": np.array(principal_per_A)}
    for weighting, power in powers.items():
        total = weighted_total(partial, fractions, power)
        quantities["total", weighting] = total
        below_per_A = BELOW_PRINCIPAL * principal_per_A if cell_width_A >= SMALLEST_CELL_A else 0.0
        found = first_sharp_peak(q_per_A, total, below_per_A=below_per_A)
        for name, value in zip(("position", "height", "width"), found, strict=True):
            quantities[f"fsdp {name}", weighting] = np.array(value)
    return quantities


def weighted_total(partial: np.ndarray, fractions: np.ndarray, powers: np.ndarray) -> np.ndarray:
    """Σ_ab √(x_a x_b) f_a f_b S_ab / Σ_a x_a f_a², (shells,).

    Args:
        partial: S_ab, (shells, species, species).
        fractions: x_a, (species,).
        powers: f_a, (shells or 1, species).
    """
    amplitudes = np.broadcast_to(powers * np.sqrt(fractions), partial.shape[:2])
    return np.einsum("qa,qb,qab->q", amplitudes, amplitudes, partial) / (amplitudes**2).sum(axis=1)


def _principal_peak_per_A(q_per_A: np.ndarray, among_anions: np.ndarray) -> float:
    sought = q_per_A > SMALLEST_PRINCIPAL_PER_A
    if not sought.any():
        return float(q_per_A[-1])
    return float(q_per_A[sought][np.argmax(among_anions[sought])])


def first_sharp_peak(
    q_per_A: np.ndarray, structure_factor: np.ndarray, *, below_per_A: float
) -> tuple[float, float, float]:
    """Position, height and full width at half its prominence of the first peak below the principal one.

    Args:
        q_per_A: (shells,).
        structure_factor: S(q), 0 where a shell is empty, (shells,).
        below_per_A: largest position.

    Returns:
        Å⁻¹, S at the maximum, Å⁻¹; all nan without a peak of prominence 0.1.
    """
    filled = np.flatnonzero(structure_factor > 0)
    if len(filled) < 5:
        return (np.nan,) * 3
    step = q_per_A[1] - q_per_A[0]
    curve = np.interp(q_per_A, q_per_A[filled], structure_factor[filled])[filled[0] :]
    smooth = ndimage.gaussian_filter1d(curve, SMOOTHING_PER_A / step, mode="nearest")
    peaks, _ = signal.find_peaks(smooth, prominence=LEAST_PROMINENCE)
    peaks = peaks[q_per_A[filled[0] + peaks] < below_per_A]
    if not len(peaks):
        return (np.nan,) * 3
    top = int(peaks[0])
    prominence = signal.peak_prominences(smooth, [top])[0][0]
    widened = signal.peak_widths(smooth, [top], rel_height=0.5)[0][0] * step
    # Smoothing widens a Gaussian peak at constant area.
    width = np.sqrt(max(widened**2 - (FWHM_OF_SIGMA * SMOOTHING_PER_A) ** 2, step**2))
    height = smooth[top] + prominence * (widened / width - 1)
    shift = _vertex(*smooth[top - 1 : top + 2])
    return float(q_per_A[filled[0] + top] + shift * step), float(height), float(width)


def _vertex(before: float, at: float, after: float) -> float:
    """Vertex of the parabola through three equidistant points, in steps from the middle one."""
    bend = before - 2 * at + after
    return 0.5 * (before - after) / bend if bend < 0 else 0.0


def scattering_rows(
    estimates: Mapping[Hashable, Estimate], vectors: WaveVectors, species: Sequence[str], *, weighting: str
) -> dict:
    """S(q) as JSON: partials, totals by weighting, peaks; None in shells without a wave vector."""
    members = np.bincount(vectors.shells, minlength=len(vectors.q_per_A))
    empty = members == 0
    partial = estimates["partial"]
    pairs = [(one, other) for one in range(len(species)) for other in range(one, len(species))]
    return {
        "q_per_A": vectors.q_per_A.tolist(),
        "vectors": members.tolist(),
        "weighting": weighting,
        "total": {
            name: {
                "S": _curve(estimates["total", name].value, empty),
                "S_error": _curve(estimates["total", name].error, empty),
            }
            for name in WEIGHTINGS
        },
        "partial": {
            f"{species[one]}-{species[other]}": _curve(partial.value[:, one, other], empty) for one, other in pairs
        },
        "first_sharp_diffraction_peak": {
            name: {
                "position": estimates["fsdp position", name].row(unit="1/A"),
                "height": estimates["fsdp height", name].row(unit="1"),
                "width": estimates["fsdp width", name].row(unit="1/A"),
            }
            for name in WEIGHTINGS
        },
    }


def _curve(values: np.ndarray, empty: np.ndarray) -> list[float | None]:
    return finite_list(np.where(empty, np.nan, values))
