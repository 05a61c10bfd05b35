"""Displacement curves of one state point, their fit window, and estimates with errors from blocks of time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Literal

import numpy as np

from saltflow.analysis.transport.blocks import displacement_blocks
from saltflow.analysis.transport.brownian import Sampling, brownian_variances, ratio_widening, small_sample_widening
from saltflow.analysis.transport.clusters import CLUSTER_QUANTITIES, ClusterKey, ClusterStatistics, cluster_quantities
from saltflow.analysis.transport.conductivity import ratio, single_ion_sums, transport_quantities
from saltflow.analysis.transport.displacements import Displacements, available_lags
from saltflow.analysis.transport.ions import IonSlopes, ion_slopes
from saltflow.analysis.transport.msd import displacement_curves
from saltflow.analysis.transport.windows import FitWindow, find_window, logarithmic_lags, power_law_exponent
from saltflow.base.errors import SaltflowError
from saltflow.statistics.estimate import Estimate
from saltflow.statistics.jackknife import estimate_with_errors, mean_and_error
from saltflow.trajectory.memory import TrajectoryReader
from saltflow.trajectory.segments import System, prepare_system

# Blocks several decorrelation times long are nearly independent.
DECORRELATIONS_PER_BLOCK = 3
# Quadratic in displacements: a low value comes with a low error.
SINGLE_ION = ("D_cm2_s", "sigma_NE_mS_cm", "sigma_NE_mobile_mS_cm", "onsager_self_per_eV_cm_s")
LARGEST_SHAPE = 1e6
PAIRS = ("sigma_ab_mS_cm", "onsager_ab_per_eV_cm_s")


@dataclass(frozen=True)
class Measurement:
    """Displacements of one state point, from which all quantities are derived.

    Args:
        system: species, charges, cell and segments.
        frame: reference frame of the single-ion quantities.
        lags: logarithmic grid of lags in frames, (lags,).
        msd_A2: MSD of each species there, (lags, species).
        all_lags: every available lag, (all lags,).
        all_msd_A2: MSD of each species there, (all lags, species).
        window: the lags that are fitted.
        blocks: displacements at the lags of the window, per block of time.
        replicas: replica of each block, (blocks,).
        block_ps: length of a block.
        ions: displacement tensors of single ions.
    """

    system: System
    frame: str
    lags: np.ndarray
    msd_A2: np.ndarray
    all_lags: np.ndarray
    all_msd_A2: np.ndarray
    window: FitWindow
    blocks: Displacements
    replicas: np.ndarray
    block_ps: float
    ions: IonSlopes

    @property
    def n_windows(self) -> float:
        """Number of independent fit windows in the data."""
        frames = sum(segment.n_frames for segment in self.system.segments)
        return frames * self.system.interval_ps / self.window.decorrelation_ps

    @property
    def msd_end_A2(self) -> np.ndarray:
        """MSD of each species at the end of the window, (species,)."""
        return self.msd_A2[np.searchsorted(self.lags, self.window.lags[-1])]

    def alphas(self) -> list[float]:
        """dlnMSD/dlnt of each species over the window; nan for a species that does not move."""
        window, interval_ps = self.window, self.system.interval_ps
        inside = (self.lags >= window.lags[0]) & (self.lags * interval_ps <= window.end_ps * (1 + 1e-9))
        return [power_law_exponent(self.lags[inside] * interval_ps, curve[inside]) for curve in self.msd_A2.T]

    def quantities(self, sums: Displacements) -> Mapping[str, np.ndarray]:
        """Every quantity of `transport_quantities` from sums at the lags of the window."""
        return transport_quantities(self.system, frame=self.frame, **self._slopes(sums))

    def estimates(self, clusters: Mapping[ClusterKey, ClusterStatistics]) -> dict[str, Estimate]:
        """Every quantity of `transport_quantities` and `cluster_quantities` with its error.

        Args:
            clusters: of each decomposition and shift of the cut-offs; may be empty.
        """
        mean = partial(self._derived, {key: found.currents.mean(axis=0) for key, found in clusters.items()})
        total = self._slopes(self.blocks.total())
        floor = brownian_variances(mean, sampling=self.sampling, **total)
        floor = self._widened(floor, mean(**total), total["collective_slopes"])
        estimates = estimate_with_errors(self.blocks, self.replicas, lambda sums: mean(**self._slopes(sums)), floor)
        by_replica = [
            self._derived({key: found.currents[replica] for key, found in clusters.items()}, **total)
            for replica in range(self.system.n_replicas)
        ]
        return estimates | {
            name: _with_replica_variation(estimates[name], np.array([one[name] for one in by_replica]))
            for name in estimates
            if name.startswith(CLUSTER_QUANTITIES)
        }

    @cached_property
    def sampling(self) -> Sampling:
        """What the error of independent ions depends on."""
        system, window, slopes = self.system, self.window, np.trace(self.ions.sums, axis1=1, axis2=2)
        carried = system.charges**2
        dimensions = self.ions.dimensions(carried if carried @ slopes > 0 else np.ones_like(carried))
        accepted = np.ones_like(carried)
        if window.diffusive:
            relative = self.ions.sampling_variances[system.mobile] / slopes[system.mobile] ** 2
            accepted[system.mobile] = window.narrowing.factor(relative)
        to_frame = np.eye(len(carried))
        if system.collective_frame == "barycentric":
            to_frame = to_frame - np.outer(system.counts, system.centre_weights)
        return Sampling(self.ions, system.counts, self.n_windows, dimensions, accepted, to_frame)

    def _widened(
        self, variances: Mapping[str, np.ndarray], values: Mapping[str, np.ndarray], collective_slopes: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Variances of independent ions, with what few windows add."""
        whole = small_sample_widening(self.sampling.shape) ** 2
        own = np.diag(collective_slopes)
        correlation2 = ratio(collective_slopes**2, np.outer(own, own), undefined=0.0)
        factors = {"sigma_E_mS_cm": whole, "transference_E": ratio_widening(self.sampling.shape) ** 2}
        factors |= {name: 1 + (whole - 1) * np.clip(correlation2, 0.0, 1.0) for name in PAIRS}
        for name in SINGLE_ION:
            shapes = ratio(values[name] ** 2, variances[name], undefined=LARGEST_SHAPE)
            factors[name] = small_sample_widening(np.minimum(shapes, LARGEST_SHAPE)) ** 2
        return {name: each * factors.get(name, 1.0) for name, each in variances.items()}

    def _slopes(self, sums: Displacements) -> dict[str, np.ndarray]:
        squared, collective = sums.means()
        return {
            "self_slopes": np.einsum("...la,l->...a", squared, self.window.slope_weights),
            "collective_slopes": np.einsum("...lab,l->...ab", collective, self.window.slope_weights),
        }

    def _derived(self, currents: Mapping[ClusterKey, np.ndarray], **slopes: np.ndarray) -> dict[str, np.ndarray]:
        known = transport_quantities(self.system, frame=self.frame, **slopes)
        return known | cluster_quantities(
            currents, known["D_cm2_s"], volume_A3=self.system.volume_A3, temperature_K=self.system.temperature_K
        )


def measure(
    trajectories: Sequence[TrajectoryReader],
    *,
    charges: Mapping[str, float],
    mobile_ion: str,
    temperature_K: float,
    frame: Literal["barycentric", "framework"],
    alpha_min: float,
    alpha_max: float,
    msd_min_A2: float,
    max_lag_fraction: float,
) -> Measurement:
    """Find the fit window of one state point and the displacements in it; arguments as in `analyse_transport`.

    Raises:
        SaltflowError: as `analyse_transport`.
    """
    if frame not in ("barycentric", "framework"):
        raise SaltflowError(f"The reference frame is 'barycentric' or 'framework', not {frame!r}.")
    system = prepare_system(trajectories, charges=charges, mobile_ion=mobile_ion, temperature_K=temperature_K)
    all_lags, all_msd_A2 = _msd_curves(system, frame)
    lags = available_lags(logarithmic_lags(1, system.longest_run - 1), longest_run=system.longest_run)
    msd_A2 = all_msd_A2[np.searchsorted(all_lags, lags)]
    window = find_window(
        lags, msd_A2[:, system.mobile], interval_ps=system.interval_ps, run_frames=system.longest_run,
        alpha_min=alpha_min, alpha_max=alpha_max, msd_min_A2=msd_min_A2, max_lag_fraction=max_lag_fraction,
    )  # fmt: skip
    block_frames = max(1, round(DECORRELATIONS_PER_BLOCK * window.decorrelation_ps / system.interval_ps))
    blocks, replicas = displacement_blocks(system, window.lags, block_frames=block_frames)
    block_ps = block_frames * system.interval_ps
    ions = ion_slopes(system, window, frame=frame)
    return Measurement(system, frame, lags, msd_A2, all_lags, all_msd_A2, window, blocks, replicas, block_ps, ions)


def _msd_curves(system: System, frame: str) -> tuple[np.ndarray, np.ndarray]:
    """Every lag in frames and the MSD of each species there, (lags, species)."""
    lags = available_lags(np.arange(1, system.longest_run), longest_run=system.longest_run)
    squared, collective = displacement_curves(system, lags).means()
    sums = single_ion_sums(system, squared, collective, frame=frame)
    # For atoms that do not move, the difference of large sums leaves rounding around zero.
    return lags, np.maximum(sums, 0.0) / system.counts


def _with_replica_variation(estimate: Estimate, values: np.ndarray) -> Estimate:
    """An estimate whose error includes the standard error over replicas of values, (replicas, ...)."""
    if len(values) < 2:
        return estimate
    return replace(estimate, error=np.hypot(estimate.error, mean_and_error(values)[1]))
