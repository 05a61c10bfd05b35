"""Residence functions of telegraph processes, whose answers are known in closed form."""

import numpy as np
import pytest
from residence_models import follow, telegraph

from saltflow.analysis.residence.intermittent import IntermittentCorrelation
from saltflow.analysis.residence.survival import Survival
from saltflow.statistics.lags_and_origins import spaced_origins

K_OUT, K_IN = 1 / 50, 1 / 200
P = K_IN / (K_IN + K_OUT)
LAGS = np.arange(151)
FRAMES, PAIRS = 4000, 200
ORIGINS = spaced_origins(FRAMES, wanted=200, multiple=2)


def survival(*, absence: int = 0, lags=LAGS, frames: int = FRAMES, pairs: int = PAIRS, classes: int = 1) -> Survival:
    sizes = {"n_frames": frames, "n_pairs": pairs, "blocks": 1, "classes": classes}
    return Survival(lags=lags, absence=absence, stride=1, **sizes)


def curve(sums, counted: str = "survivors", row: int = 0) -> np.ndarray:
    total = sums.total()
    return total[counted][row] / total["followed"][row]


@pytest.fixture(scope="module")
def present() -> np.ndarray:
    return telegraph(np.random.default_rng(1), frames=FRAMES, pairs=PAIRS, k_out=K_OUT, k_in=K_IN)


def test_continuous_residence_of_a_telegraph(present):
    (sums,) = follow([survival()], present, origins=ORIGINS, blocks=1)
    assert curve(sums) == pytest.approx((1 - K_OUT) ** LAGS, abs=0.02)
    assert np.all(np.diff(curve(sums)[:50]) < 0)


def test_intermittent_residence_of_a_telegraph_and_its_plateau(present):
    """One ion per centre: the random plateau is the part of the time that it is there."""
    each = IntermittentCorrelation(n_pairs=PAIRS, n_centres=PAIRS, origins=ORIGINS, lags=LAGS, blocks=1, classes=1)
    (sums,) = follow([each], present, origins=ORIGINS, blocks=1)
    expected = P + (1 - P) * (1 - K_IN - K_OUT) ** LAGS
    assert curve(sums, "returned") == pytest.approx(expected, abs=0.02)
    assert sums.total()["plateau"][0] / sums.total()["entries"][0] == pytest.approx(
        (present[ORIGINS].mean(axis=0) ** 2).sum() / present[ORIGINS].mean(axis=0).sum()
    )


def test_an_absence_that_is_allowed_is_forgiven_and_a_longer_one_is_not():
    present = np.ones((60, 2), dtype=bool)
    present[10:12, 0] = False
    present[10:13, 1] = False
    for absence, expected in ((0, [9, 9]), (2, [None, 9]), (3, [None, None])):
        functions = [survival(absence=absence, frames=60, pairs=2, lags=np.arange(60), classes=2)]
        (sums,) = follow(functions, present, origins=np.array([0]), blocks=1, classes=np.array([0, 1]))
        for pair, last in enumerate(expected):
            reached = int(sums["survivors"][0, pair].sum()) - 1
            assert reached == (60 - absence - 1 if last is None else last)


def test_frames_of_an_absence_are_no_origins():
    """An ion that is away at the origin is not followed, though its residence goes on."""
    present = np.ones((40, 1), dtype=bool)
    present[10:12] = False
    functions = [survival(absence=2, frames=40, pairs=1, lags=np.arange(40))]
    (sums,) = follow(functions, present, origins=np.arange(40), blocks=1)
    assert sums["followed"][0, 0, 0] == 38 - 2


def test_brute_force_gives_the_same(present):
    """Every origin and pair by itself, absences and censoring included, however the frames are cut into chunks."""
    few, absence = present[:300, :40], 3
    lags, origins = np.arange(0, 200, 7), np.arange(0, 300, 10)
    survivors, followed = np.zeros(len(lags)), np.zeros(len(lags))
    horizon = len(few) - absence
    for origin in origins[origins < horizon]:
        for pair in np.flatnonzero(few[origin]):
            gaps, dead = 0, horizon
            for frame in range(origin, len(few)):
                gaps = 0 if few[frame, pair] else gaps + 1
                if gaps > absence:
                    dead = frame - absence
                    break
            for number, lag in enumerate(lags):
                if origin + lag < horizon:
                    followed[number] += 1
                    survivors[number] += dead > origin + lag
    for chunk in (7, 32, 300):
        functions = [survival(absence=absence, lags=lags, frames=300, pairs=40)]
        (sums,) = follow(functions, few, origins=origins, blocks=1, chunk=chunk)
        np.testing.assert_array_equal(sums["survivors"][0, 0], survivors)
        np.testing.assert_array_equal(sums["followed"][0, 0], followed)


def test_ions_still_there_at_the_end_bias_nothing():
    """Runs of 1.5 residence times: leaving censored ions out, or counting them as gone, is wrong by a third."""
    rng, frames = np.random.default_rng(3), 75
    lags = np.arange(61)
    present = telegraph(rng, frames=frames, pairs=6000, k_out=K_OUT, k_in=K_IN)
    (sums,) = follow(
        [survival(frames=frames, pairs=6000, lags=lags)], present, origins=np.arange(0, frames, 2), blocks=1
    )
    expected = (1 - K_OUT) ** lags
    assert curve(sums) == pytest.approx(expected, abs=0.02)
    ends = np.where((~present).any(axis=0), (~present).argmax(axis=0), frames)[present[0]]
    naive = np.array([(ends[ends < frames] > lag).mean() for lag in lags])
    assert np.abs(naive - expected).max() > 0.15


def test_classes_do_not_mix():
    rng = np.random.default_rng(5)
    classes = np.repeat([0, 1], 150)
    k_out = np.where(classes == 0, 1 / 20, 1 / 80)
    present = telegraph(rng, frames=FRAMES, pairs=300, k_out=k_out, k_in=1 / 100)
    (sums,) = follow([survival(pairs=300, classes=2)], present, origins=ORIGINS, blocks=1, classes=classes)
    for row, rate in enumerate((1 / 20, 1 / 80)):
        assert curve(sums, row=row) == pytest.approx((1 - rate) ** LAGS, abs=0.025)


def test_departures_are_counted_once_however_many_origins_see_them():
    present = np.ones((100, 3), dtype=bool)
    present[50:, :2] = False
    functions = [survival(frames=100, pairs=3, lags=np.arange(60))]
    (sums,) = follow(functions, present, origins=np.arange(0, 100, 5), blocks=1)
    assert sums["departures"][0, 0] == 2
