"""Prediction of the conductivity of hosts left out of training, from all descriptors."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.base import RegressorMixin
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import LeaveOneGroupOut
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

SIGNIFICANCE = 0.05
FEWEST_HOSTS = 3
LARGEST_UNKNOWN_FRACTION = 0.2  # descriptors that more electrolytes lack are not used
IMPORTANCE_REPEATS = 10

Maker = Callable[[int], RegressorMixin]
MODELS: Mapping[str, Maker] = {
    "ridge": lambda seed: make_pipeline(StandardScaler(), RidgeCV(np.logspace(-2, 4, 13))),
    "random forest": lambda seed: RandomForestRegressor(n_estimators=30, min_samples_leaf=2, random_state=seed),
}


@dataclass(frozen=True)
class _Fold:
    """A model trained without one host, and the rows of that host."""

    model: RegressorMixin
    rows: np.ndarray
    mean: float


def cross_validate(
    table: pd.DataFrame,
    *,
    target: str,
    descriptors: Sequence[str],
    shuffles: int,
    seed: int,
    models: Sequence[str] = tuple(MODELS),
) -> dict[str, dict]:
    """Predict every host by models trained on all other hosts, and the same with shuffled targets.

    Q² = 1 − Σ(y − ŷ)²/Σ(y − ȳ)², with ŷ and the mean ȳ from the other hosts: a prediction of ȳ has Q² = 0. The
    importance of a descriptor is the loss of Q² when its values are shuffled among the electrolytes.

    Args:
        table: one row per electrolyte with a column host; nan where a value is unknown.
        target: column to predict.
        descriptors: explaining columns.
        shuffles: number of shuffles of the target among the electrolytes, the random baseline.
        seed: of models and shuffles.
        models: names of `MODELS`.

    Returns:
        model → status "ok" with electrolytes, hosts, Q2, shuffled_Q2 (mean and 95th percentile over the shuffles),
        p_value (fraction of shuffled targets predicted as well), significant, importance and predictions; or a status
        with the reason why there is none.
    """
    used, known = _complete(table, target, descriptors)
    hosts = known["host"].nunique()
    if hosts < FEWEST_HOSTS or not used:
        status = f"too few: {len(known)} electrolytes of {hosts} hosts have all descriptors, {FEWEST_HOSTS} are needed"
        return {name: {"status": status} for name in models}
    return {name: _validate(MODELS[name], known, target, used, shuffles, seed) for name in models}


def _complete(table: pd.DataFrame, target: str, descriptors: Sequence[str]) -> tuple[list[str], pd.DataFrame]:
    """Descriptors that vary and that nearly all electrolytes have, and the electrolytes that have them all."""
    known = table[table[target].notna()]
    used = [name for name in descriptors if len(known) and known[name].isna().mean() <= LARGEST_UNKNOWN_FRACTION]
    used = [name for name in used if known[name].nunique() > 1]
    return used, known[["composition", "host", target, *used]].dropna()


def _validate(make: Maker, known: pd.DataFrame, target: str, descriptors: list[str], shuffles: int, seed: int) -> dict:
    features, values = known[descriptors].to_numpy(float), known[target].to_numpy(float)
    hosts = known["host"].to_numpy()
    random = np.random.default_rng(seed)
    folds = _folds(make, features, values, hosts, seed)
    score = _q2(values, _predictions(folds, features), folds)
    shuffled = np.array([_shuffled_q2(make, features, values, hosts, random, seed) for _ in range(shuffles)])
    p_value = (1 + int(np.sum(shuffled >= score))) / (1 + shuffles)
    return {
        "status": "ok",
        "electrolytes": len(known),
        "hosts": int(known["host"].nunique()),
        "Q2": score,
        "shuffled_Q2": {"mean": float(shuffled.mean()), "high": float(np.quantile(shuffled, 0.95))},
        "p_value": p_value,
        "significant": bool(score > 0 and p_value < SIGNIFICANCE and shuffled.mean() <= 0),
        "importance": _importance(folds, features, values, descriptors, random),
        "predictions": dict(zip(known["composition"], _predictions(folds, features).tolist(), strict=True)),
    }


def _folds(make: Maker, features: np.ndarray, values: np.ndarray, hosts: np.ndarray, seed: int) -> list[_Fold]:
    return [
        _Fold(make(seed).fit(features[training], values[training]), tested, float(values[training].mean()))
        for training, tested in LeaveOneGroupOut().split(features, values, hosts)
    ]


def _predictions(folds: Sequence[_Fold], features: np.ndarray) -> np.ndarray:
    predicted = np.empty(len(features))
    for fold in folds:
        predicted[fold.rows] = fold.model.predict(features[fold.rows])
    return predicted


def _q2(values: np.ndarray, predicted: np.ndarray, folds: Sequence[_Fold]) -> float:
    guessed = np.empty(len(values))
    for fold in folds:
        guessed[fold.rows] = fold.mean
    return float(1 - np.sum((values - predicted) ** 2) / np.sum((values - guessed) ** 2))


def _shuffled_q2(
    make: Maker,
    features: np.ndarray,
    values: np.ndarray,
    hosts: np.ndarray,
    random: np.random.Generator,
    seed: int,
) -> float:
    shuffled = random.permutation(values)
    folds = _folds(make, features, shuffled, hosts, seed)
    return _q2(shuffled, _predictions(folds, features), folds)


def _importance(
    folds: Sequence[_Fold],
    features: np.ndarray,
    values: np.ndarray,
    descriptors: Sequence[str],
    random: np.random.Generator,
) -> dict[str, float]:
    """Descriptor → mean loss of Q², the most important first."""
    whole = _q2(values, _predictions(folds, features), folds)
    losses = {}
    for column, name in enumerate(descriptors):
        without = []
        for _ in range(IMPORTANCE_REPEATS):
            mixed = features.copy()
            mixed[:, column] = random.permutation(mixed[:, column])
            without.append(_q2(values, _predictions(folds, mixed), folds))
        losses[name] = whole - float(np.mean(without))
    return dict(sorted(losses.items(), key=lambda item: -item[1]))
