"""Temperatures that share their errors: the target is known as well, for less MD."""

from itertools import product

import numpy as np
import pytest
from ase import units

from saltflow.campaign.shared_errors import FACTORS, TYPICAL_EA_EV, error_factors

SWEEPS = [
    ((500, 600, 700, 800, 900), 300),
    ((600, 800, 1000, 1200), 300),
    ((850, 1000, 1150), 300),
    ((500, 600, 700, 800, 900), 700),
]


def error_at(target_K, temperatures_K, errors):
    """Standard deviation of the line at the target, by numpy's own weighted fit."""
    inverse_K = 1000 / np.array(temperatures_K, dtype=float)
    _, covariance = np.polyfit(inverse_K, np.zeros_like(inverse_K), 1, w=1 / np.array(errors), cov="unscaled")
    at = np.array([1000 / target_K, 1.0])
    return np.sqrt(at @ covariance @ at)


def cost(temperatures_K, factors):
    lengths = np.exp(TYPICAL_EA_EV / (units.kB * np.array(temperatures_K)))
    return np.sum(lengths / np.square(factors)) / np.sum(lengths)


@pytest.mark.parametrize(("temperatures_K", "target_K"), SWEEPS)
def test_the_target_is_known_as_well_for_less(temperatures_K, target_K):
    factors = error_factors(temperatures_K, target_K)
    assert error_at(target_K, temperatures_K, factors) <= error_at(target_K, temperatures_K, np.ones(len(factors)))
    assert cost(temperatures_K, factors) < 0.97
    assert set(factors) <= set(FACTORS)


@pytest.mark.parametrize(("temperatures_K", "target_K"), SWEEPS)
def test_no_other_design_is_much_cheaper(temperatures_K, target_K):
    wanted = error_at(target_K, temperatures_K, np.ones(len(temperatures_K)))
    designs = [
        cost(temperatures_K, each)
        for each in product(FACTORS, repeat=len(temperatures_K))
        if error_at(target_K, temperatures_K, each) <= wanted
    ]
    assert cost(temperatures_K, error_factors(temperatures_K, target_K)) <= 1.05 * min(designs)


def test_the_line_of_noisy_points_is_as_good():
    """The estimate itself, drawn: not only its formula."""
    temperatures_K, target_K = SWEEPS[0]
    inverse_K, rng = 1000 / np.array(temperatures_K, dtype=float), np.random.default_rng(4)

    def spread(factors):
        errors = 0.25 * np.array(factors)
        values = -4.0 * inverse_K + errors * rng.standard_normal((4000, len(errors)))
        found = [np.polyval(np.polyfit(inverse_K, row, 1, w=1 / errors), 1000 / target_K) for row in values]
        return np.std(found)

    assert spread(error_factors(temperatures_K, target_K)) < 1.05 * spread((1.0,) * 5)


@pytest.mark.parametrize("temperatures_K", [(700,), (500, 900)])
def test_too_few_temperatures_share_nothing(temperatures_K):
    assert error_factors(temperatures_K, 300) == (1.0,) * len(temperatures_K)
