"""Coherent S(q, ω), and wave vectors of a cell; the only user of dynasor."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from saltflow.trajectory.chunks import frame_chunks
from saltflow.trajectory.memory import TrajectoryReader

MOBILE, FRAMEWORK = "mobile", "framework"
FEWEST_FRAMES = 64
# More origins of time add little.
MOST_WINDOWS = 100
POINTS_PER_Q = 8


@dataclass(frozen=True)
class CoherentScattering:
    """S(q, ω) per atom of the cell, averaged over directions of q.

    Args:
        q_1_A: centres of the shells, (shells,).
        frequencies_THz: (frequencies,).
        total: all atoms with equal weights, (shells, frequencies), in ps; nan in shells without a q.
        mobile: the part of pairs of mobile ions.
    """

    q_1_A: np.ndarray
    frequencies_THz: np.ndarray
    total: np.ndarray
    mobile: np.ndarray


class _DynasorTrajectory:
    """Every stride-th frame of a trajectory, with the interface of dynasor."""

    has_positions, has_velocities, frame_step = True, False, 1

    def __init__(self, run: TrajectoryReader, groups: Mapping[str, np.ndarray], *, stride: int):
        self.cell = run.cells_A.mean(axis=0)
        self.atomic_indices = dict(groups)
        self.atom_types = sorted(groups)
        self.n_atoms = sum(map(len, groups.values()))
        self.number_of_frames_read = 0
        self._iterator = self._frames(run, stride)

    def __iter__(self) -> "_DynasorTrajectory":
        return self

    def __next__(self):
        frame = next(self._iterator)
        self.number_of_frames_read += 1
        return frame

    def _frames(self, run: TrajectoryReader, stride: int) -> Iterator:
        from dynasor.trajectory.trajectory_frame import TrajectoryFrame

        whole = range(0, run.n_frames, stride)
        # Of the whole cell, so that a drift of all atoms together scatters nothing.
        for chunk in frame_chunks(run, whole, basis_A=self.cell, drift_weights=run.masses_u / run.masses_u.sum()):
            for number, positions_A in enumerate(chunk.coordinates):
                yield TrajectoryFrame(self.atomic_indices, chunk.start + number, positions_A)


def coherent(
    run: TrajectoryReader, *, mobile_ion: str, stride: int, lags: int, q_max_per_A: float, q_points: int, shells: int
) -> CoherentScattering | None:
    """S(q, ω) of all atoms and of the mobile ions; None where the cell is too small for any q.

    Args:
        run: equally spaced frames of a cell that does not change.
        mobile_ion: element of the partial.
        stride: frames from one to the next.
        lags: longest lag in strides; it sets the resolution in ω.
        q_max_per_A: largest q.
        q_points: approximate number of lattice vectors.
        shells: number of shells of q.
    """
    from dynasor import compute_dynamic_structure_factors
    from dynasor.post_processing import get_spherically_averaged_sample_binned

    _prepare()
    frames = _DynasorTrajectory(run, _mobile_and_framework(run, mobile_ion), stride=stride)
    points = _lattice_vectors(frames.cell, q_max_per_A, most=q_points)
    if len(points) < 2:
        return None
    interval_fs = 1000 * stride * float(np.diff(run.times_ps[:2])[0])
    sample = compute_dynamic_structure_factors(
        frames, points, dt=interval_fs, window_size=lags, window_step=_window_step(run, stride, lags),
        logging_interval=0,
    )  # fmt: skip
    averaged = get_spherically_averaged_sample_binned(sample, num_q_bins=shells)
    # dynasor's S is the integral of F cos(ωt) over t in fs; its integral over ν = ω/2π is F(q, 0).
    return CoherentScattering(
        q_1_A=np.asarray(averaged.q_norms),
        frequencies_THz=np.asarray(averaged.omega) * 1000 / (2 * np.pi),
        total=np.asarray(averaged.Sqw_coh) / 1000,
        mobile=np.asarray(averaged[f"Sqw_coh_{MOBILE}_{MOBILE}"]) / 1000,
    )


def wave_vectors_1_A(cell_A: np.ndarray, lengths_1_A: Sequence[float]) -> list[np.ndarray]:
    """Lattice vectors of the cell near each given length, (vectors, 3).

    Args:
        cell_A: cell vectors as rows, (3, 3).
        lengths_1_A: wanted lengths.
    """
    points = _lattice_vectors(cell_A, 1.5 * max(lengths_1_A) + _spacing(cell_A), most=None)
    return [_nearest(points, length) for length in lengths_1_A]


def _prepare() -> None:
    """One thread, as jobs request; compiled kernels are cached; no messages of dynasor."""
    import numba
    from dynasor.core import rho_j_q_numba

    numba.set_num_threads(1)
    for kernel in vars(rho_j_q_numba).values():
        if isinstance(kernel, numba.core.dispatcher.Dispatcher):
            kernel.enable_caching()
    logging.getLogger("dynasor").setLevel(logging.ERROR)  # it warns of each shell without a lattice vector


def _mobile_and_framework(run: TrajectoryReader, mobile_ion: str) -> dict[str, np.ndarray]:
    mobile = np.array(run.symbols) == mobile_ion
    groups = {MOBILE: np.flatnonzero(mobile), FRAMEWORK: np.flatnonzero(~mobile)}
    return {name: atoms for name, atoms in groups.items() if len(atoms)}


def _window_step(run: TrajectoryReader, stride: int, lags: int) -> int:
    frames = -(-run.n_frames // stride)
    return max(1, (frames - lags) // MOST_WINDOWS)


def _spacing(cell_A: np.ndarray) -> float:
    """Length of the longest reciprocal lattice vector."""
    return float(2 * np.pi * np.linalg.norm(np.linalg.inv(cell_A), axis=0).max())


def _lattice_vectors(cell_A: np.ndarray, q_max_per_A: float, *, most: int | None) -> np.ndarray:
    from dynasor.qpoints import get_spherical_qpoints

    points = get_spherical_qpoints(cell_A, q_max_per_A, max_points=most)
    return points[np.linalg.norm(points, axis=1) > 1e-9]


def _nearest(points: np.ndarray, length: float) -> np.ndarray:
    """The lattice vectors of length nearest to a given one."""
    away = np.abs(np.linalg.norm(points, axis=1) - length)
    return points[np.argsort(away, kind="stable")[:POINTS_PER_Q]]
