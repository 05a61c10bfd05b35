"""Motion whose transport coefficients follow in closed form."""

import numpy as np
import pytest
from transport_cases import analyse, within
from walkers import EDGE_A, HEAVY_U, INTERVAL_PS, RULE, STATE_POINT, brownian_steps, trajectory_of

from saltflow.analysis.transport.conductivity import BOLTZMANN_EV_K
from saltflow.analysis.transport.measurement import measure
from saltflow.analysis.transport.msd import displacement_curves
from saltflow.trajectory.segments import prepare_system


@pytest.fixture
def rng():
    return np.random.default_rng(60)


def poisson_jumps(rng, frames, ions, *, rate_per_ps, length_A):
    """Steps of ions that jump by one length in any direction, at times that know nothing of each other."""
    steps = np.zeros((frames, ions, 3))
    numbers = rng.poisson(rate_per_ps * INTERVAL_PS, (frames, ions))
    for more in range(1, numbers.max() + 1):
        directions = rng.normal(size=(frames, ions, 3))
        directions *= length_A / np.linalg.norm(directions, axis=-1, keepdims=True)
        steps += directions * (numbers >= more)[..., None]
    return steps


def test_poisson_jumps_diffuse_as_their_rate_says(rng):
    """MSD = Γ a² t at any lag, long before α2 = 3/(5Γt) has died away; D = Γ a²/6."""
    rate_per_ps, length_A = 0.4, 2.5
    walks = [
        np.cumsum(poisson_jumps(rng, 2500, 16, rate_per_ps=rate_per_ps, length_A=length_A), axis=0) for _ in range(3)
    ]
    salts = [
        trajectory_of(
            np.concatenate([walk_A, np.zeros((2500, 4, 3))], axis=1), ["Li"] * 16 + ["Cl"] * 4,
            [6.94] * 16 + [HEAVY_U] * 4,
        )
        for walk_A in walks
    ]  # fmt: skip
    result = analyse(salts)
    assert result["status"] == "ok"
    assert within(result["quantities"]["D_cm2_s"], rate_per_ps * length_A**2 / 6 * 1e-4)
    system = prepare_system(salts, charges=STATE_POINT["charges"], mobile_ion="Li", temperature_K=600.0)
    lags = np.array([1, 3, 10])
    msd_A2 = displacement_curves(system, lags).means()[0][:, system.mobile] / 16
    assert msd_A2 == pytest.approx(rate_per_ps * length_A**2 * lags * INTERVAL_PS, rel=0.03)


def test_onsager_matrix_of_a_common_mode_walk(rng):
    """Each species on its own and on walks that species share, against a framework that is not heavy.

    In the laboratory C_ab = δ_ab N_a D_a + N_a N_b Σ_m s_am s_bm; with P = 1 − N wᵀ, w = M/Σ N M, the barycentric one
    is P C Pᵀ, and L = C/(V kT).
    """
    counts, masses_u = np.array([6, 10, 4]), np.array([35.45, 6.94, 91.2])  # Cl, Li, Zr
    own_A2_ps = np.array([0.3, 0.6, 0.05])
    shared = np.array([[0.10, 0.20, 0.0], [0.15, -0.10, 0.05]])  # modes × species, root of Å²/ps
    symbols = ["Cl"] * 6 + ["Li"] * 10 + ["Zr"] * 4
    species = np.repeat(np.arange(3), counts)
    salts = []
    for _ in range(3):
        modes = [brownian_steps(rng, 4000, 1, D_A2_ps=1.0) for _ in shared]
        steps = sum(mode * amplitudes[species][None, :, None] for mode, amplitudes in zip(modes, shared, strict=True))
        steps = steps + rng.normal(size=(4000, 20, 3)) * np.sqrt(2 * own_A2_ps[species] * INTERVAL_PS)[:, None]
        salts.append(trajectory_of(np.cumsum(steps, axis=0), symbols, masses_u[species]))
    laboratory = np.diag(counts * own_A2_ps) + np.outer(counts, counts) * (shared.T @ shared)
    projection = np.eye(3) - np.outer(counts, masses_u / (masses_u @ counts))
    barycentric = projection @ laboratory @ projection.T
    expected = barycentric / (EDGE_A**3 * BOLTZMANN_EV_K * 600.0) * 1e20
    measured = measure(salts, **{**STATE_POINT, "charges": {"Cl": -1, "Li": 1, "Zr": -1}}, **RULE)
    estimate = measured.estimates({})["onsager_ab_per_eV_cm_s"]
    deviations = (estimate.value - expected) / estimate.error
    assert np.abs(deviations).max() < 4
    assert np.abs(estimate.error / np.sqrt(np.outer(np.diag(expected), np.diag(expected)))).max() < 0.25
    np.testing.assert_allclose(estimate.value @ masses_u, 0.0, atol=1e-9 * np.abs(estimate.value * masses_u).max())
    assert np.abs(expected[0, 1]) > 4 * estimate.error[0, 1], "a cross term that is there to be seen"


def test_affine_breathing_moves_nothing_in_any_frame_or_collective_quantity(rng):
    """Each edge and angle breathes by itself; at fixed fractional coordinates every displacement is none."""
    frames = np.arange(500)
    cells_A = np.tile(np.array([[20.0, 0, 0], [3, 19, 0], [-2, 1, 18]]), (500, 1, 1))
    for place, period in ((0, 5.0), (1, 9.0), (2, 14.0)):
        cells_A[:, place] *= (1 + 0.04 * np.sin(frames / period))[:, None]
    cells_A[:, 1, 0] += 0.5 * np.sin(frames / 11.0)
    positions_A = (rng.random((16, 3)) * 3 - 1) @ cells_A
    salt = trajectory_of(positions_A, ["Li"] * 8 + ["Cl"] * 8, [6.94] * 8 + [35.45] * 8, cells_A=cells_A)
    for frame in ("framework", "barycentric"):
        result = analyse([salt], frame=frame)
        assert result["status"] == "not diffusive"
        assert abs(result["quantities"]["D_cm2_s"]["value"]) < 1e-15
        assert abs(result["quantities"]["sigma_E_mS_cm"]["value"]) < 1e-9
