"""Motion of walkers whose displacements, hops and strings are known."""

import json

import numpy as np
import pytest
from alpha2_walkers import KINDS, alpha2_deviations

from saltflow.analysis.motion.analysis import analyse_motion, no_motion
from saltflow.analysis.motion.figures import plot_hops, plot_residence_map, plot_van_hove
from saltflow.analysis.motion.hops import HopFinder, HopRule, Hops
from saltflow.analysis.motion.residence_maps import map_sites
from saltflow.analysis.motion.strings import LinkCriteria, count_linked_ions, shuffled_in_time
from saltflow.analysis.motion.van_hove import plan_lags
from saltflow.trajectory.chunks import FrameChunk
from saltflow.trajectory.memory import Trajectory

EDGE_A, INTERVAL_PS = 20.0, 0.2
IONS, REST = 24, 8
RATE_1_PS, JUMP_A, RATTLE_A = 0.02, 3.0, 0.12
SETTINGS = {
    "origins_per_replica": 150, "max_lag_fraction": 0.1, "van_hove_lags": 3, "van_hove_r_max_A": 10.0,
    "van_hove_bin_A": 0.2, "hop_window_ps": 2.0, "hop_length_A": 1.5, "concerted_time_ps": 2.0,
    "concerted_distance_A": 5.0, "string_distance_A": 1.5, "shuffles": 5, "site_radius_A": 1.5,
}  # fmt: skip
CELL_A = np.eye(3) * EDGE_A


def analyse(runs, **changes) -> dict:
    point = {"charges": {"Li": 1, "Cl": -1}, "mobile_ion": "Li", "temperature_K": 600.0}
    return analyse_motion(runs, **point, **(SETTINGS | changes))


def trajectory(rng, ion_paths_A) -> Trajectory:
    """Ions on their paths in a framework that drifts, and they with it."""
    frames, ions, _ = ion_paths_A.shape
    rest_A = np.tile(rng.random((REST, 3)) * EDGE_A, (frames, 1, 1))
    drift_A = np.linspace(0, 30, frames)[:, None, None] * np.array([1.0, 0.5, 0.0])
    positions_A = np.concatenate([ion_paths_A, rest_A], axis=1) + drift_A
    symbols = ("Li",) * ions + ("Cl",) * REST
    return Trajectory(positions_A, np.tile(CELL_A, (frames, 1, 1)), INTERVAL_PS * np.arange(frames), symbols,
                      np.ones(len(symbols)))  # fmt: skip


def jumping(seed: int, *, frames: int = 4000, rate_per_ps: float = RATE_1_PS, rattle_A: float = RATTLE_A) -> Trajectory:
    """Compound Poisson walkers with rattling; jumps of one length in random directions."""
    rng = np.random.default_rng(seed)
    jumps = rng.random((frames, IONS)) < rate_per_ps * INTERVAL_PS
    directions = rng.normal(size=(frames, IONS, 3))
    directions *= JUMP_A / np.linalg.norm(directions, axis=-1, keepdims=True)
    paths_A = rng.random((IONS, 3)) * EDGE_A + np.cumsum(jumps[..., None] * directions, axis=0)
    return trajectory(rng, paths_A + rng.normal(0, rattle_A, paths_A.shape))


@pytest.fixture(scope="module")
def result() -> dict:
    return analyse([jumping(seed) for seed in (1, 2, 3)])


def test_rate_and_length_of_poisson_jumps(result):
    hops = result["hops"]
    assert result["status"] == "ok"
    # Two jumps within a window are seen as one: a few per cent at this rate.
    expected = RATE_1_PS * np.exp(-RATE_1_PS * hops["window_ps"])
    assert hops["rate_per_ps"]["value"] == pytest.approx(expected, abs=4 * hops["rate_per_ps"]["error"])
    assert hops["mean_length_A"]["value"] == pytest.approx(JUMP_A, abs=0.1)
    assert hops["cage_A"] == pytest.approx(np.sqrt(3) * RATTLE_A, rel=0.15)
    assert hops["return_fraction"]["value"] < 0.15


def test_alpha2_of_jumps_without_rattling():
    """A compound Poisson process: ⟨r⁴⟩ = d⁴(Γt + 5/3 (Γt)²), so that α2 = 3/(5Γt)."""
    curves = analyse([jumping(seed, rattle_A=0.0) for seed in (4, 5, 6)])["curves"]
    lags_ps = np.array(curves["lags_ps"])
    found, error = (np.array(curves["alpha2"]["Li"][key]) for key in ("value", "error"))
    used = lags_ps > 5
    assert found[used] == pytest.approx(3 / (5 * RATE_1_PS * lags_ps[used]), rel=0.35)
    z = (found - 3 / (5 * RATE_1_PS * lags_ps))[used] / error[used]
    assert np.abs(np.median(z)) < 2.5


def test_a_gaussian_walk_and_an_ideal_gas():
    rng = np.random.default_rng(7)
    paths_A = rng.random((IONS, 3)) * EDGE_A + np.cumsum(rng.normal(0, 0.15, (3000, IONS, 3)), axis=0)
    found = analyse([trajectory(rng, paths_A)], van_hove_bin_A=0.5)
    curves, hove = found["curves"], found["curves"]["van_hove"]
    alpha2, error = (np.array(curves["alpha2"]["Li"][key]) for key in ("value", "error"))
    assert np.all(np.abs(alpha2) < 4 * error + 0.05)
    r_A = np.array(hove["r_A"])
    for lag_ps, values in zip(hove["lags_ps"][1:], hove["self_1_A"]["value"][1:], strict=True):
        variance_A2 = 0.15**2 * lag_ps / INTERVAL_PS
        expected = 4 * np.pi * r_A**2 * np.exp(-(r_A**2) / (2 * variance_A2)) / (2 * np.pi * variance_A2) ** 1.5
        assert np.trapezoid(np.abs(np.array(values) - expected), r_A) < 0.2
    far = r_A > 3
    assert np.mean(np.array(hove["distinct"]["value"][-1])[far]) == pytest.approx(1.0, abs=0.05)
    assert found["frame"] == "framework"


def test_vibration_in_a_cage_is_no_hop():
    rng = np.random.default_rng(8)
    sites_A = rng.random((IONS, 3)) * EDGE_A
    phases = rng.random((IONS, 3)) * 2 * np.pi
    times = np.arange(3000)[:, None, None] * INTERVAL_PS
    paths_A = sites_A + 0.5 * np.sin(2 * np.pi * 1.3 * times + phases) + rng.normal(0, 0.1, (3000, IONS, 3))
    found = analyse([trajectory(rng, paths_A)])
    assert found["hops"]["count"] == 0
    assert found["status"] == "no hops"
    assert found["maps"][0]["ions_without_hop"] == 1.0
    assert found["maps"][0]["covered"] == pytest.approx(1.0)


def test_hops_do_not_depend_on_the_chunks():
    run = jumping(9, frames=1200)
    whole = None
    for size in (1200, 300, 37):
        finder = HopFinder(np.arange(IONS), HopRule(stride=2, window=5, interval_ps=0.4, shortest_A=1.5))
        for start in range(0, 1200, size):
            frames = slice(start, start + size)
            finder.advance(FrameChunk(start, run.positions_A[frames], run.cells_A[frames]))
        hops = finder.finish()
        whole = hops if whole is None else whole
        np.testing.assert_array_equal(hops.frames, whole.frames)
        np.testing.assert_allclose(hops.ends_A, whole.ends_A)
    assert len(whole.frames) > 30


def planted_strings(rng, *, strings: int, members: int, loners: int) -> Hops:
    """Strings of ions that each take the place of the next one, in a gas of hops that know nothing of each other."""
    frames, ions, starts_A = [], [], []
    for number in range(strings):
        line = rng.random(3) * EDGE_A + np.arange(members)[:, None] * np.array([3.0, 0.0, 0.0])
        frames += (100 * number + rng.integers(4, size=members)).tolist()
        ions += rng.permutation(200)[:members].tolist()
        starts_A += line.tolist()
    ends_A = [np.array(place) + [3.0, 0.0, 0.0] for place in starts_A]
    begun_A = rng.random((loners, 3)) * EDGE_A
    directions = rng.normal(size=(loners, 3))
    frames += rng.integers(100 * strings, size=loners).tolist()
    ions += (200 + rng.integers(100, size=loners)).tolist()
    ends_A = np.concatenate([ends_A, begun_A + 3 * directions / np.linalg.norm(directions, axis=1, keepdims=True)])
    order = np.argsort(frames, kind="stable")
    starts_A = np.concatenate([starts_A, begun_A])
    return Hops(np.array(ions)[order], np.array(frames)[order], starts_A[order], ends_A[order])


def test_planted_strings_are_found_and_the_shuffled_ones_are_not():
    rng = np.random.default_rng(10)
    hops = planted_strings(rng, strings=60, members=4, loners=240)
    criteria = LinkCriteria(5, 1.0, 4.0, CELL_A)
    planted = hops.ions < 200
    found = count_linked_ions(hops, criteria)["string"]
    assert np.mean(found[planted] >= 4) > 0.97
    assert np.mean(found[~planted] == 1) > 0.9
    shuffled = count_linked_ions(shuffled_in_time(hops, first=0, frames=6000, rng=rng), criteria)["string"]
    assert np.mean(shuffled >= 2) < 0.05
    assert np.mean(shuffled >= 4) == 0


def test_stays_become_sites():
    """Two ions exchange places once: two sites, each of them shared half and half."""
    starts_A = np.array([[1.0, 1, 1], [8.0, 1, 1]])
    hops = Hops(np.array([0, 1]), np.array([50, 50]), starts_A, starts_A[::-1] + 0.1)
    found = map_sites(hops, starts_A, frames=100, radius_A=1.5, cell_A=CELL_A)
    assert len(found.places_A) == 2
    np.testing.assert_allclose(found.fractions, 0.5)


def test_lags_reach_as_far_as_asked():
    plan = plan_lags(longest=500, interval_ps=0.1, curves=4, r_max_A=5.0, bin_A=0.5, origins_wanted=10)
    assert plan.lags[0] == 0
    assert plan.lags[-1] == 500
    assert plan.van_hove[0] == 0
    assert plan.lags[plan.van_hove[-1]] == 500


def test_strings_and_site_maps_are_left_out_unless_asked_for(result, tmp_path):
    plain = analyse([jumping(seed) for seed in (1, 2, 3)], strings=False, residence_maps=False)
    assert plain["curves"] == result["curves"]
    assert plain["hops"] == {key: result["hops"][key] for key in plain["hops"]}
    assert set(result["hops"]) - set(plain["hops"]) == {"string", "concerted"}
    assert set(result) - set(plain) == {"maps"}
    plot_hops(plain, tmp_path / "hops.svg", title="T")
    assert "Strings were not asked for." in (tmp_path / "hops.svg").read_text()


def test_figures_and_json(result, tmp_path):
    json.dumps(result, allow_nan=False)
    missing = no_motion(["gas"], temperature_K=600.0)
    for plot, words in ((plot_van_hove, "4πr²G_s"), (plot_hops, "α2(t)"), (plot_residence_map, "fraction of the run")):
        plot(result, tmp_path / "accepted.svg", title="x")
        assert words in (tmp_path / "accepted.svg").read_text()
        plot(missing, tmp_path / "missing.svg", title="x")
        assert "replica 1: gas" in (tmp_path / "missing.svg").read_text()


@pytest.mark.parametrize("kind", KINDS)
def test_errors_of_alpha2_are_calibrated_up_to_the_longest_lag(kind):
    """One replica, whose longest lags have no blocks to compare: ions that differ give the error."""
    found = [alpha2_deviations(kind, frames=600, replicas=1, seed=7000 + seed) for seed in range(30)]
    slack = 2.5 / np.sqrt(2 * len(found))
    for name in found[0]:
        spread = np.std([each[name] for each in found])
        assert 0.75 - slack < spread < 1.3 + slack, (name, spread)


def test_ions_that_differ_widen_the_error_of_the_hop_rate():
    """Half of the ions never hop: the rate is known from 72 tosses of a coin, not from hundreds of hops."""
    rng = np.random.default_rng(11)
    runs = []
    for _ in range(3):
        mobile = rng.random((IONS, 1)) < 0.5
        steps = (rng.random((3000, IONS, 1)) < 0.04 * INTERVAL_PS) * mobile * [JUMP_A, 0, 0]
        runs.append(trajectory(rng, np.cumsum(steps, axis=0) + rng.normal(0, RATTLE_A, (3000, IONS, 3))))
    rate = analyse(runs, strings=False, residence_maps=False)["hops"]["rate_per_ps"]
    assert rate["error"] / rate["value"] > np.sqrt(1 / 72) / 1.5
