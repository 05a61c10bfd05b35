import numpy as np
import pytest

from saltflow.dynamics.schedule import (
    exploration_schedule,
    production_schedule,
    quench_schedule,
    steps_of,
    timestep_fs,
)

RULES = {"default": 2.0, "with_O_or_F": 1.0, "with_H": 0.5}
QUENCH = {
    "relax_steps": 50,
    "melt_temperature_K": 1200,
    "melt_ps": 20.0,
    "melt_npt_ps": 50.0,
    "rate_K_per_ps": 5.0,
    "final_temperature_K": 300,
    "anneal_ps": 50.0,
}


@pytest.mark.parametrize(
    ("symbols", "expected_fs"),
    [("Li Zr Cl", 2.0), ("Li Ta O Cl", 1.0), ("Li Al F", 1.0), ("Li Al O H Cl", 0.5), ("Li H", 0.5), ("Hf Br", 2.0)],
)
def test_time_step_follows_the_lightest_rule(symbols, expected_fs):
    assert timestep_fs(symbols.split(), rules=RULES) == expected_fs


@pytest.mark.parametrize("step_fs", [2.0, 1.0, 0.5])
def test_quench_lasts_as_long_as_its_rate_asks(step_fs):
    stages = {stage.name: stage for stage in quench_schedule(QUENCH, cells=1, step_fs=step_fs, crystal=False)}
    assert list(stages) == ["relax", "melt", "melt under pressure", "quench", "anneal"]
    lengths_ps = {name: stage.steps * step_fs / 1000 for name, stage in stages.items() if name != "relax"}
    assert lengths_ps == {"melt": 20, "melt under pressure": 50, "quench": 180, "anneal": 50}
    assert {stage.ensemble for stage in stages.values()} == {"relax", "nvt", "npt"}
    assert stages["melt"].ensemble == "nvt"


def test_temperature_falls_linearly_through_the_quench():
    quench = quench_schedule(QUENCH, cells=2, step_fs=2.0, crystal=False)[3]
    steps = np.linspace(0, quench.steps, 7)
    targets = np.array([quench.temperatures_K(step) for step in steps])
    np.testing.assert_allclose(targets[:, 0], np.linspace(1200, 300, 7))
    np.testing.assert_array_equal(targets[:, 0], targets[:, 1])
    fall_K_ps = (quench.temperatures_K(0)[0] - quench.temperatures_K(500)[0]) / 1.0
    assert fall_K_ps == pytest.approx(QUENCH["rate_K_per_ps"])


def test_a_crystal_is_relaxed_and_annealed_but_never_hot():
    stages = quench_schedule(QUENCH, cells=1, step_fs=2.0, crystal=True)
    assert [stage.name for stage in stages] == ["relax", "anneal"]
    assert max(max(stage.start_K + stage.end_K) for stage in stages) == QUENCH["final_temperature_K"]


PRODUCTION = {
    "until_known": None,
    "equilibrate_npt_ps": 100.0,
    "equilibrate_cell": "isotropic",
    "equilibrate_nvt_ps": 20.0,
    "duration_ps": 500.0,
    "frame_interval_fs": 100.0,
    "velocities": {"duration_ps": 10.0, "interval_fs": 5.0},
}


def test_production_records_at_the_mean_volume_only():
    pressure, settle, record = production_schedule(PRODUCTION, temperatures_K=[600.0] * 3, step_fs=2.0)
    assert (pressure.steps, settle.steps, record.steps) == (50_000, 10_000, 250_000)
    assert (pressure.ensemble, settle.ensemble, record.ensemble) == ("npt", "nvt", "nvt")
    assert (pressure.at_mean_volume, settle.at_mean_volume, record.at_mean_volume) == (False, True, False)
    assert (pressure.frame_interval, settle.frame_interval, record.frame_interval) == (0, 0, 50)
    assert record.start_K == (600.0,) * 3


def test_stages_of_zero_length_are_omitted():
    without_settling = production_schedule(
        PRODUCTION | {"equilibrate_nvt_ps": 0.0}, temperatures_K=[600.0], step_fs=1.0
    )
    assert [stage.at_mean_volume for stage in without_settling] == [False, True]
    (crystal, *_) = production_schedule(PRODUCTION | {"equilibrate_cell": "full"}, temperatures_K=[600.0], step_fs=1.0)
    assert crystal.ensemble == "npt-full"
    bare = production_schedule(
        PRODUCTION | {"equilibrate_nvt_ps": 0.0, "equilibrate_npt_ps": 0.0}, temperatures_K=[600.0], step_fs=1.0
    )
    assert [(stage.name, stage.at_mean_volume) for stage in bare] == [("production", False)]


def test_every_explored_cell_has_its_own_temperature():
    relax, heat = exploration_schedule(
        temperatures_K=[400, 800], relax_steps=10, duration_ps=1.0, stride_fs=50.0, step_fs=2.0
    )
    assert heat.temperatures_K(250) == (400.0, 800.0)
    assert (relax.frame_interval, heat.steps, heat.frame_interval) == (5, 500, 25)


def test_durations_are_rounded_to_whole_steps():
    assert steps_of(0.0033, step_fs=2.0) == 2
    assert steps_of(20_000.0, step_fs=0.5) == 40_000_000
