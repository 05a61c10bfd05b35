"""The two MD jobs of the sweep on a packed Li2ZrCl6 cell: acceptance, statuses, records, trajectories."""

import copy
import re

import numpy as np
import pytest
from md_cases import ACCEPTANCE, COMPOSITION, DYNAMICS, packed

from saltflow.base.errors import SaltflowError
from saltflow.dynamics.observation import drift_meV_atom_ps, drifts_faster
from saltflow.dynamics.progress import RunOutcome
from saltflow.dynamics.runs import StatePointRun, _record, quench, run_state_points
from saltflow.materials.compositions import Composition
from saltflow.trajectory.h5md import read_trajectory


def quenched(cell, committee, folder, *, composition=COMPOSITION, dynamics=DYNAMICS, acceptance=ACCEPTANCE):
    return quench(
        [cell],
        composition,
        committee,
        dynamics=dynamics,
        acceptance=acceptance,
        checkpoint_ps=0.1,
        seeds=[4],
        workdir=folder / "work",
        trajectory_paths=[folder / "quench.h5md"],
        metadata=[{"composition": composition.id}],
    )[0]


def changed(**sections):
    """DYNAMICS with some keys of its sections replaced."""
    dynamics = copy.deepcopy(DYNAMICS)
    for name, values in sections.items():
        dynamics[name] = dynamics[name] | values if isinstance(values, dict) else values
    return dynamics


def ran(replicas, committee, folder, *, dynamics=DYNAMICS, acceptance=ACCEPTANCE, temperature_K=400.0):
    paths = [folder / f"replica{index}.h5md" for index in range(len(replicas))]
    point = StatePointRun(temperature_K, list(range(len(replicas))), paths, {"composition": COMPOSITION.id})
    ((record, _),) = run_state_points(
        replicas,
        COMPOSITION,
        committee,
        points=[point],
        dynamics=dynamics,
        acceptance=acceptance,
        checkpoint_ps=0.1,
        workdir=folder / "work",
    )
    return record, [read_trajectory(path) for path in paths]


@pytest.fixture(scope="module")
def replica(committee, tmp_path_factory):
    """A quenched replica, its record, its trajectory."""
    folder = tmp_path_factory.mktemp("quench")
    atoms, record = quenched(packed(), committee, folder)
    return atoms, record, read_trajectory(folder / "quench.h5md")


def test_quench_makes_a_replica_that_meets_the_acceptance_criteria(replica):
    atoms, record, _ = replica
    assert (record["status"], record["problems"], atoms.info["status"]) == ("ok", [], "ok")
    assert record["start_density_g_cm3"] == pytest.approx(2.3)
    assert record["density_g_cm3"] == pytest.approx(atoms.get_masses().sum() * 1.66053907 / atoms.get_volume())
    assert record["steps"] == 30 + 50 + 50 + 100 + 50
    assert record["timestep_fs"] == 2.0


def test_a_replica_keeps_the_information_of_its_packed_cell(replica):
    atoms, _, _ = replica
    start = packed()
    assert atoms.info.items() >= start.info.items()
    np.testing.assert_array_equal(atoms.arrays["unit"], start.arrays["unit"])
    np.testing.assert_array_equal(atoms.numbers, start.numbers)


def test_quench_melts_and_cools(replica):
    _, _, trajectory = replica
    temperature, times_ps = trajectory.observables["temperature"], trajectory.times_ps
    melt = (times_ps > 0.12) & (times_ps <= 0.26)
    anneal = times_ps > 0.46 + 0.02
    assert temperature[melt].mean() == pytest.approx(900, rel=0.2)
    assert temperature[anneal].mean() == pytest.approx(300, rel=0.25)
    assert np.ptp(trajectory.observables["volume"][melt]) > 0
    assert trajectory.metadata == {"composition": "Li2ZrCl6"}


def test_quench_records_its_volume_while_it_cools(replica):
    _, record, trajectory = replica
    cooling = record["cooling"]
    assert cooling["rate_K_per_ps"] == 3000.0
    assert cooling["temperature_K"] == pytest.approx(900 - 6 * np.arange(1, 101))
    first = list(trajectory.times_ps).index(pytest.approx((30 + 50 + 50 + 1) * 0.002))
    assert cooling["volume_A3"] == pytest.approx(trajectory.observables["volume"][first : first + 100])


def test_crystal_is_not_melted(committee, tmp_path):
    identity = COMPOSITION.identity() | {"start": "structures/crystal.cif"}
    _, record = quenched(packed(), committee, tmp_path, composition=Composition.from_identity(identity))
    trajectory = read_trajectory(tmp_path / "quench.h5md")
    assert record["steps"] == 30 + 50
    assert trajectory.observables["temperature"].max() < 2 * 300


def test_failed_criteria_are_in_the_status(committee, tmp_path):
    acceptance = {"min_density_ratio": 3.0, "min_pair_factor": 2.0}
    quick = changed(quench={"melt_ps": 0.0, "melt_npt_ps": 0.0, "rate_K_per_ps": 1e6, "anneal_ps": 0.02})
    atoms, record = quenched(packed(), committee, tmp_path, dynamics=quick, acceptance=acceptance)
    assert record["status"] == atoms.info["status"] == "gas, close pair"
    assert [problem.split(":")[0] for problem in record["problems"]] == ["gas", "close pair"]


def test_exploding_quench_is_stopped_with_its_reason(committee, tmp_path):
    cell = packed()
    cell.positions[1] = cell.positions[0] + [0.05, 0, 0]
    cold = changed(quench={"relax_steps": 0})
    atoms, record = quenched(cell, committee, tmp_path, dynamics=cold)
    assert record["status"].startswith("stopped")
    assert record["problems"][0].startswith("stopped: temperature ran away in stage 'melt'")
    assert np.isfinite(atoms.positions).all()
    assert record["steps"] < 5


def test_a_state_point_runs_its_replicas(replica, committee, tmp_path):
    record, trajectories = ran([replica[0], replica[0]], committee, tmp_path)
    assert (record["composition"], record["temperature_K"], record["timestep_fs"]) == ("Li2ZrCl6", 400.0, 2.0)
    assert record["production_ps"] == pytest.approx(0.3)
    assert record["evaluated_by"] == "compiled loops"
    for each, trajectory in zip(record["replicas"], trajectories, strict=True):
        assert (each["status"], each["problems"], each["steps"]) == ("ok", [], 50 + 20 + 150)
        assert abs(each["conserved_drift_meV_atom_ps"]) < 20
        assert trajectory.n_frames == 15
        np.testing.assert_allclose(np.diff(trajectory.times_ps), 0.02)
        assert np.ptp(trajectory.observables["volume"]) == pytest.approx(0, abs=1e-6)
        assert np.abs(trajectory.observables["com_momentum"]).max() < 1e-8
    assert np.abs(trajectories[0].positions_A[-1] - trajectories[1].positions_A[-1]).max() > 0.01


def test_failed_replica_is_not_run_and_has_no_frames(replica, committee, tmp_path):
    failed = replica[0].copy()
    failed.info["status"] = "gas"
    record, trajectories = ran([failed, replica[0]], committee, tmp_path)
    assert record["replicas"][0] == {"replica": 1, "status": "not run: gas", "problems": []}
    assert record["replicas"][1]["status"] == "ok"
    assert [each.n_frames for each in trajectories] == [0, 15]


def test_a_state_point_without_an_accepted_replica_still_has_its_files(replica, committee, tmp_path):
    failed = replica[0].copy()
    failed.info["status"] = "broken anion"
    record, trajectories = ran([failed, failed], committee, tmp_path)
    assert [each["status"] for each in record["replicas"]] == ["not run: broken anion"] * 2
    assert [each.n_frames for each in trajectories] == [0, 0]


def test_a_run_whose_energy_drifts_is_stopped(replica, committee, tmp_path):
    strict = changed(stop_criteria={"max_energy_drift_meV_atom_ps": 1e-9})
    record, trajectories = ran([replica[0]], committee, tmp_path, dynamics=strict)
    assert record["replicas"][0]["status"] == "stopped"
    assert re.match(r"stopped: energy drifts by .* in stage 'production'", record["replicas"][0]["problems"][0])
    assert 0 < trajectories[0].n_frames < 15


@pytest.mark.parametrize(("error", "status"), [(0.01, "energy drift"), (0.02, "ok")])
def test_a_drift_counts_where_its_error_leaves_no_doubt(replica, error, status):
    strict = changed(stop_criteria={"max_energy_drift_meV_atom_ps": 0.05})
    outcome = RunOutcome(replica[0], "ok", 150, -0.1, error)
    record = _record(outcome, replica[0], COMPOSITION, dynamics=strict, acceptance=ACCEPTANCE)
    assert record["status"] == status
    assert ["shorten the time step" in problem for problem in record["problems"]] == [True] * (status != "ok")


def test_drift_and_its_error_are_those_of_a_straight_line():
    values = 0.3 + 0.002 * np.arange(50) + np.random.default_rng(1).normal(scale=0.01, size=50)
    drift, error = drift_meV_atom_ps(values, interval_ps=0.5, atoms=4)
    (slope, _), covariance = np.polyfit(0.5 * np.arange(50), values, 1, cov=True)
    assert drift == pytest.approx(1000 * slope / 4)
    assert error == pytest.approx(1000 * covariance[0, 0] ** 0.5 / 4)
    assert drift_meV_atom_ps(values[:2], interval_ps=0.5, atoms=4) == (None, None)
    assert not drifts_faster(None, None, limit=0.1)


def test_unknown_element_stops_before_any_step(committee, tmp_path):
    cell = packed()
    cell.symbols[0] = "Br"
    with pytest.raises(SaltflowError, match="Li2ZrCl6: the potential does not know Br"):
        quenched(cell, committee, tmp_path)
    assert not (tmp_path / "work").exists()
