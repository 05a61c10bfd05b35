"""Hop and rotation frequencies of known rates, ratios with calibrated errors, and the dominant motion."""

import json

import numpy as np
import pytest
from ase import Atoms

from saltflow.analysis.coupling.coupling_relation import dominant_motion, relate_coupling
from saltflow.analysis.coupling.figures import plot_coupling
from saltflow.analysis.coupling.frequencies import hop_frequency_per_ps, orientation_correlations
from saltflow.analysis.coupling.ratios import diffusion_ratio
from saltflow.analysis.coupling.reading import read_state_points
from saltflow.trajectory.h5md import H5MDWriter
from saltflow.trajectory.memory import Trajectory

ARRHENIUS = {"target_temperature_K": 300.0, "bootstrap_samples": 50}


def run_of(positions_A, symbols, *, interval_ps=0.1, edge_A=30.0):
    frames = len(positions_A)
    return Trajectory(
        positions_A=np.asarray(positions_A),
        cells_A=np.broadcast_to(np.eye(3) * edge_A, (frames, 3, 3)).copy(),
        times_ps=interval_ps * np.arange(frames),
        symbols=tuple(symbols),
        masses_u=Atoms(symbols).get_masses(),
    )


# ── frequencies ────────────────────────────────────────────────────────────────────────────────


def test_jumps_over_a_lattice_are_counted_one_by_one():
    """Jumps of 3 Å at 0.2 per ps, rattling by 0.2 Å, a drift of everything that is no hop."""
    random, frames, ions = np.random.default_rng(0), 4000, 40
    jumps = random.random((frames, ions)) < 0.02
    steps = 3.0 * np.eye(3)[random.integers(3, size=(frames, ions))] * random.choice([-1, 1], size=(frames, ions, 1))
    ion_A = np.cumsum(steps * jumps[..., None], axis=0) + random.normal(scale=0.2, size=(frames, ions, 3))
    frame_A = np.zeros((frames, 20, 3)) + random.normal(scale=0.1, size=(frames, 20, 3))
    positions_A = np.concatenate([ion_A, frame_A], axis=1) + 0.02 * np.arange(frames)[:, None, None]
    run = run_of(positions_A, ["Li"] * ions + ["O"] * 20)
    expected = 0.2
    error = expected / np.sqrt(jumps.sum())
    assert abs(hop_frequency_per_ps(run, mobile_ion="Li", hop_length_A=2.0) - expected) < 4 * error


def test_brownian_ions_hop_at_six_D_over_the_square_of_the_length():
    random, frames, ions, step_A = np.random.default_rng(1), 20000, 30, 0.05
    positions_A = np.cumsum(random.normal(scale=step_A, size=(frames, ions, 3)), axis=0)
    run = run_of(np.concatenate([positions_A, np.zeros((frames, 1, 3))], 1), ["Li"] * ions + ["O"])
    diffusion = step_A**2 / (2 * 0.1)
    # A walk is seen a little after it has passed: by 0.58 of a step in each direction.
    expected = 6 * diffusion / (2.0 + 0.58 * step_A) ** 2
    assert hop_frequency_per_ps(run, mobile_ion="Li", hop_length_A=2.0) == pytest.approx(expected, rel=0.05)


def turning(rate_per_ps, *, frames, bodies, seed, interval_ps=0.05):
    """Vectors that diffuse over the sphere: C1 = exp(−2Dt), C2 = exp(−6Dt)."""
    random = np.random.default_rng(seed)
    unit = random.normal(size=(bodies, 3))
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    path = np.empty((frames, bodies, 3))
    for frame in range(frames):
        path[frame] = unit
        kick = np.sqrt(2 * rate_per_ps * interval_ps) * random.normal(size=(bodies, 3))
        unit = unit + np.cross(kick, unit)
        unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    return path


def dumbbells(path, *, interval_ps=0.05):
    """OH groups along the vectors, the oxygens spread over a cell and the hydrogens wrapped into it."""
    frames, bodies, _ = path.shape
    oxygen = np.random.default_rng(3).uniform(0, 30, size=(bodies, 3)) + np.zeros((frames, 1, 1))
    hydrogen = oxygen + 0.97 * path
    hydrogen = hydrogen - 30 * np.floor(hydrogen[0] / 30)
    positions_A = np.stack([oxygen, hydrogen], 2).reshape(frames, -1, 3)
    groups = [(2 * body, 2 * body + 1) for body in range(bodies)]
    return run_of(positions_A, ["O", "H"] * bodies, interval_ps=interval_ps), groups


def test_rotational_diffusion_gives_its_frequency_and_both_orders():
    path = turning(0.25, frames=6000, bodies=60, seed=4)
    run, groups = dumbbells(path)
    found = orientation_correlations(run, groups)
    assert not found["is_bound"]
    assert found["frequency_per_ps"] == pytest.approx(2 * 0.25, rel=0.1)
    lags, first, second = (np.array(found[name]) for name in ("lags_ps", "C1", "C2"))
    early = lags < 3
    np.testing.assert_allclose(first[early], np.exp(-0.5 * lags[early]), atol=0.04)
    np.testing.assert_allclose(second[early], np.exp(-1.5 * lags[early]), atol=0.04)


def test_what_hardly_turns_gives_a_bound():
    run, groups = dumbbells(turning(1e-4, frames=400, bodies=20, seed=5))
    found = orientation_correlations(run, groups)
    assert (found["is_bound"], found["tau1_ps"]) == (True, None)
    assert found["frequency_per_ps"] == pytest.approx(1 / (0.05 * 199))


# ── ratios ─────────────────────────────────────────────────────────────────────────────────────


def transport(values, *, temperature_K=500.0, relative_error=0.05, status="ok", basis="blocks", replica_statuses=None):
    """The part of a transport result that is compared, of replicas with these D."""
    known = [value for value in values if value is not None]
    row = {"value": float(np.mean(known)), "error": relative_error * float(np.mean(known)), "unit": "cm2/s",
           "degrees_of_freedom": 20, "basis": basis}  # fmt: skip
    return {
        "status": status,
        "temperature_K": temperature_K,
        "quantities": {"D_cm2_s": row},
        "per_replica": [{"D_cm2_s": value} for value in values],
        "replica_statuses": replica_statuses or ["ok"] * len(values),
    }


def test_replicas_are_compared_with_themselves():
    free, frozen = [1e-6, 4e-6, 9e-6], [0.5e-6, 2e-6, 4.5e-6]  # unlike replicas, the same ratio
    row = diffusion_ratio(transport(frozen), transport(free))
    assert row["value"] == pytest.approx(0.5)
    assert (row["replicas"], row["basis"]) == (3, "blocks")
    missing = diffusion_ratio(
        transport(frozen[1:], replica_statuses=["not run: no groups", "ok", "ok"]), transport(free)
    )
    assert missing["per_replica"] == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize("spread_of_replicas", [0.0, 0.5])
def test_errors_of_ratios_are_true(spread_of_replicas):
    """Of many state points, 68 % are within one error of the truth, and 95 % of the intervals hold it."""
    random, scores, inside = np.random.default_rng(6), [], []
    for _ in range(800):
        truth = np.log(0.4) + spread_of_replicas * random.normal(size=4)
        noise = 0.1 * random.normal(size=(2, 4))
        free, frozen = np.exp(noise[0]), np.exp(truth + noise[1])
        relative = 0.1 / np.sqrt(4)
        row = diffusion_ratio(
            transport(frozen, relative_error=relative, basis="brownian"),
            transport(free, relative_error=relative, basis="brownian"),
        )
        scores.append(np.log(row["value"] / 0.4) / row["ln_error"])
        inside.append(row["low"] <= 0.4 <= row["high"])
    within = np.mean(np.abs(scores) < 1)
    assert 0.64 < within < 0.83  # some more, for the larger of two errors is taken
    assert 0.93 < np.mean(inside) <= 1.0


def test_a_ratio_keeps_the_status_of_a_run_that_is_not_diffusive():
    row = diffusion_ratio(transport([1e-6, 1e-6], status="not diffusive"), transport([2e-6, 2e-6]))
    assert (row["status"], row["value"]) == ("not diffusive", pytest.approx(0.5))
    lost = {
        "status": "no accepted replica",
        "quantities": {},
        "per_replica": [],
        "replica_statuses": ["not run: no groups"],
    }
    assert diffusion_ratio(lost, transport([2e-6]))["value"] is None
    assert diffusion_ratio(lost, transport([2e-6]))["status"] == "no accepted replica"


def ratio(value, ln_error=0.05, status="ok"):
    return {"value": value, "ln_error": ln_error, "status": status}


@pytest.mark.parametrize(
    ("ratios", "motion", "resolved"),
    [
        ({"T": ratio(0.8), "R": ratio(0.2), "V": ratio(0.9)}, "R", True),
        ({"T": ratio(0.8), "R": ratio(0.78), "V": ratio(0.9)}, "R", False),
        ({"T": ratio(1.0), "R": ratio(1.1), "V": ratio(0.97)}, "V", False),
        ({"T": ratio(0.3), "R": ratio(0.1, status="not diffusive"), "V": ratio(0.9)}, "T", False),
        ({"TR": ratio(0.1)}, None, False),
    ],
)
def test_a_motion_is_dominant_only_beyond_errors(ratios, motion, resolved):
    found = dominant_motion(ratios)
    assert (found["motion"], found["resolved"]) == (motion, resolved)
    assert resolved or found["reason"]


# ── the whole ──────────────────────────────────────────────────────────────────────────────────


def coupled_point(temperature_K, *, turns_per_ps, hops_per_ps, status="ok"):
    """A state point with given rotation and hop rates, where rotation dominates by a factor of five."""
    frames, bodies, ions = 3000, 12, 12
    path = turning(turns_per_ps / 2, frames=frames, bodies=bodies, seed=int(temperature_K))
    run, groups = dumbbells(path)
    random = np.random.default_rng(8)
    jumps = random.random((frames, ions)) < hops_per_ps * 0.05
    ion_A = np.cumsum(3.0 * np.eye(3)[random.integers(3, size=(frames, ions))] * jumps[..., None], axis=0)
    whole = run_of(np.concatenate([run.positions_A, ion_A], 1), (*run.symbols, *["Li"] * ions), interval_ps=0.05)
    found = {
        "status": status,
        "groups": [{"kind": "OH", "atoms": list(group)} for group in groups] if status == "ok" else [],
        "kinds": {},
    }
    free = 1e-4 * np.exp(-0.3 / (8.617333262e-5 * temperature_K)) * np.array([0.9, 1.0, 1.1])
    frozen = {"T": 0.7 * free, "R": 0.2 * free, "V": 0.95 * free}
    lost = {"status": "no accepted replica", "temperature_K": temperature_K, "quantities": {}, "per_replica": [],
            "replica_statuses": [f"not run: {status}"] * 3}  # fmt: skip
    return {
        "temperature_K": temperature_K,
        "runs": [whole] * 3 if status == "ok" else [],
        "groups": {"replicas": [found] * 3},
        "free": transport(free, temperature_K=temperature_K),
        "frozen": {
            mode: transport(values, temperature_K=temperature_K) if status == "ok" else lost
            for mode, values in frozen.items()
        },
    }


def related(points):
    return relate_coupling(
        points, modes=["T", "R", "V"], mobile_ion="Li", hop_length_A=2.0, matching_factor=3.0, arrhenius=ARRHENIUS,
        seed=1,
    )  # fmt: skip


def test_the_relation_has_rates_rule_energies_and_what_matters(tmp_path):
    result = related([
        coupled_point(700.0, turns_per_ps=4.0, hops_per_ps=0.2),
        coupled_point(500.0, turns_per_ps=0.5, hops_per_ps=0.2),
        coupled_point(600.0, turns_per_ps=0.5, hops_per_ps=0.5),
    ])  # fmt: skip
    assert [point["temperature_K"] for point in result["state_points"]] == [500.0, 600.0, 700.0]
    for point, expected, motion in zip(result["state_points"], (2.5, 1.0, 20.0), "RRT", strict=True):
        rule = point["rule"]["OH"]
        assert rule["rotation_over_hopping"] == pytest.approx(expected, rel=0.35)
        assert rule["expects"] == motion
        assert (point["dominant"]["motion"], point["dominant"]["resolved"]) == ("R", True)
        assert point["ratios"]["R"]["value"] == pytest.approx(0.2)
    for mode in ("free", "T", "R", "V"):
        assert result["Ea"][mode]["value"] == pytest.approx(0.3, abs=1e-3)
    plot_coupling(result, tmp_path / "coupling.svg", title="OH")
    drawn = (tmp_path / "coupling.svg").read_text()
    assert "R frozen" in drawn
    assert "★" in drawn


def test_a_composition_without_groups_says_so(tmp_path):
    result = related([coupled_point(500.0, turns_per_ps=1.0, hops_per_ps=0.2, status="groups exchange atoms")])
    assert result["state_points"][0]["dominant"]["motion"] is None
    assert result["Ea"]["R"]["status"] == "too few diffusive temperatures"
    plot_coupling(result, tmp_path / "coupling.svg", title="network")
    assert "No motion was frozen (groups exchange atoms)." in (tmp_path / "coupling.svg").read_text()


def test_products_are_put_together_by_the_temperature_and_the_mode_that_they_state(tmp_path):
    def file(name, **content):
        (tmp_path / name).write_text(json.dumps(content))
        return tmp_path / name

    replicas, trajectories = [{"status": "ok"}, {"status": "gas"}], []
    for replica in (1, 2):
        for kelvin in (600.0, 500.0):
            salt = Atoms("Li", cell=[kelvin / 100, 5, 5], pbc=True)
            trajectories.append(tmp_path / f"{replica}-{kelvin:g}.h5md")
            with H5MDWriter(trajectories[-1], salt, metadata={}) as writer:
                writer.append_positions(step=0, time_ps=0.0, positions_A=salt.positions, cell_A=salt.cell.array)
    found = read_state_points(
        trajectories=trajectories,
        groups=[file(f"g{kelvin}", temperature_K=kelvin, replicas=replicas) for kelvin in (600.0, 500.0)],
        free=[file(f"f{kelvin}", temperature_K=kelvin, D=kelvin) for kelvin in (500.0, 600.0)],
        frozen=[file(f"{m}{kelvin}", temperature_K=kelvin, mode=m) for m in "TR" for kelvin in (500.0, 600.0)],
    )
    assert [point["temperature_K"] for point in found] == [600.0, 500.0]
    assert [point["free"]["D"] for point in found] == [600.0, 500.0]
    assert [[run.cells_A[0, 0, 0] for run in point["runs"]] for point in found] == [[6.0], [5.0]]
    for point in found:
        assert {name: each["temperature_K"] for name, each in point["frozen"].items()} == dict.fromkeys(
            "TR", point["temperature_K"]
        )
