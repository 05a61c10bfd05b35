"""Classes and diameters of alloys by random forests: Breiman, Machine Learning 45, 5 (2001)."""

from collections.abc import Sequence

import numpy as np
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from saltflow.studies.alloys.alloy_table import CLASSES
from saltflow.studies.alloys.held_out_folds import Fold
from saltflow.studies.alloys.training_weights import training_weights

TREES = 100
RANGES_mm = (1.0, 3.0, 5.0, 10.0)  # limits of the ranges of diameters


def range_of(diameters_mm: np.ndarray) -> np.ndarray:
    """Number of the range of each diameter, from 0."""
    return np.digitize(diameters_mm, RANGES_mm)


class ClassForest:
    """Probabilities of the classes of alloys.

    Args:
        features: (alloys, features).
        classes: words of `CLASSES`, (alloys,).
        weights: (alloys,); those of weight 0 are not trained on.
        seed: of the trees.
        trees: how many.
    """

    def __init__(
        self, features: np.ndarray, classes: np.ndarray, weights: np.ndarray, *, seed: int, trees: int = TREES
    ):
        used = weights > 0
        self._trees = RandomForestClassifier(trees, random_state=seed)
        self._trees.fit(features[used], classes[used], sample_weight=weights[used])
        self._columns = [CLASSES.index(name) for name in self._trees.classes_]

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """(alloys, classes), columns as `CLASSES`; 0 for a class that was not trained on."""
        found = np.zeros((len(features), len(CLASSES)))
        found[:, self._columns] = self._trees.predict_proba(features)
        return found


def held_out_probabilities(
    features: np.ndarray,
    classes: np.ndarray,
    fractions: np.ndarray,
    folds: Sequence[Fold],
    *,
    treatment: str,
    seed: int,
) -> np.ndarray:
    """Probabilities of the classes by models that were not trained on the alloy's fold.

    Args:
        features, classes: as of `ClassForest`.
        fractions: atomic, (alloys, elements).
        folds: of `folds_of`.
        treatment: of imbalance, `training_weights`.
        seed: of trees and pruning.

    Returns:
        (alloys, classes); nan where no fold tests.
    """
    found = np.full((len(features), len(CLASSES)), np.nan)
    for train, test in folds:
        weights = training_weights(treatment, fractions[train], classes[train], seed=seed)
        found[test] = ClassForest(features[train], classes[train], weights, seed=seed).probabilities(features[test])
    return found


def held_out_diameters(
    features: np.ndarray,
    diameters_mm: np.ndarray,
    fractions: np.ndarray,
    folds: Sequence[Fold],
    *,
    treatment: str,
    seed: int,
) -> np.ndarray:
    """Diameters in mm by models that were not trained on the alloy's fold, (alloys,); nan where no fold tests.

    Args:
        features, fractions, folds, treatment, seed: as of `held_out_probabilities`; strata are `RANGES_mm`.
        diameters_mm: (alloys,).
    """
    found = np.full(len(features), np.nan)
    for train, test in folds:
        weights = training_weights(treatment, fractions[train], range_of(diameters_mm[train]), seed=seed)
        used = train[weights > 0]
        trees = RandomForestRegressor(TREES, max_features=1 / 3, random_state=seed)
        trees.fit(features[used], diameters_mm[used], sample_weight=weights[weights > 0])
        found[test] = trees.predict(features[test])
    return found
