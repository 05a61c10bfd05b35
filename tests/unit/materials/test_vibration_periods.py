"""The fastest vibration of a composition: periods of measured stretches."""

import pytest
from ase.units import _c

from saltflow.materials.vibration_periods import fastest_period_fs, timestep_key


# Wavenumbers of stretches as measured in crystals and melts, cm⁻¹.
@pytest.mark.parametrize(
    ("symbols", "per_cm"),
    [
        (["Li", "O", "H"], 3675),  # LiOH
        (["Li", "B", "H"], 2300),  # LiBH4
        (["Li", "C", "O"], 1420),  # Li2CO3
        (["Li", "N", "O", "Ta", "Cl"], 1390),  # LiNO3 in TaCl5
        (["Li", "S", "O"], 1110),  # Li2SO4
        (["Li", "Al", "O", "Cl"], 870),  # LiAlO2, AlO4 tetrahedra
        (["Li", "F"], 600),
        (["Li", "Al", "Cl"], 500),
        (["Li", "P", "S"], 600),
    ],
)
def test_no_stretch_is_faster_than_the_estimate_and_none_twice_as_slow(symbols, per_cm):
    period_fs = 1e15 / (100 * _c * per_cm)
    assert period_fs / 2 < fastest_period_fs(symbols) < 1.01 * period_fs


@pytest.mark.parametrize(
    ("symbols", "key"), [("LiAlCl", "default"), ("LiO", "with_O_or_F"), ("LiF", "with_O_or_F"), ("LiOH", "with_H")]
)
def test_the_lightest_element_chooses_the_key(symbols, key):
    names = [name for name in ("Li", "Al", "Cl", "O", "F", "H") if name in symbols]
    assert timestep_key(names) == key
