"""Reorientation of the bonds of polyanions: C₁ and C₂."""

from collections.abc import Sequence

import numpy as np

from saltflow.analysis.spectra.correlation import autocorrelation
from saltflow.analysis.spectra.polyanion_groups import PolyanionGroup
from saltflow.trajectory.chunks import frame_chunks
from saltflow.trajectory.memory import TrajectoryReader

# The six independent elements of u uᵀ, and how often each occurs.
PAIRS = ((0, 0, 1), (1, 1, 1), (2, 2, 1), (0, 1, 2), (0, 2, 2), (1, 2, 2))


def read_bonds(run: TrajectoryReader, groups: Sequence[PolyanionGroup], *, stride: int) -> np.ndarray:
    """Unit vectors from the centre to each ligand, (frames, bonds, 3).

    Args:
        run: one replica.
        groups: polyanions.
        stride: frames from one to the next.
    """
    centres = np.concatenate([np.repeat(group.atoms[0], len(group.atoms) - 1) for group in groups])
    ligands = np.concatenate([group.atoms[1:] for group in groups])
    shifts_A = np.concatenate([group.shifts_A[1:] for group in groups])
    vectors_A = np.concatenate([
        (chunk.coordinates[:, ligands] - chunk.coordinates[:, centres] + shifts_A).astype(np.float32)
        for chunk in frame_chunks(run, range(0, run.n_frames, stride))
    ])  # fmt: skip
    return vectors_A / np.linalg.norm(vectors_A, axis=-1, keepdims=True)


def orientation_correlation(bonds: np.ndarray, *, lags: int) -> tuple[np.ndarray, np.ndarray]:
    """C₁(t) = ⟨u(0)·u(t)⟩ and C₂(t) = ⟨(3 (u(0)·u(t))² − 1)/2⟩ over bonds and origins, (lags,) each.

    With (u·u')² = Σ_ab (u_a u_b)(u'_a u'_b), both are sums of autocorrelations. Free rotational diffusion with D_r
    gives exp(−2 D_r t) and exp(−6 D_r t).

    Args:
        bonds: unit vectors, (frames, bonds, 3).
        lags: number of lags, from 0.
    """
    count = bonds.shape[1]
    first = autocorrelation(bonds, lags=lags) / count
    products = (np.sqrt(weight) * bonds[:, :, a].astype(float) * bonds[:, :, b].astype(float) for a, b, weight in PAIRS)
    squares = sum(autocorrelation(each, lags=lags) for each in products) / count
    return first, 1.5 * squares - 0.5


def decay_time(times: np.ndarray, correlation: np.ndarray) -> float | None:
    """Time at which a correlation that starts at 1 falls to 1/e, interpolated; None where it does not.

    Args:
        times: ascending, (lags,).
        correlation: (lags,).
    """
    below = np.flatnonzero(correlation <= np.exp(-1))
    if not len(below):
        return None
    after = int(below[0])
    if after == 0:
        return float(times[0])
    share = (correlation[after - 1] - np.exp(-1)) / (correlation[after - 1] - correlation[after])
    return float(times[after - 1] + share * (times[after] - times[after - 1]))
