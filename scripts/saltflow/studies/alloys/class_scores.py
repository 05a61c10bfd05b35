"""How well classes are told: precision and recall, calibration of probabilities, errors by element."""

from collections.abc import Sequence

import numpy as np

from saltflow.studies.alloys.alloy_table import BMG, CLASSES
from saltflow.studies.alloys.resampled_systems import interval

BINS = 10
FEWEST_ALLOYS = 20  # of an element whose error is given
BETTER, WORSE, NO_DIFFERENCE = "better", "worse", "no difference"


def score_classes(
    classes: np.ndarray,
    probabilities: np.ndarray,
    *,
    systems: np.ndarray,
    fractions: np.ndarray,
    elements: Sequence[str],
    seed: int,
) -> dict:
    """Scores of held-out probabilities.

    Args:
        classes: true ones, (alloys,).
        probabilities: (alloys, classes).
        systems: (alloys,).
        fractions: atomic, (alloys, elements).
        elements: symbols of the columns.
        seed: of the intervals.

    Returns:
        JSON-able: alloys, systems, balanced_accuracy (mean recall), log_loss; classes → alloys, prevalence,
        average_precision with its interval, above_chance (whether the interval lies above the prevalence), precision
        and recall of the likeliest class, calibration; elements → alloys and error rate; numbers_of_elements → alloys,
        prevalence and average precision of bulk glasses: where those have more elements than others, their number alone
        tells much, and within one number it tells nothing.
    """
    truth = np.array([CLASSES.index(name) for name in classes])
    told, glass = probabilities.argmax(axis=1), probabilities[:, CLASSES.index(BMG)]
    own = np.clip(probabilities[np.arange(len(truth)), truth], 1e-3, 1)  # a hundred trees know no smaller
    return {
        "alloys": len(classes),
        "systems": len(set(systems.tolist())),
        "balanced_accuracy": interval(lambda rows: _mean_recall(truth[rows], told[rows]), systems, seed=seed),
        "log_loss": float(-np.log(own).mean()),
        "classes": {
            name: _of_class(truth == index, told == index, probabilities[:, index], systems, seed)
            for index, name in enumerate(CLASSES)
            if np.any(truth == index)
        },
        "elements": _by_element(truth != told, fractions, elements),
        "numbers_of_elements": _by_number(classes == BMG, glass, (fractions > 0).sum(axis=1), systems, seed),
    }


def average_precision_gain(
    classes: np.ndarray, probabilities: np.ndarray, reference: np.ndarray, *, systems: np.ndarray, seed: int
) -> dict[str, dict]:
    """Gain of average precision over other probabilities for the same alloys: class → value, low, high, verdict.

    Args:
        classes, systems, seed: as of `score_classes`.
        probabilities, reference: (alloys, classes).
    """
    gains = {}
    for index, name in enumerate(CLASSES):
        mine = classes == name
        if mine.any():
            gain = interval(
                lambda rows, mine=mine, index=index: (
                    average_precision(mine[rows], probabilities[rows, index])
                    - average_precision(mine[rows], reference[rows, index])
                ),
                systems,
                seed=seed,
            )
            verdict = BETTER if gain["low"] > 0 else WORSE if gain["high"] < 0 else NO_DIFFERENCE
            gains[name] = gain | {"verdict": verdict}
    return gains


def _of_class(mine: np.ndarray, told: np.ndarray, probability: np.ndarray, systems: np.ndarray, seed: int) -> dict:
    prevalence = float(mine.mean())
    precision = interval(lambda rows: average_precision(mine[rows], probability[rows]), systems, seed=seed)
    right = np.count_nonzero(mine & told)
    return {
        "alloys": int(mine.sum()),
        "prevalence": prevalence,
        "average_precision": precision,
        "above_chance": bool(precision["low"] > prevalence),
        "precision": right / told.sum() if told.any() else None,
        "recall": right / mine.sum(),
        "calibration": _calibration(mine, probability),
    }


def average_precision(mine: np.ndarray, probability: np.ndarray) -> float:
    """Mean precision over the recalled members of a class, equal probabilities together; nan without a member.

    Args:
        mine: whether it belongs to the class, (alloys,).
        probability: predicted, (alloys,).
    """
    order = np.argsort(-probability)
    recalled = np.cumsum(mine[order])
    if not recalled[-1]:
        return np.nan
    told = np.flatnonzero(np.append(np.diff(probability[order]) != 0, True))  # the last of equal ones
    return float(np.sum(np.diff(recalled[told], prepend=0) * recalled[told] / (told + 1)) / recalled[-1])


def _mean_recall(truth: np.ndarray, told: np.ndarray) -> float:
    return float(np.mean([np.mean(told[truth == each] == each) for each in np.unique(truth)]))


def _calibration(mine: np.ndarray, probability: np.ndarray) -> dict:
    """Bins of equal width: predicted and observed frequency; error is their mean distance, weighted by alloys."""
    number = np.minimum((probability * BINS).astype(int), BINS - 1)
    bins = [
        {
            "predicted": float(probability[number == each].mean()),
            "observed": float(mine[number == each].mean()),
            "alloys": int(np.sum(number == each)),
        }
        for each in np.unique(number)
    ]
    distance = sum(each["alloys"] * abs(each["predicted"] - each["observed"]) for each in bins)
    return {"error": distance / len(mine), "bins": bins}


def _by_element(wrong: np.ndarray, fractions: np.ndarray, elements: Sequence[str]) -> dict[str, dict]:
    """Element → alloys that hold it and the rate of wrong classes among them, the worst first."""
    held = fractions > 0
    rates = {
        symbol: {"alloys": int(held[:, column].sum()), "error_rate": float(wrong[held[:, column]].mean())}
        for column, symbol in enumerate(elements)
        if held[:, column].sum() >= FEWEST_ALLOYS
    }
    return dict(sorted(rates.items(), key=lambda item: -item[1]["error_rate"]))


def _by_number(
    is_glass: np.ndarray, probability: np.ndarray, numbers: np.ndarray, systems: np.ndarray, seed: int
) -> dict[str, dict]:
    """Number of elements → scores of bulk glasses among alloys of so many; no precision where all are alike."""
    found = {}
    for number in np.unique(numbers):
        rows = numbers == number
        mine, told = is_glass[rows], probability[rows]
        found[str(number)] = {"alloys": len(mine), "prevalence": float(mine.mean()), "average_precision": None}
        if 0 < mine.mean() < 1:
            found[str(number)]["average_precision"] = interval(
                lambda each, mine=mine, told=told: average_precision(mine[each], told[each]), systems[rows], seed=seed
            )
    return found
