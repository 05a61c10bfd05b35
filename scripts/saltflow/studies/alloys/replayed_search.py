"""A search for bulk glasses replayed on alloys whose outcome is known: does it find them before chance does?

A repeat hides the outcome of a pool of alloys, makes a first batch of it at random, and then batch by batch what the
model proposes. Three strategies start from the same batch: `loop` learns from each outcome, `one_shot` keeps the model
of before the first batch, `random` is the expectation of drawing without replacement.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from saltflow.studies.alloys.alloy_table import BMG
from saltflow.studies.alloys.known_alloys import KnownAlloys
from saltflow.studies.next_batch import diverse_batch, upper_bound

LOOP, ONE_SHOT, RANDOM = "loop", "one_shot", "random"
RESAMPLES = 2000


def replay_once(outside: KnownAlloys, pool: KnownAlloys, *, batch: int, treatment: str, seed: int) -> dict[str, list]:
    """One repeat: strategy → bulk glasses found after each batch, beside `made`, the alloys made by then.

    Args:
        outside: known from the start.
        pool: of hidden outcome.
        batch: alloys made at a time.
        treatment: of imbalance.
        seed: of the first batch and the models.
    """
    first = np.random.default_rng(seed).permutation(len(pool))[:batch].tolist()
    is_glass = pool.classes == BMG
    prior = _scores(outside, pool.features, treatment, seed)
    loop, one_shot = list(first), list(first)
    found = {"made": [len(first)], LOOP: [_glasses(is_glass, first)], ONE_SHOT: [_glasses(is_glass, first)]}
    while len(loop) < len(pool):
        scores = _scores(_joined(outside, pool.chosen(np.array(loop))), pool.features, treatment, seed + len(loop))
        loop += _next(scores, pool, loop, batch)
        one_shot += _next(prior, pool, one_shot, batch)
        found["made"].append(len(loop))
        found[LOOP].append(_glasses(is_glass, loop))
        found[ONE_SHOT].append(_glasses(is_glass, one_shot))
    share = (is_glass.sum() - found[LOOP][0]) / max(len(pool) - len(first), 1)
    return found | {RANDOM: [float(found[LOOP][0] + share * (made - len(first))) for made in found["made"]]}


def gains(repeats: Sequence[Mapping[str, list]], *, seed: int) -> dict[str, dict[str, float]]:
    """Bulk glasses that a strategy has found more than another, as a mean over batches and repeats.

    Args:
        repeats: of `replay_once`, of one pool.
        seed: of the interval.

    Returns:
        'loop over random', 'one_shot over random', 'loop over one_shot' → value and its 95 % interval over repeats.
    """
    random = np.random.default_rng(seed)
    found = {}
    for first, second in ((LOOP, RANDOM), (ONE_SHOT, RANDOM), (LOOP, ONE_SHOT)):
        gain = np.array([np.mean(np.subtract(each[first], each[second])) for each in repeats])
        means = gain[random.integers(0, len(gain), (RESAMPLES, len(gain)))].mean(axis=1)
        low, high = np.percentile(means, [2.5, 97.5])
        found[f"{first} over {second}"] = {"value": float(gain.mean()), "low": float(low), "high": float(high)}
    return found


def _scores(known: KnownAlloys, features: np.ndarray, treatment: str, seed: int) -> np.ndarray:
    return upper_bound(known.likelihoods(features, treatment=treatment, seed=seed))[2]


def _next(scores: np.ndarray, pool: KnownAlloys, made: list[int], batch: int) -> list[int]:
    left = np.setdiff1d(np.arange(len(pool)), made)
    return left[diverse_batch(scores[left], pool.fractions[left], size=batch)].tolist()


def _joined(first: KnownAlloys, second: KnownAlloys) -> KnownAlloys:
    return KnownAlloys(
        np.concatenate([first.features, second.features]),
        np.concatenate([first.fractions, second.fractions]),
        np.concatenate([first.classes, second.classes]),
    )


def _glasses(is_glass: np.ndarray, made: list[int]) -> int:
    return int(is_glass[made].sum())
