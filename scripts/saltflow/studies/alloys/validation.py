"""Validation of both predictions over divisions of the table and treatments of imbalance, with a shuffled control."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from saltflow.base.provenance import digest
from saltflow.studies.alloys.alloy_table import AlloyTable
from saltflow.studies.alloys.class_scores import average_precision_gain, score_classes
from saltflow.studies.alloys.composition_features import features_of
from saltflow.studies.alloys.diameter_scores import rmse_change, score_diameters
from saltflow.studies.alloys.forests import held_out_diameters, held_out_probabilities
from saltflow.studies.alloys.held_out_folds import AT_RANDOM, BY_SYSTEM, BY_TIME, folds_of, tested_rows
from saltflow.studies.alloys.training_weights import NONE, TREATMENTS
from saltflow.studies.kept_numbers import kept_numbers

SHUFFLED = "shuffled"
DIGITS = 4


@dataclass(frozen=True)
class Run:
    """Predictions of one division and treatment for the alloys that it tests.

    Attributes:
        division: of `folds_of`.
        treatment: of imbalance, or `SHUFFLED`.
        rows: of the table, (tested,).
        truth: classes or diameters, of the shuffled control the shuffled ones, (tested,).
        predicted: (tested, classes), or diameters in mm, (tested,).
    """

    division: str
    treatment: str
    rows: np.ndarray
    truth: np.ndarray
    predicted: np.ndarray


@dataclass(frozen=True)
class Question:
    """What is predicted.

    Attributes:
        name: of its files.
        truth: table → what is known, (alloys,).
        predict: as `held_out_probabilities`.
        score: as `score_classes`.
        compare: as `average_precision_gain`.
    """

    name: str
    truth: Callable[[AlloyTable], np.ndarray]
    predict: Callable[..., np.ndarray]
    score: Callable[..., dict]
    compare: Callable[..., dict]


CLASS_OF_ALLOY = Question(
    "classes", lambda table: table.classes, held_out_probabilities, score_classes, average_precision_gain
)
DIAMETER_OF_ALLOY = Question(
    "diameters", lambda table: table.diameters_mm, held_out_diameters, score_diameters, rmse_change
)


def validate(
    table: AlloyTable, question: Question, *, seed: int, folder: Path, say: Callable[[str], None]
) -> tuple[list[Run], dict[str, dict]]:
    """Predict held-out alloys and score the predictions; runs that the folder holds are not computed again.

    Args:
        table: alloys of which the answer is known.
        question: what is predicted.
        seed: of folds, models, the shuffled control and intervals.
        folder: for the predictions.
        say: tells of progress.

    Returns:
        runs, and division → treatment → scores, of treated ones with what they change (`over_none`).

    Raises:
        SaltflowError: there are too few alloys or systems.
    """
    runs = list(_runs(table, question, seed=seed, folder=folder, say=say))
    untreated = {run.division: run.predicted for run in runs if run.treatment == NONE}
    fractions, systems = table.fractions, table.systems
    scores: dict[str, dict] = {}
    for run in runs:
        mine = systems[run.rows]
        scored = question.score(
            run.truth, run.predicted, systems=mine, fractions=fractions[run.rows], elements=table.elements, seed=seed
        )
        if run.treatment not in (NONE, SHUFFLED):
            reference = untreated[run.division]
            scored["over_none"] = question.compare(run.truth, run.predicted, reference, systems=mine, seed=seed)
        scores.setdefault(run.division, {})[run.treatment] = scored
    return runs, scores


def _runs(
    table: AlloyTable, question: Question, *, seed: int, folder: Path, say: Callable[[str], None]
) -> Iterator[Run]:
    truth, fractions = question.truth(table), table.fractions
    features = features_of(fractions, table.elements)
    divisions = [BY_SYSTEM, AT_RANDOM, *([BY_TIME] if np.any(table.dates != "") else [])]
    shuffled = np.random.default_rng(seed).permutation(truth)
    data = digest([[alloy.formula for alloy in table.alloys], table.dates.tolist()])
    for division in divisions:
        folds = folds_of(division, systems=table.systems, dates=table.dates, seed=seed)
        rows = tested_rows(folds)
        for treatment in (*TREATMENTS, *([SHUFFLED] if division == BY_SYSTEM else [])):
            target = shuffled if treatment == SHUFFLED else truth
            used = NONE if treatment == SHUFFLED else treatment
            make = partial(question.predict, features, target, fractions, folds, treatment=used, seed=seed)
            kept = kept_numbers(
                folder / f"{question.name}_{division}_{treatment}.json",
                lambda make=make, rows=rows: {"predicted": make()[rows].round(DIGITS).tolist()},
                key=digest([data, target.tolist(), division, used, seed]),
            )
            say(f"{question.name}, held out by {division}, imbalance {treatment}: predicted.")
            yield Run(division, treatment, rows, target[rows], np.array(kept["predicted"]))
