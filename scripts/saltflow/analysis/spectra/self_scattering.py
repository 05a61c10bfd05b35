"""Self part F_s(q, t) of the mobile ion, at lags that are dense where they are short."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from saltflow.statistics.estimate import Estimate
from saltflow.statistics.jackknife import DYNAMICS_SIGNIFICANCE, combine_replicates, jackknife_variance
from saltflow.statistics.lags_and_origins import LagSchedule, graded_lags, spaced_origins
from saltflow.trajectory.chunks import frame_chunks, framework_weights
from saltflow.trajectory.memory import TrajectoryReader

ORIGINS = 200
EVERY_LAG_UP_TO, LAGS_PER_DECADE = 20, 20


@dataclass(frozen=True)
class SelfScattering:
    """F_s of the ions of one replica.

    Args:
        lags: in frames, from 0, (lags,).
        values: mean over origins and wave vectors, (ions, lengths, lags).
    """

    lags: np.ndarray
    values: np.ndarray


def self_scattering(
    run: TrajectoryReader, *, mobile_ion: str, wave_vectors_1_A: Sequence[np.ndarray], longest: int
) -> SelfScattering:
    """F_s(q, t) = ⟨cos q·(r(t) − r(0))⟩ of every mobile ion, in the framework's frame and the mean cell.

    Args:
        run: equally spaced frames.
        mobile_ion: the element.
        wave_vectors_1_A: of each length of q, (vectors, 3).
        longest: longest lag in frames.
    """
    lags = graded_lags(longest, every_up_to=EVERY_LAG_UP_TO, per_decade=LAGS_PER_DECADE)
    ions = np.flatnonzero(np.array(run.symbols) == mobile_ion)
    schedule = LagSchedule(spaced_origins(run.n_frames, wanted=ORIGINS), lags)
    origins, sums = np.zeros(len(lags)), np.zeros((len(wave_vectors_1_A), len(lags), len(ions)))
    breathes = np.ptp(run.cells_A, axis=0).max() > 0.0
    starts_A: dict[int, np.ndarray] = {}
    for chunk in frame_chunks(
        run, range(run.n_frames), basis_A=run.cells_A.mean(axis=0) if breathes else None,
        drift_weights=framework_weights(run, mobile_ion),
    ):  # fmt: skip
        for row, positions_A in enumerate(chunk.coordinates):
            for origin, lag in zip(*(each.tolist() for each in schedule.at(chunk.start + row)), strict=True):
                if lags[lag] == 0:
                    starts_A[origin] = positions_A[ions]
                moves_A = positions_A[ions] - starts_A[origin]
                origins[lag] += 1
                for length, vectors_1_A in enumerate(wave_vectors_1_A):
                    sums[length, lag] += np.cos(moves_A @ vectors_1_A.T).mean(axis=1)
                if lags[lag] == longest:
                    del starts_A[origin]
    return SelfScattering(lags, np.moveaxis(sums / origins[:, None], -1, 0))


def mean_self_scattering(replicas: Sequence[SelfScattering]) -> Estimate:
    """F_s over all ions of all replicas, (lengths, lags), with the larger error of ions and of replicas."""
    of_ions = np.concatenate([each.values for each in replicas])
    of_replicas = np.array([each.values.mean(axis=0) for each in replicas])
    return combine_replicates(
        of_ions.mean(axis=0), None, _without_each(of_replicas), significance=DYNAMICS_SIGNIFICANCE,
        floor=jackknife_variance(_without_each(of_ions)) if len(of_ions) > 1 else np.full(of_ions.shape[1:], np.nan),
    )  # fmt: skip


def _without_each(values: np.ndarray) -> np.ndarray | None:
    """Means without each row in turn; None for one row."""
    count = len(values)
    return (values.sum(axis=0) - values) / (count - 1) if count > 1 else None
