"""Equations of state against a closed form; crystals that moved, lost their minimum or are unknown."""

from pathlib import Path

import numpy as np
import pytest
from ase.units import GPa
from mace_models import committee_of, save_models

from saltflow.learning.forgetting_check import _equation, compare_crystals
from saltflow.potentials.mace import Committee

LIMITS = {"max_volume_change": 0.01, "max_bulk_modulus_change": 0.1}
BOUND = "LiCl:rocksalt:6.0"  # these random weights bind it there
BOUND_SEED, UNBOUND_SEED = 6, 1


@pytest.fixture(scope="module")
def of_scale(tmp_path_factory: pytest.TempPathFactory):
    """A committee of one model; its interaction energy is in proportion to the scale."""

    def make(scale: float, *, seed: int = BOUND_SEED) -> Committee:
        folder: Path = tmp_path_factory.mktemp("models")
        return committee_of(save_models(folder, seeds=(seed,), scale=scale))

    return make


def test_a_birch_murnaghan_curve_gives_back_its_volume_and_modulus():
    """E(V) = 9 V0 B/16 {[(V0/V)^⅔ − 1]³ B' + [(V0/V)^⅔ − 1]² [6 − 4 (V0/V)^⅔]}; Birch, Phys. Rev. 71, 809 (1947)."""
    V0, modulus_GPa, derivative = 33.0, 32.0, 4.6
    volumes_A3 = V0 * np.linspace(0.93, 1.1, 7)
    x = (V0 / volumes_A3) ** (2 / 3)
    shape = (x - 1) ** 3 * derivative + (x - 1) ** 2 * (6 - 4 * x)
    found = _equation(volumes_A3, 9 * V0 * modulus_GPa * GPa / 16 * shape - 5.0)
    assert found == pytest.approx((V0, modulus_GPa), rel=1e-4)
    assert _equation(volumes_A3, volumes_A3) is None
    assert _equation(volumes_A3, np.full(7, np.nan)) is None


def test_a_softened_potential_keeps_the_volume_and_loses_modulus(of_scale):
    """Four fifths of the energy are four fifths of the modulus, at the same volume."""
    before, after = of_scale(20.0), of_scale(16.0)
    found = compare_crystals(before, after, crystals=[BOUND], **LIMITS)
    (row,) = found["crystals"]
    assert row["volume_A3_atom"]["change"] == pytest.approx(0, abs=1e-6)
    assert row["bulk_modulus_GPa"]["change"] == pytest.approx(-0.2, abs=1e-5)
    (flag,) = found["flags"]
    assert flag.startswith(f"{BOUND}: the bulk modulus changed by -20.0 % from the foundation's ")
    assert compare_crystals(before, before, crystals=[BOUND], **LIMITS)["flags"] == []


def test_a_committee_has_a_mean_and_a_standard_deviation(of_scale):
    """Moduli of 0.8 and 1.2 have the mean 1 and the standard deviation √2/5."""
    before = of_scale(20.0)
    models = [*of_scale(16.0).models, *of_scale(24.0).models]
    committee = Committee(models, device="cpu", dtype="float64")
    (row,) = compare_crystals(before, committee, crystals=[BOUND], **LIMITS)["crystals"]
    modulus = row["bulk_modulus_GPa"]
    assert modulus["change"] == pytest.approx(0, abs=1e-5)
    assert modulus["std"] / modulus["before"] == pytest.approx(np.sqrt(2) / 5, rel=1e-4)


def test_only_a_lost_minimum_is_flagged(of_scale):
    bound, unbound = of_scale(20.0), of_scale(20.0, seed=UNBOUND_SEED)
    lost = compare_crystals(bound, unbound, crystals=[BOUND], **LIMITS)
    assert lost["flags"] == [f"{BOUND}: the potential has lost the minimum near this volume"]
    never = compare_crystals(unbound, bound, crystals=[BOUND, "NaCl:rocksalt:5.64"], **LIMITS)
    assert [row["status"] for row in never["crystals"]] == [
        "the foundation has no minimum near this volume",
        "the foundation does not know Na",
    ]
    assert never["flags"] == []
