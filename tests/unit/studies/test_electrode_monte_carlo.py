"""Ions on a lattice beside closed forms: Nernst, Frumkin, and the sum over all states."""

from itertools import product
from math import comb

import numpy as np
import pytest
from ase.units import kB
from electrode_models import BondedHost, rock_salt

from saltflow.potentials.as_calculator import AsCalculator
from saltflow.studies.electrodes.grand_canonical import (
    EMPTY,
    FULL,
    NOT_EQUILIBRATED,
    Ensemble,
    all_at_once,
    sample_chain,
    sample_voltage,
)
from saltflow.studies.electrodes.host import host_of
from saltflow.studies.electrodes.voltages import voltage_curve
from saltflow.studies.electrodes.voltages_at_temperature import fill_at_voltages
from saltflow.studies.relaxation.batched_evaluation import BatchedEvaluation

TEMPERATURE_K, SITE_eV, METAL_eV = 600.0, -5.0, -1.9
SETTINGS = {"temperature_K": TEMPERATURE_K, "sweeps": 600, "seed": 3}
KT = kB * TEMPERATURE_K


def free_eV(occupation):
    return SITE_eV * occupation.sum()


@pytest.mark.parametrize("x", [0.2, 0.5, 0.85])
def test_ions_that_do_not_interact_follow_nernst(x):
    voltage_V = METAL_eV - SITE_eV - KT * np.log(x / (1 - x))
    row = sample_voltage(free_eV, 12, voltage_V=voltage_V, metal_eV=METAL_eV, settings=SETTINGS)
    assert row["status"] == "ok"
    assert row["x"] == pytest.approx(x, abs=4 * row["x_error"])
    assert row["x_error"] < 0.02
    # The fluctuations give the slope of the curve: dV/dx = −kT/(x (1 − x)).
    assert row["voltage_error_V"] == pytest.approx(row["x_error"] * KT / (x * (1 - x)), rel=0.1)


@pytest.mark.parametrize("interaction_eV", [-0.1, 0.3])
def test_ions_in_a_mean_field_follow_frumkin(interaction_eV):
    """E = ε n + g n²/2N: the sum over n at this size, and the isotherm of many sites beside it."""
    sites = 24

    def energy_eV(occupation):
        ions = occupation.sum()
        return SITE_eV * ions + interaction_eV * ions**2 / (2 * sites)

    for x in (0.3, 0.6):
        voltage_V = METAL_eV - SITE_eV - interaction_eV * x - KT * np.log(x / (1 - x))
        mu_eV = METAL_eV - voltage_V
        ions = np.arange(sites + 1)
        weights = np.array(
            [
                comb(sites, n) * np.exp(-(SITE_eV * n + interaction_eV * n**2 / 2 / sites - mu_eV * n) / KT)
                for n in ions.tolist()
            ]
        )
        exact = float(weights @ ions / weights.sum() / sites)
        settings = SETTINGS | {"sweeps": 300}
        row = sample_voltage(energy_eV, sites, voltage_V=voltage_V, metal_eV=METAL_eV, settings=settings)
        assert row["x"] == pytest.approx(exact, abs=4 * row["x_error"])
        assert row["x"] == pytest.approx(x, abs=0.04)  # of infinitely many sites


def test_neighbours_that_repel_have_the_mean_of_all_states():
    sites, pair_eV = 8, 0.12

    def energy_eV(occupation):
        return SITE_eV * occupation.sum() + pair_eV * (occupation & np.roll(occupation, 1)).sum()

    states = [np.array(each, dtype=bool) for each in product([False, True], repeat=sites)]
    for voltage_V in (3.0, 3.1):
        mu_eV = METAL_eV - voltage_V
        weights = np.array([np.exp(-(energy_eV(each) - mu_eV * each.sum()) / KT) for each in states])
        exact = float(weights @ [each.mean() for each in states] / weights.sum())
        row = sample_voltage(energy_eV, sites, voltage_V=voltage_V, metal_eV=METAL_eV, settings=SETTINGS)
        assert 0.1 < exact < 0.9
        assert row["x"] == pytest.approx(exact, abs=4 * row["x_error"])


def test_every_state_has_its_boltzmann_weight():
    energies = {0: 0.0, 1: -0.03, 2: 0.05, 3: 0.02}

    def energy_eV(occupation):
        return energies[int(occupation @ [1, 2])]

    chain = sample_chain(
        energy_eV, np.zeros(2, bool), Ensemble(TEMPERATURE_K, 0.01), sweeps=8_000, random=np.random.default_rng(1)
    )
    ions = np.bincount(chain, minlength=3) / len(chain)
    weights = np.array([np.exp(-(energies[key] - 0.01 * bin(key).count("1")) / KT) for key in range(4)])
    weights /= weights.sum()
    assert ions == pytest.approx([weights[0], weights[1] + weights[2], weights[3]], abs=0.03)


def test_a_rigid_host_has_the_mean_of_its_own_energies(tmp_path):
    host = host_of(rock_salt(), "Li", repeats=(1, 1, 1))
    potential = BondedHost()
    states = [np.array(each, dtype=bool) for each in product([False, True], repeat=4)]
    energies_eV = np.array([AsCalculator(potential).get_potential_energy(host.filled(each)) for each in states])
    ions = np.array([each.sum() for each in states])
    curve = voltage_curve({0: energies_eV[0], 4: energies_eV[-1]}, METAL_eV)
    settings = SETTINGS | {
        "fixed_cell": False, "temperature_K": 3000.0, "sweeps": 400, "force_eV_A": 0.05, "steps": 50,
        "energies": "rigid", "potential": "bonds", "potential_sha256": "-",
        "voltages": [curve.mean_V(), curve.mean_V() + 0.1],
    }  # fmt: skip
    given = {"metal_eV": METAL_eV, "settings": settings, "folder": tmp_path}
    record = fill_at_voltages(host, BatchedEvaluation(potential), curve, **given)
    for row in record["rows"]:
        mu_eV = METAL_eV - row["voltage_V"]
        weights = np.exp(-(energies_eV - energies_eV[0] - mu_eV * ions) / (kB * 3000.0))
        exact = float(weights @ ions / weights.sum() / 4)
        assert row["status"] == "ok"
        assert row["x"] == pytest.approx(exact, abs=4 * row["x_error"])
        assert row["difference_V"] == pytest.approx(row["voltage_V"] - curve.mean_V())
        assert (row["occupations"], row["refused"]) == (16, 0)
    evaluations = potential.evaluations
    assert fill_at_voltages(host, BatchedEvaluation(potential), curve, **given) == record
    assert potential.evaluations == evaluations


def test_a_host_that_fills_or_empties_at_once_says_so():
    def rows(*voltages):
        return [
            sample_voltage(free_eV, 6, voltage_V=each, metal_eV=METAL_eV, settings=SETTINGS | {"sweeps": 50})
            for each in voltages
        ]

    found = rows(1.0, 5.0)
    assert [row["status"] for row in found] == [FULL, EMPTY]
    assert all_at_once(found).startswith("Every voltage empties or fills the host at once; give --voltages")
    assert all_at_once(rows(1.0, 3.1)) is None


def test_a_barrier_between_full_and_empty_is_not_equilibrated():
    def energy_eV(occupation):
        return 0.0 if occupation.all() or not occupation.any() else 3.0

    row = sample_voltage(energy_eV, 6, voltage_V=-1.9, metal_eV=-1.9, settings=SETTINGS | {"sweeps": 50})
    assert (row["from_empty"], row["from_full"]) == (0.0, 1.0)
    assert row["status"] == NOT_EQUILIBRATED
