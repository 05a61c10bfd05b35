"""Whether a production run is long enough: judged while it goes on, by the estimates of the transport analysis.

A run is known when, at two looks in a row, its window is diffusive and the relative errors of D of the mobile ion and
of σ_E are at most those wanted. The second look confirms the first: an error that is small by chance ends no run. A run
that is not diffusive ends early when, at two looks in a row, it would need more than the longest run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from typing import Protocol

from saltflow.analysis.transport.conductivity import CM2_S_PER_A2_PS
from saltflow.analysis.transport.measurement import Measurement, measure
from saltflow.analysis.transport.windows import SMALLEST_RATIO
from saltflow.campaign.production_end import wanted_errors
from saltflow.statistics.estimate import Estimate, finite
from saltflow.statistics.needed_windows import DECORRELATION_PER_LAG, needed_windows
from saltflow.trajectory.memory import TrajectoryReader

KNOWN, NOT_DIFFUSIVE = "known", "not diffusive"
OF_ERRORS = ("D_relative_error", "sigma_E_relative_error")
# The need of a run that is not diffusive yet is that of a D so many errors above its estimate: it ends on no accident.
OPTIMISM = 2.0


class StatePointParams(Protocol):
    """Parameters of a job that runs a state point: identity, `dynamics`, and `CompositionView.judged_window`."""

    composition: Mapping
    dynamics: Mapping
    window: Mapping | None


@dataclass(frozen=True)
class RunLength:
    """The judge of a production run (`saltflow.dynamics.looks.Judge`).

    Args:
        charges: formal charge of each element in e.
        mobile_ion: element whose D is wanted.
        temperature_K: of the state point.
        window: frame, alpha_min, alpha_max, msd_min_A2 and max_lag_fraction of `measure`.
        D_relative_error, sigma_E_relative_error: largest ones of a run that is known.
        longest_ps: length at which the run ends in any case.
    """

    charges: Mapping[str, float]
    mobile_ion: str
    temperature_K: float
    window: Mapping
    D_relative_error: float
    sigma_E_relative_error: float
    longest_ps: float

    @classmethod
    def requested(cls, params: StatePointParams, *, temperature_K: float) -> "RunLength | None":
        """The judge of a state point; None where the length is fixed.

        Args:
            params: of its job.
            temperature_K: of the state point.
        """
        if params.window is None:
            return None
        production, composition = params.dynamics["production"], params.composition
        return cls(
            composition["oxidation_states"],
            composition["mobile_ion"],
            temperature_K,
            params.window,
            *wanted_errors(production["until_known"], temperature_K),
            production["duration_ps"],
        )

    def __call__(self, runs: Sequence[TrajectoryReader], earlier: Sequence[Mapping]) -> dict:
        """One row of the table of looks: length, errors, the length that is needed, and why the run ends, or None.

        Args:
            runs: the frames so far, one per replica.
            earlier: rows of the looks before.

        Raises:
            SaltflowError: as `measure`.
        """
        measured = measure(
            runs, charges=self.charges, mobile_ion=self.mobile_ion, temperature_K=self.temperature_K, **self.window
        )
        estimates = measured.estimates({})
        D = _of(estimates["D_cm2_s"], (measured.system.mobile,))
        sigma = _of(estimates["sigma_E_mS_cm"], ())
        errors = (_relative(*D), _relative(*sigma))
        needed_ps = self._needed_ps(measured, D, errors)
        row = {
            "length_ps": _length_ps(measured),
            "status": "ok" if measured.window.diffusive else NOT_DIFFUSIVE,
            "alpha": finite(measured.window.alpha),
            "D_relative_error": finite(errors[0]),
            "sigma_E_relative_error": finite(errors[1]),
            "needed_ps": finite(needed_ps),
            "verdict": self._verdict(needed_ps, errors, diffusive=measured.window.diffusive),
        }
        return row | {"stopped_because": _confirmed(row, earlier)}

    def again(self, rows: Sequence[Mapping]) -> list[dict]:
        """Rows of an earlier run that another judge has taken, by these errors; only the last one can end the run."""
        judged = []
        for row in rows:
            if "verdict" in row:
                errors = tuple(inf if row[name] is None else row[name] for name in OF_ERRORS)
                needed_ps = inf if row["needed_ps"] is None else row["needed_ps"]
                row = row | {"verdict": self._verdict(needed_ps, errors, diffusive=row["status"] == "ok")}
            judged.append(row | {"stopped_because": None})
        if judged and "verdict" in judged[-1]:
            judged[-1]["stopped_because"] = _confirmed(judged[-1], judged[:-1])
        return judged

    def _verdict(self, needed_ps: float, errors: tuple[float, float], *, diffusive: bool) -> str | None:
        """What would end the run if the next look confirms it."""
        if not diffusive:
            return NOT_DIFFUSIVE if needed_ps > self.longest_ps else None
        return KNOWN if errors[0] <= self.D_relative_error and errors[1] <= self.sigma_E_relative_error else None

    def _needed_ps(self, measured: Measurement, D: tuple[float, float], errors: tuple[float, float]) -> float:
        """Length at which the run would be known; of a run that is not diffusive the least that it can be."""
        if measured.window.diffusive:
            excess = max(errors[0] / self.D_relative_error, errors[1] / self.sigma_E_relative_error, 1.0)
            return _length_ps(measured) * excess**2
        start_ps = self._diffusive_from_ps(measured, *D)
        windows = max(
            needed_windows(self.sigma_E_relative_error),
            needed_windows(self.D_relative_error) / measured.system.counts[measured.system.mobile],
        )
        for_errors_ps = DECORRELATION_PER_LAG * start_ps * windows / measured.system.n_replicas
        for_window_ps = SMALLEST_RATIO * start_ps / self.window["max_lag_fraction"]
        return max(for_window_ps, for_errors_ps, _length_ps(measured))

    def _diffusive_from_ps(self, measured: Measurement, value: float, error: float) -> float:
        """Lag from which a motion MSD = c + 6Dt, as the longest lags show it, meets the rule of the window.

        α = 6Dt/(c + 6Dt) reaches α_min at 6Dt = c α_min/(1 − α_min).
        """
        slope_A2_ps, fastest_A2_ps = (6 * each / CM2_S_PER_A2_PS for each in (value, value + OPTIMISM * error))
        if not fastest_A2_ps > 0:
            return inf
        msd_A2 = measured.msd_end_A2[measured.system.mobile]
        caged_A2 = max(0.0, msd_A2 - max(slope_A2_ps, 0.0) * measured.window.end_ps)
        alpha_min = self.window["alpha_min"]
        until_alpha_A2 = caged_A2 * alpha_min / (1 - alpha_min) if alpha_min < 1 else inf
        return max(self.window["msd_min_A2"] - caged_A2, until_alpha_A2, 0.0) / fastest_A2_ps


def _confirmed(row: Mapping, earlier: Sequence[Mapping]) -> str | None:
    """Why a run ends at a look: what the look before has found too."""
    return row["verdict"] if earlier and earlier[-1].get("verdict") == row["verdict"] else None


def _length_ps(measured: Measurement) -> float:
    return measured.system.longest_run * measured.system.interval_ps


def _of(estimate: Estimate, index: tuple[int, ...]) -> tuple[float, float]:
    return float(estimate.value[index]), float(estimate.error[index])


def _relative(value: float, error: float) -> float:
    """The relative error; infinite where a value is undefined or not positive."""
    return error / value if value > 0 and isfinite(error) else inf
