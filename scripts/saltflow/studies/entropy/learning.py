"""What features say of a property: forests, held out by composition, with intervals, importances and a control.

Forests: Breiman, Machine Learning 45, 5 (2001). Intervals: the quantile of errors on held-out compositions, which holds
for those of the same kind (Vovk et al., Algorithmic Learning in a Random World, 2005).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats
from sklearn.ensemble import RandomForestRegressor
from sklearn.model_selection import GroupKFold

from saltflow.base.errors import SaltflowError
from saltflow.statistics.rank_correlation import spearman_interval

TREES, FOLDS, PERMUTATIONS, SHUFFLES = 200, 5, 5, 10
COVERAGE = 0.9


@dataclass(frozen=True)
class Scores:
    """How well held-out compositions are predicted.

    Attributes:
        R2, mean_error: over configurations.
        rho, rho_low, rho_high: Spearman's of composition means, with its 95 % interval.
        compositions: how many.
    """

    R2: float
    mean_error: float
    rho: float
    rho_low: float
    rho_high: float
    compositions: int


def held_out(features: np.ndarray, target: np.ndarray, groups: np.ndarray, *, seed: int) -> np.ndarray:
    """Predictions by forests that were not trained on any configuration of the composition, (configurations,).

    Raises:
        SaltflowError: there are fewer compositions than folds.
    """
    found = np.empty(len(target))
    for train, test in _folds(features, groups, seed):
        found[test] = _forest(features[train], target[train], seed).predict(features[test])
    return found


def scores_of(target: np.ndarray, predicted: np.ndarray, groups: np.ndarray) -> Scores:
    """Of held-out predictions."""
    means = [[values[groups == each].mean() for each in np.unique(groups)] for values in (target, predicted)]
    rho = float(stats.spearmanr(*means)[0]) if np.ptp(means[1]) else 0.0
    low, high = spearman_interval(rho, len(means[0]))
    residual = target - predicted
    R2 = 1 - float(residual @ residual / np.sum((target - target.mean()) ** 2))
    return Scores(R2, float(np.abs(residual).mean()), rho, low, high, len(means[0]))


def shuffled(target: np.ndarray, groups: np.ndarray, *, seed: int) -> np.ndarray:
    """The target with compositions exchanged: a control that no model may predict."""
    names = np.unique(groups)
    others = dict(zip(names.tolist(), np.random.default_rng(seed).permutation(names).tolist(), strict=True))
    means = {each: target[groups == each].mean() for each in names.tolist()}
    return np.array([means[others[each]] for each in groups.tolist()])


def controls(features: np.ndarray, target: np.ndarray, groups: np.ndarray, *, seed: int) -> list[float]:
    """Spearman's ρ of held-out predictions for each of `SHUFFLES` shuffled targets; about 0, some above, some below."""
    found = []
    for number in range(SHUFFLES):
        mixed = shuffled(target, groups, seed=seed + number)
        found.append(scores_of(mixed, held_out(features, mixed, groups, seed=seed), groups).rho)
    return found


def importances(
    features: np.ndarray, target: np.ndarray, groups: np.ndarray, *, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """By how much the mean error on held-out compositions grows with a feature of other cells, and its error.

    Returns:
        (features,) and (features,): mean and standard error over folds.
    """
    random, grown = np.random.default_rng(seed), []
    for train, test in _folds(features, groups, seed):
        forest = _forest(features[train], target[train], seed)
        before = np.abs(forest.predict(features[test]) - target[test]).mean()
        grown.append([])
        for column in range(features.shape[1]):
            worse = []
            for _ in range(PERMUTATIONS):
                mixed = features[test].copy()
                mixed[:, column] = random.choice(features[:, column], len(test))
                worse.append(np.abs(forest.predict(mixed) - target[test]).mean() - before)
            grown[-1].append(np.mean(worse))
    return np.mean(grown, axis=0), np.std(grown, axis=0, ddof=1) / np.sqrt(len(grown))


class TrainedForest:
    """A forest of all that is known.

    Args:
        features: (configurations, features).
        target, groups: (configurations,).
        seed: of the trees and folds.
    """

    def __init__(self, features: np.ndarray, target: np.ndarray, groups: np.ndarray, *, seed: int):
        errors = np.sort(np.abs(held_out(features, target, groups, seed=seed) - target))
        rank = min(len(errors), int(np.ceil(COVERAGE * (len(errors) + 1))))
        self.half_width = float(errors[rank - 1])  # of the interval of `COVERAGE`
        self._forest = _forest(features, target, seed)

    def members(self, features: np.ndarray) -> np.ndarray:
        """Predictions of the trees, (trees, configurations)."""
        return np.array([tree.predict(features) for tree in self._forest.estimators_])


def _folds(features: np.ndarray, groups: np.ndarray, seed: int) -> Sequence[tuple[np.ndarray, np.ndarray]]:
    if (number := len(np.unique(groups))) < FOLDS:
        raise SaltflowError(f"{number} compositions cannot be divided into {FOLDS} folds; train on more.")
    return list(GroupKFold(FOLDS, shuffle=True, random_state=seed).split(features, groups=groups))


def _forest(features: np.ndarray, target: np.ndarray, seed: int) -> RandomForestRegressor:
    return RandomForestRegressor(TREES, max_features=1 / 3, min_samples_leaf=2, random_state=seed).fit(features, target)
