"""How many generations and labels a potential is expected to need: its held-out error, extrapolated along its curve.

The error falls as a power of the labels per composition, ε ∝ n^−β. Finished generations of a potential give its curve.
After a single one, β is the median of those of the sweep; before any, the curve is the mean of the others'. Where the
sweep has no curve, the one measured with small models holds. A potential is expected to converge with the first
generation whose error meets `learning.convergence.force_rmse_meV_A`; uncertain frames and diffusion, which no curve
foretells, are then expected to meet theirs, but not before they can be judged. Generations that label fewer frames than
they may, because few are uncertain, go on to do so.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import exp, log
from pathlib import Path
from statistics import fmean, linear_regression, median
from typing import NamedTuple

from saltflow.base.provenance import read_json
from saltflow.campaign.assessment_state import has_converged
from saltflow.campaign.campaign import Campaign
from saltflow.operations.plan.dag import Dag


class LearningCurve(NamedTuple):
    """ε = error × (n/labels)^−exponent, with n the labels per composition."""

    labels: float
    error_meV_A: float
    exponent: float

    def error_at(self, labels: float) -> float:
        """The held-out force error in meV/Å after so many labels per composition, more than none."""
        return self.error_meV_A * (labels / self.labels) ** -self.exponent


# Means of the selection's curves of LiAlCl2.5O0.75 and 2LiCl-ZrCl4 from 4 to 32 labels: 302 to 228 and 255 to 183
# meV/Å, by models of 16 channels that know other compositions (benchmarks/learning, docs/benchmarks.md).
SMALL_MODELS = LearningCurve(labels=32, error_meV_A=204.0, exponent=0.147)


@dataclass(frozen=True)
class LearningOutlook:
    """What a potential is expected to need.

    last_generation: the first to converge, or the last of the settings. labels: expected ones, with those that are
    there. most_labels: of all generations, as many as each may ask for. basis: what the expectation comes from.
    """

    last_generation: int
    labels: float
    most_labels: int
    basis: str


@dataclass(frozen=True)
class _Finished:
    """A finished generation: labels per composition so far, held-out force error, frames that it asked labels for."""

    labels: float
    error_meV_A: float
    asked: int


class ExpectedLearning:
    """The outlooks of the trained potentials of a sweep.

    Args:
        campaign: what is to be done. dag: its jobs, done and due.
    """

    def __init__(self, campaign: Campaign, dag: Dag):
        self.campaign, self.dag = campaign, dag

    @cached_property
    def converged(self) -> Mapping[str, int]:
        """Potential → the first generation that has converged, of those that need no work."""
        found: dict[str, int] = {}
        for name in self.campaign.trained_potentials:
            for generation in self.campaign.potential(name).generations:
                path = self._assessment(name, generation)
                if path and has_converged(path):
                    found[name] = generation
                    break
        return found

    @cached_property
    def outlooks(self) -> Mapping[str, LearningOutlook]:
        """Potential → what it is expected to need."""
        return {name: self._outlook(name) for name in self.campaign.trained_potentials}

    def _outlook(self, name: str) -> LearningOutlook:
        potential, done = self.campaign.potential(name), self._finished[name]
        share = self._labelled_share
        labels = float(sum(each.asked for each in done))
        per_composition = done[-1].labels if done else 0.0
        last = potential.generations[-1]
        for generation in potential.generations:
            if generation >= len(done):
                asked = share * potential.frames_to_label(generation)
                labels += asked
                per_composition += asked / len(potential.compositions)
            if self.converged.get(name) == generation or (
                name not in self.converged
                and generation >= max(len(done), self._first_judged(name))
                and self._curve(name).error_at(per_composition) <= _wanted(potential.learning)
            ):
                last = generation
                break
        most = sum(map(potential.frames_to_label, potential.generations))
        return LearningOutlook(last, labels, most, self._basis)

    def _first_judged(self, name: str) -> int:
        """The first generation that can converge: frames are explored from 1 on, their diffusion compared from 2 on."""
        convergence = self.campaign.potential(name).learning["convergence"]
        if convergence["diffusion"] is not None:
            return 2
        return 1 if convergence["max_uncertain_fraction"] < 1 else 0

    def _curve(self, name: str) -> LearningCurve:
        if own := self._finished[name]:
            exponent = _exponent(own)
            return LearningCurve(own[-1].labels, own[-1].error_meV_A, self._usual if exponent is None else exponent)
        others = [self._curve(other) for other, done in self._finished.items() if done]
        if not others:
            return SMALL_MODELS
        labels = exp(fmean(log(each.labels) for each in others))
        error_meV_A = exp(fmean(log(each.error_at(labels)) for each in others))
        return LearningCurve(labels, error_meV_A, fmean(each.exponent for each in others))

    @cached_property
    def _usual(self) -> float:
        """The median exponent of the curves of this sweep; that of small models where there is none."""
        found = [exponent for done in self._finished.values() if (exponent := _exponent(done)) is not None]
        return median(found) if found else SMALL_MODELS.exponent

    @cached_property
    def _labelled_share(self) -> float:
        """Frames that finished generations asked labels for over the most that they could have."""
        asked = most = 0
        for name, done in self._finished.items():
            asked += sum(each.asked for each in done)
            most += sum(self.campaign.potential(name).frames_to_label(number) for number in range(len(done)))
        return min(1.0, asked / most) if asked else 1.0

    @cached_property
    def _basis(self) -> str:
        number = sum(map(len, self._finished.values()))
        if not number:
            return "learning curves of small models"
        return "1 finished generation of this sweep" if number == 1 else f"{number} finished generations of this sweep"

    @cached_property
    def _finished(self) -> Mapping[str, Sequence[_Finished]]:
        """Potential → its finished generations, from the first on, up to the one that has converged."""
        return {name: self._finished_of(name) for name in self.campaign.trained_potentials}

    def _finished_of(self, name: str) -> list[_Finished]:
        potential, labels = self.campaign.potential(name), 0
        found: list[_Finished] = []
        for number in potential.generations[: self.converged.get(name, potential.generations[-1]) + 1]:
            statuses = _statuses(self.dag.directory / potential.generation(number).ledger)
            labels += statuses.count("ok")
            path = self._assessment(name, number)
            error_meV_A = read_json(path)["criteria"]["force_rmse_meV_A"]["value"] if path and labels else None
            if not error_meV_A:
                break
            found.append(_Finished(labels / len(potential.compositions), error_meV_A, len(statuses)))
        return found

    def _assessment(self, name: str, generation: int) -> Path | None:
        """The assessment of a generation; None where it is due or not there."""
        path = self.campaign.potential(name).generation(generation).assessment
        return self.dag.directory / path if path in self._up_to_date and (self.dag.directory / path).is_file() else None

    @cached_property
    def _up_to_date(self) -> set[str]:
        return {path for job in self.dag.jobs if not job.due for path in job.outputs}


def _exponent(done: Sequence[_Finished]) -> float | None:
    """Least squares in logarithms; None where one generation, or one number of labels, gives no slope."""
    if len({each.labels for each in done}) < 2:
        return None
    labels, errors = ([log(getattr(each, name)) for each in done] for name in ("labels", "error_meV_A"))
    return max(0.0, -linear_regression(labels, errors).slope)


def _wanted(learning: Mapping) -> float:
    return learning["convergence"]["force_rmse_meV_A"]


def _statuses(ledger: Path) -> list[str]:
    """What became of each frame of a generation; empty without its ledger."""
    try:
        with ledger.open() as handle:
            return [row["status"] for row in csv.DictReader(handle, delimiter="\t")]
    except (OSError, KeyError):
        return []
