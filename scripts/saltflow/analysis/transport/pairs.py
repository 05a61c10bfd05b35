"""Displacement–displacement correlation: over what distance displacements are correlated.

c_ab(r; t) = ⟨Δr_i(t)·Δr_j(t)⟩/√(MSD_a MSD_b) over pairs i ∈ a, j ∈ b, i ≠ j, at a distance r at time 0. Its
longitudinal part is that along the line between the two ions. The un-normalised sum over all pairs is
6 V kT t L_ab^dist.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from saltflow.statistics.estimate import finite_list
from saltflow.statistics.jackknife import mean_and_error
from saltflow.trajectory.cell_width import half_width_A
from saltflow.trajectory.chunks import FRACTIONAL, read_coordinates
from saltflow.trajectory.segments import Segment, System

FEWEST_BLOCKS = 5
# Displacements are correlated where c(r; t) is above this and above so many standard errors.
CORRELATED = 0.1
ERRORS_ABOVE_ZERO = 2.0


@dataclass(frozen=True)
class _PairSums:
    """Sums over pairs, for one group of origins; the last bin holds all pairs farther apart.

    Args:
        pairs: number of pairs, (species, species, bins + 1).
        products_A2: Σ Δr_i·Δr_j, (species, species, bins + 1).
        longitudinal_A2: Σ (Δr_i·n)(Δr_j·n) with n along the line between them, (species, species, bins + 1).
        squares_A2: Σ |Δr_i|², (species,).
        origins: number of origins.
    """

    pairs: np.ndarray
    products_A2: np.ndarray
    longitudinal_A2: np.ndarray
    squares_A2: np.ndarray
    origins: int


def displacement_correlation(system: System, *, lag: int, origins_per_replica: int, bin_width_A: float) -> dict:
    """c_ab(r; t) of every pair of species at one lag, in the collective frame.

    Args:
        system: the state point.
        lag: t in frames.
        origins_per_replica: evenly spaced origins of each replica.
        bin_width_A: width of a bin of r.

    Returns:
        JSON-able: lag_ps, r_A (centres of bins, up to half the smallest width of the cells), pairs "A-B" with total,
        longitudinal, transverse and their errors (None in a bin without pairs), and sum_A2, the un-normalised sum over
        all pairs of a cell.
    """
    widest_A = min(half_width_A(segment.run.cells_A) for segment in system.segments)
    edges_A = bin_width_A * np.arange(1, max(1, int(widest_A / bin_width_A)) + 1)
    groups = [
        _sums(system, segment, starts, lag, edges_A)
        for segment, starts in _groups(system, lag=lag, origins_per_replica=origins_per_replica)
    ]
    return {
        "lag_ps": float(lag * system.interval_ps),
        "origins": sum(group.origins for group in groups),
        "r_A": (edges_A - bin_width_A / 2).tolist(),
        "pairs": {
            f"{system.species[first]}-{system.species[second]}": _pair_row(groups, system, first, second)
            for first in range(len(system.species))
            for second in range(first, len(system.species))
        },
    }


def finite_size_flag(correlation: Mapping, *, mobile_ion: str) -> dict:
    """Whether mobile ions half a cell apart have correlated displacements: then the cell is too small for σ_E.

    Args:
        correlation: of `displacement_correlation`.
        mobile_ion: whose correlation decides.

    Returns:
        flag, and c(r; t) with its error over the outermost quarter of r; None without pairs there.
    """
    row = correlation["pairs"][f"{mobile_ion}-{mobile_ion}"]
    outer = slice(-max(1, len(row["total"]) // 4), None)
    ends = [(value, error) for value, error in zip(row["total"][outer], row["total_error"][outer], strict=True)
            if value is not None and error is not None]  # fmt: skip
    if not ends:
        return {"flag": None, "correlation_at_half_cell": {"value": None, "error": None}}
    value = float(np.mean([end for end, _ in ends]))
    # Neighbouring bins hold the same ions, so their mean has the error of one bin.
    error = float(np.mean([end for _, end in ends]))
    flag = abs(value) > max(CORRELATED, ERRORS_ABOVE_ZERO * error)
    return {"flag": bool(flag), "correlation_at_half_cell": {"value": value, "error": error}}


def _groups(system: System, *, lag: int, origins_per_replica: int) -> list[tuple[Segment, np.ndarray]]:
    """Origins in statistical groups: replicas, or blocks of time where there is one replica."""
    chosen = []
    for segment in system.segments:
        if segment.n_frames > lag:
            starts = np.linspace(0, segment.n_frames - 1 - lag, origins_per_replica).astype(int)
            chosen.append((segment, np.unique(starts)))
    if system.n_replicas == 1:
        return [
            (segment, part)
            for segment, starts in chosen
            for part in np.array_split(starts, min(FEWEST_BLOCKS, len(starts)))
        ]
    return chosen


def _sums(system: System, segment: Segment, starts: np.ndarray, lag: int, edges_A: np.ndarray) -> _PairSums:
    species, bins = len(system.species), len(edges_A) + 1
    shape = (species, species, bins)
    pairs, products, longitudinal = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    squares = np.zeros(species)
    masses_u = system.masses_u[segment.species_of] if system.collective_frame == "barycentric" else None
    members = [np.flatnonzero(segment.species_of == kind) for kind in range(species)]
    for start in starts.tolist():
        moves_A = _moves_A(segment, start, lag, masses_u)
        fractional = read_coordinates(segment.run, segment.frames[start : start + 1], basis_A=FRACTIONAL)[0]
        cell_A = np.asarray(segment.run.cells_A[segment.frames[start]], dtype=float)
        for first in range(species):
            squares[first] += np.sum(moves_A[members[first]] ** 2)
            for second in range(first, species):
                counted = _pair_sums(fractional, moves_A, cell_A, members[first], members[second], edges_A)
                for total, part in zip((pairs, products, longitudinal), counted, strict=True):
                    total[first, second] += part
    return _PairSums(pairs, products, longitudinal, squares, len(starts))


def _moves_A(segment: Segment, start: int, lag: int, masses_u: np.ndarray | None) -> np.ndarray:
    """Displacements of all atoms over a lag, (atoms, 3); without that of the centre of mass where masses are given."""
    begun_A, ended_A = read_coordinates(
        segment.run, segment.frames[start : start + lag + 1 : lag], basis_A=segment.basis_A
    )
    moves_A = ended_A - begun_A
    return moves_A if masses_u is None else moves_A - masses_u @ moves_A / masses_u.sum()


def _pair_sums(
    fractional: np.ndarray,
    moves_A: np.ndarray,
    cell_A: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    edges_A: np.ndarray,
) -> Sequence[np.ndarray]:
    """Per bin: number of ordered pairs, and sums of their products and longitudinal products."""
    apart = fractional[second] - fractional[first][:, None]
    apart -= np.rint(apart)
    lines_A = apart @ cell_A
    lengths_A = np.sqrt(np.einsum("ijk,ijk->ij", lines_A, lines_A))
    products_A2 = moves_A[first] @ moves_A[second].T
    along_A2 = np.einsum("ijk,ik->ij", lines_A, moves_A[first]) * np.einsum("ijk,jk->ij", lines_A, moves_A[second])
    others = first[:, None] != second
    bins = np.searchsorted(edges_A, lengths_A[others], side="right")
    size = len(edges_A) + 1
    longitudinal_A2 = along_A2[others] / np.maximum(lengths_A[others] ** 2, 1e-12)
    return (
        np.bincount(bins, minlength=size),
        np.bincount(bins, weights=products_A2[others], minlength=size),
        np.bincount(bins, weights=longitudinal_A2, minlength=size),
    )


def _pair_row(groups: Sequence[_PairSums], system: System, first: int, second: int) -> dict:
    """Mean and standard error over the groups, normalised by the MSD over all groups."""
    origins = sum(group.origins for group in groups)
    msd_A2 = sum(group.squares_A2 for group in groups) / origins / system.counts
    scale_A2 = np.sqrt(msd_A2[first] * msd_A2[second])
    pairs = np.array([group.pairs[first, second, :-1] for group in groups])
    total = np.array([group.products_A2[first, second, :-1] for group in groups])
    along = np.array([group.longitudinal_A2[first, second, :-1] for group in groups])
    curves = {"total": total, "longitudinal": along, "transverse": total - along}
    row = {"sum_A2": float(sum(group.products_A2[first, second].sum() for group in groups) / origins)}
    for name, sums_A2 in curves.items():
        mean, error = _mean_and_error(sums_A2, pairs)
        scale = scale_A2 if scale_A2 > 0 else np.nan
        row[name], row[f"{name}_error"] = finite_list(mean / scale), finite_list(error / scale)
    return row


def _mean_and_error(sums_A2: np.ndarray, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean over all pairs and its standard error over groups, (bins,) each; nan where a group has no pair."""
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = sums_A2.sum(axis=0) / pairs.sum(axis=0)
        return mean, mean_and_error(sums_A2 / pairs)[1]
