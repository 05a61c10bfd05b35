"""Residence times of every class of a shell, with errors, from the sums of the recorders."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from saltflow.analysis.residence.correlation_recorder import COARSE, CorrelationPlan
from saltflow.analysis.residence.lifetimes import (
    DecayRange,
    decay_range,
    integral_ps,
    stretched_fit,
    stretched_mean_ps,
    without_sampling_bias,
)
from saltflow.analysis.residence.names import BETA, CURVE, INTERMITTENT, STRETCHED, TAU, UNCORRECTED, continuous_name
from saltflow.statistics.blocked_sums import BlockedSums
from saltflow.statistics.estimate import Estimate
from saltflow.statistics.jackknife import estimate_with_errors

# Blocks several residence times long are nearly independent.
RESIDENCES_PER_BLOCK = 3
FEWEST_FOLLOWED = 10  # pairs behind a value of a curve


@dataclass(frozen=True)
class ShellSums:
    """Sums of the recorders of all segments around one kind of centre.

    Args:
        plan: lags and origins.
        blocks: sums per block of time.
        replicas: replica of each block, (blocks,).
        segments: segment of each block, (blocks,).
        durations_ps: of each block's segment, (blocks,).
    """

    plan: CorrelationPlan
    blocks: BlockedSums
    replicas: np.ndarray
    segments: np.ndarray
    durations_ps: np.ndarray

    @property
    def functions(self) -> tuple[str, ...]:
        """The functions that are reported."""
        return (*(continuous_name(absence_ps) for absence_ps in self.plan.absences_ps), INTERMITTENT)

    @cached_property
    def ranges(self) -> dict[str, DecayRange]:
        """Lags that are used, from all data together."""
        total = self.blocks.total()
        return {
            name: decay_range(
                curves(total, name), _with_all(total[f"{name}/followed"], axis=-2), fewest=FEWEST_FOLLOWED
            )
            for name in (*self.plan.continuous, INTERMITTENT)
        }

    def quantities(self, sums: BlockedSums) -> dict[str, np.ndarray]:
        """ "function|quantity" → values of all classes and of all together, (..., classes + 1); curves with lags."""
        found = {}
        for name in self.functions:
            curve = curves(sums, name)
            integral, stretched, beta, _ = self._times_ps(curve, name)
            found |= {f"{name}|{TAU}": integral, f"{name}|{STRETCHED}": stretched, f"{name}|{BETA}": beta}
            found[f"{name}|{CURVE}"] = curve
            if name == continuous_name(0.0):
                coarse, coarse_stretched, _, _ = self._times_ps(curves(sums, name + COARSE), name + COARSE)
                found[f"{name}|{UNCORRECTED}"] = integral
                found[f"{name}|{TAU}"] = without_sampling_bias(integral, coarse)
                found[f"{name}|{STRETCHED}"] = without_sampling_bias(stretched, coarse_stretched)
        return found | _relabelling(sums)

    def tail_fractions(self) -> dict[str, np.ndarray]:
        """Fraction of each integral that is extrapolated by the stretched fit, (classes + 1,)."""
        total = self.blocks.total()
        return {name: self._times_ps(curves(total, name), name)[3] for name in self.functions}

    def departures(self) -> dict[str, np.ndarray]:
        """Observed departures per function, (classes + 1,); intermittent: those of the longest absence."""
        total = self.blocks.total()
        counted = {name: _with_all(total[f"{name}/departures"], axis=-1) for name in self.functions[:-1]}
        longest = continuous_name(max(self.plan.absences_ps))
        return counted | {INTERMITTENT: counted[longest]}

    def estimates(self) -> dict[str, Estimate]:
        """Every quantity with its error, never below the counting error of independent departures."""
        value, departures = self.quantities(self.blocks.total()), self.departures()
        floors = {name: np.zeros(np.shape(each)) for name, each in value.items()}
        for name, each in value.items():
            function, _, quantity = name.partition("|")
            if quantity in (TAU, STRETCHED, UNCORRECTED):
                # Intermittent residence depends on arrivals as well, as many as departures in equilibrium.
                events = departures[function] * (2 if function == INTERMITTENT else 1)
                floors[name] = each**2 / np.maximum(events, 1)
        blocks, replicas = self._long_blocks(value)
        with np.errstate(all="ignore"):
            return estimate_with_errors(blocks, replicas, self.quantities, floors)

    def by_replica(self) -> dict[str, np.ndarray]:
        """Every quantity of each replica, replicas on the first axis."""
        with np.errstate(all="ignore"):
            return self.quantities(self.blocks.grouped_by(self.replicas))

    def _times_ps(self, curve: np.ndarray, name: str) -> tuple[np.ndarray, ...]:
        """Integral, mean of the stretched fit, its β, extrapolated fraction."""
        times_ps, used = self.plan.times_ps(name), self.ranges[name]
        with np.errstate(all="ignore"):
            time_ps, beta = stretched_fit(times_ps, curve, used.fitted)
            integral, tail = integral_ps(times_ps, curve, used.end, time_ps=time_ps, beta=beta)
            return integral, stretched_mean_ps(time_ps, beta), beta, tail

    def _long_blocks(self, value: Mapping[str, np.ndarray]) -> tuple[BlockedSums, np.ndarray]:
        """Blocks merged until they are several residence times long, and their replicas."""
        longest_ps = np.nanmax([0.0, *value[f"{continuous_name(max(self.plan.absences_ps))}|{TAU}"]])
        labels = np.zeros(len(self.segments), dtype=int)
        for segment in np.unique(self.segments):
            here = np.flatnonzero(self.segments == segment)
            room = self.durations_ps[here[0]] / max(RESIDENCES_PER_BLOCK * longest_ps, 1e-12)
            parts = int(np.clip(room, 1, len(here)))
            labels[here] = labels.max() + 1 + np.arange(len(here)) * parts // len(here)
        _, first = np.unique(labels, return_index=True)
        return self.blocks.grouped_by(labels), self.replicas[first]


def curves(sums: BlockedSums, function: str) -> np.ndarray:
    """P(t), or C(t) without its plateau and scaled to begin at one, (..., classes + 1, lags)."""
    what = "returned" if function == INTERMITTENT else "survivors"
    counted, followed = (_with_all(sums[f"{function}/{name}"], axis=-2) for name in (what, "followed"))
    with np.errstate(divide="ignore", invalid="ignore"):
        curve = counted / followed
        if function != INTERMITTENT:
            return curve
        plateau = plateaus(sums)[..., None]
        return (curve - plateau) / (1 - plateau)


def plateaus(sums: BlockedSums) -> np.ndarray:
    """The random plateau of C(t), (..., classes + 1)."""
    chance, entries = (_with_all(sums[f"{INTERMITTENT}/{name}"], axis=-1) for name in ("plateau", "entries"))
    with np.errstate(divide="ignore", invalid="ignore"):
        return chance / entries


def _relabelling(sums: BlockedSums) -> dict[str, np.ndarray]:
    """Population of a class, ions around a centre, and the rate of class changes between origins."""
    names = ("centres", "neighbours", "labelled", "labelled_ps", "kept")
    counts = {name: _with_all(sums[f"labels/{name}"], axis=-1) for name in names}
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "labels|population": counts["centres"] / counts["centres"][..., -1:],
            "labels|ions_around": counts["neighbours"] / counts["centres"],
            "labels|relabelling_rate_per_ps": -np.log(counts["kept"] / counts["labelled"])
            * (counts["labelled"] / counts["labelled_ps"]),
        }


def _with_all(values: np.ndarray, *, axis: int) -> np.ndarray:
    """Values of the classes, followed by their sum."""
    return np.concatenate([values, values.sum(axis=axis, keepdims=True)], axis=axis)
