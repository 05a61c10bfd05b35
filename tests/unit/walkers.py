"""Walkers whose transport coefficients are known, as trajectories."""

from functools import partial

import numpy as np

from saltflow.analysis.transport.conductivity import conductivity_mS_cm
from saltflow.analysis.transport.measurement import measure
from saltflow.trajectory.memory import Trajectory

INTERVAL_PS = 0.1
EDGE_A = 20.0
RULE = {"alpha_min": 0.9, "alpha_max": 1.1, "msd_min_A2": 10.0, "max_lag_fraction": 0.4}
# A framework this heavy is at rest in the barycentric frame, so that the ions' own statistics show.
HEAVY_U = 1e9
# Quantities with the status "too few windows" of their own.
COLLECTIVE = ("sigma_E_mS_cm", "transference_E")


def trajectory_of(positions_A, symbols, masses_u, *, cells_A=None, times_ps=None):
    frames = len(positions_A)
    return Trajectory(
        positions_A=positions_A,
        cells_A=np.tile(np.eye(3) * EDGE_A, (frames, 1, 1)) if cells_A is None else cells_A,
        times_ps=INTERVAL_PS * np.arange(frames) if times_ps is None else times_ps,
        symbols=tuple(symbols),
        masses_u=np.asarray(masses_u, dtype=float),
    )


def brownian_steps(rng, frames, ions, *, D_A2_ps):
    return rng.normal(0, np.sqrt(2 * D_A2_ps * INTERVAL_PS), (frames, ions, 3))


def jump_steps(rng, frames, ions, *, D_A2_ps, jump_A=2.5):
    chance = 2 * D_A2_ps * INTERVAL_PS / jump_A**2
    return jump_A * rng.choice([-1, 1], (frames, ions, 3)) * (rng.random((frames, ions, 3)) < chance)


def lithium_in_a_heavy_frame(steps):
    """Li walkers and as many Cl at rest, so heavy that the centre of mass rests as well."""
    frames, ions, _ = steps.shape
    positions_A = np.concatenate([np.cumsum(steps, axis=0), np.zeros((frames, ions, 3))], axis=1)
    return trajectory_of(positions_A, ["Li"] * ions + ["Cl"] * ions, [6.94] * ions + [HEAVY_U] * ions)


STATE_POINT = {"charges": {"Li": 1, "Cl": -1}, "mobile_ion": "Li", "temperature_K": 600.0, "frame": "barycentric"}


def independent(make_steps, rng, frames, replicas):
    """Li walkers in a frame at rest: H_R = 1, all current by Li."""
    salts = [lithium_in_a_heavy_frame(make_steps(rng, frames, 8, D_A2_ps=0.6)) for _ in range(replicas)]
    return salts, lithium_truth(0.6)


def lithium_truth(D_A2_ps):
    """Of 8 Li on their own in a frame at rest."""
    sigma_mS_cm = lithium_sigma_mS_cm(8 * D_A2_ps * 1e-4)
    alone = {"D_cm2_s": D_A2_ps * 1e-4, "sigma_NE_mS_cm": sigma_mS_cm, "sigma_E_mS_cm": sigma_mS_cm}
    return alone | {"haven_ratio": 1.0}


def lithium_sigma_mS_cm(squared_charge_D):
    return conductivity_mS_cm(squared_charge_D, volume_A3=EDGE_A**3, temperature_K=600.0)


def along_axes(axes_of_ions, rng, frames, ions, *, D_A2_ps):
    """Brownian steps along some of the axes only; the mean over them is D.

    Args:
        axes_of_ions: whether each ion moves along each axis; taken in turn by the ions, (any, 3).
    """
    moves = np.resize(np.asarray(axes_of_ions, dtype=float), (ions, 3))
    return brownian_steps(rng, frames, ions, D_A2_ps=D_A2_ps) * np.sqrt(3 * moves / moves.sum(axis=1, keepdims=True))


def mixed_glasses(rng, frames, replicas):
    """Glasses in which each ion is mobile by a fair coin: the share of mobile ions differs from glass to glass."""
    salts = [
        lithium_in_a_heavy_frame(brownian_steps(rng, frames, 16, D_A2_ps=1.2) * (rng.random((16, 1)) < 0.5))
        for _ in range(replicas)
    ]
    return salts, mixed_truth()


def unlike_glasses(rng, frames, replicas):
    """Glasses whose share of mobile ions differs by more than chance: anything from 0.2 to 0.8."""
    salts = []
    for _ in range(replicas):
        mobile = rng.random((16, 1)) < rng.uniform(0.2, 0.8)
        salts.append(lithium_in_a_heavy_frame(brownian_steps(rng, frames, 16, D_A2_ps=1.2) * mobile))
    return salts, mixed_truth()


def mixed_truth():
    """Of 16 Li, every second of them mobile with D = 1.2 Å²/ps on average."""
    truth = lithium_truth(0.6)
    return truth | {name: 2 * truth[name] for name in ("sigma_NE_mS_cm", "sigma_E_mS_cm")}


def strings(rng, frames, replicas):
    """Ions that move in pairs: H_R = 1/2."""
    salts = [
        lithium_in_a_heavy_frame(np.repeat(brownian_steps(rng, frames, 4, D_A2_ps=0.6), 2, axis=1))
        for _ in range(replicas)
    ]
    truth = lithium_truth(0.6)
    return salts, truth | {"sigma_E_mS_cm": 2 * truth["sigma_E_mS_cm"], "haven_ratio": 0.5}


def correlated(rng, frames, replicas, *, axes=(1, 1, 1)):
    """8 Li and 8 Cl walk on their own (D = 0.4, 0.2 Å²/ps) and on a walk that all share (0.1 Å²/ps), against Zr.

    With z = ±1 and 8 of each: collective D_ab = δ_ab 8 D_a + 64 × 0.1, from which σ_E, H_R and t_Li follow exactly.
    """
    salts = []
    for _ in range(replicas):
        walk = partial(along_axes, [axes], rng, frames)
        common = walk(1, D_A2_ps=0.1)
        steps = np.concatenate([walk(8, D_A2_ps=0.4) + common, walk(8, D_A2_ps=0.2) + common], axis=1)
        positions_A = np.concatenate([np.cumsum(steps, axis=0), np.zeros((frames, 1, 3))], axis=1)
        salts.append(trajectory_of(positions_A, ["Li"] * 8 + ["Cl"] * 8 + ["Zr"], [6.94] * 16 + [HEAVY_U]))
    lithium, chlorine, cross = 8 * 0.4e-4 + 64 * 0.1e-4, 8 * 0.2e-4 + 64 * 0.1e-4, 64 * 0.1e-4
    total = lithium + chlorine - 2 * cross
    truth = {
        "D_cm2_s": 0.5e-4,
        "sigma_NE_mS_cm": lithium_sigma_mS_cm(8 * 0.8e-4),
        "sigma_E_mS_cm": lithium_sigma_mS_cm(total),
        "haven_ratio": 8 * 0.5e-4 / lithium,
        "transference_E": (lithium - cross) / total,
        "transference_NE": 0.5 / 0.8,
    }
    return salts, truth


WALKERS = {
    "brownian": partial(independent, brownian_steps),
    "jump": partial(independent, jump_steps),
    "correlated": correlated,
    "1D": partial(independent, partial(along_axes, [[0, 0, 1]])),
    "2D": partial(independent, partial(along_axes, [[1, 1, 0]])),
    "channels": partial(independent, partial(along_axes, np.eye(3))),
    "1D correlated": partial(correlated, axes=(0, 0, 1)),
    "mixed glasses": mixed_glasses,
    "unlike glasses": unlike_glasses,
    "strings": strings,
}


def deviations(walkers: str, *, frames: int, replicas: int, seed: int) -> dict[str, float]:
    """(estimate − truth)/error of every known quantity that has the status ok in one replica."""
    salts, truth = WALKERS[walkers](np.random.default_rng(seed), frames, replicas)
    measured = measure(salts, **{**STATE_POINT, "charges": {"Li": 1, "Cl": -1, "Zr": 0}}, **RULE)
    if not measured.window.diffusive:
        return {}
    estimates, found = measured.estimates({}), {}
    for name, expected in truth.items():
        if name in COLLECTIVE and measured.sampling.collective_status != "ok":
            continue
        index = measured.system.mobile if np.ndim(estimates[name].value) == 1 else ()
        found[name] = float((estimates[name].value[index] - expected) / estimates[name].error[index])
    return found
