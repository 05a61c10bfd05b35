"""Lennard-Jones argon: the motion is ASE's, the gas has its virial volume, a sheared crystal becomes cubic again."""

import numpy as np
import pytest
import torch
from ase import units
from ase.build import bulk
from ase.md.nose_hoover_chain import NoseHooverChainNVT
from ase.md.verlet import VelocityVerlet
from lennard_jones import CUTOFF_A, SIGMA_A, EPSILON_eV, ForASE, LennardJones

from saltflow.dynamics import integrators
from saltflow.dynamics.progress import Conditions
from saltflow.dynamics.runner import MDRun
from saltflow.dynamics.schedule import Stage
from saltflow.dynamics.state import draw_velocities, initial_state
from saltflow.dynamics.thermostats import bussi_half_step, chain_half_step

LIQUID_K, STEP = 200.0, 5 * units.fs
THERMOSTAT = 200 * units.fs


def argon(edge_A, *, repeats=2, seed=0):
    cell = bulk("Ar", "fcc", a=edge_A, cubic=True).repeat(repeats)
    cell.positions += np.random.default_rng(seed).normal(scale=0.05, size=cell.positions.shape)
    return cell


def state_of(cells, temperature_K):
    state = initial_state(cells, seeds=range(len(cells)), device="cpu")
    draw_velocities(state, torch.full((len(cells),), temperature_K, dtype=torch.float64))
    return state


def as_ase(state, position):
    atoms = state.atoms_of(position)
    atoms.calc = ForASE()
    return atoms


def test_the_motion_is_that_of_ase():
    state = state_of([argon(6.9)], 150.0)
    atoms, forces = as_ase(state, 0), LennardJones(32).evaluate
    VelocityVerlet(atoms, timestep=STEP).run(150)
    evaluation = forces(state.positions, state.cells)
    start = state.positions
    for _ in range(150):
        evaluation = integrators.verlet_step(state, evaluation, forces, step=STEP)
    assert (state.positions - start).norm(dim=-1).max() > 1
    np.testing.assert_allclose(state.positions, atoms.positions, atol=1e-7)
    np.testing.assert_allclose(state.velocities, atoms.get_velocities(), atol=1e-7)


@pytest.fixture(scope="module")
def melted():
    """Eight cells of liquid, each its own."""
    state = state_of([argon(6.9, seed=seed) for seed in range(8)], 600.0)
    settle(state, 600.0, steps=150)
    settle(state, LIQUID_K, steps=150)
    return state


def settle(state, temperature_K, *, steps):
    """Positions of all steps under the chain."""
    forces = LennardJones(32).evaluate
    target = torch.full((state.systems,), temperature_K, dtype=torch.float64)
    evaluation, positions = forces(state.positions, state.cells), []
    for _ in range(steps):
        chain_half_step(state, target_K=target, step=STEP, time=THERMOSTAT)
        evaluation = integrators.verlet_step(state, evaluation, forces, step=STEP)
        chain_half_step(state, target_K=target, step=STEP, time=THERMOSTAT)
        positions.append(state.positions)
    return torch.stack(positions)


def msd_A2(positions, lag):
    """(cells,) mean squared displacement after `lag` frames of (frames, cells, atoms, 3)."""
    return ((positions[lag:] - positions[:-lag]) ** 2).sum(-1).mean((0, 2))


def test_diffusion_is_that_of_ase(melted):
    """Each with its own Nosé–Hoover chain: mean squared displacements agree within their errors over cells."""
    steps, found = 300, {}
    by_ase = []
    for position in range(melted.systems):
        atoms, frames = as_ase(melted, position), []
        run = NoseHooverChainNVT(atoms, timestep=STEP, temperature_K=LIQUID_K, tdamp=THERMOSTAT)
        run.attach(lambda atoms=atoms, frames=frames: frames.append(atoms.get_positions()))
        run.run(steps)
        by_ase.append(frames)
    found["ase"] = np.array(by_ase).transpose(1, 0, 2, 3)
    found["saltflow"] = settle(melted, LIQUID_K, steps=steps).numpy().reshape(steps, melted.systems, 32, 3)
    for lag in (20, 100):
        own, other = (msd_A2(found[name], lag) for name in ("saltflow", "ase"))
        error = np.sqrt((own.var(ddof=1) + other.var(ddof=1)) / melted.systems)
        assert error < 0.12 * own.mean()
        assert abs(own.mean() - other.mean()) < 3 * error


def virial_volume_A3(atoms, temperature_K, pressure):
    """Mean volume of a dilute gas under a pressure, to the third virial coefficient, and that of an ideal gas.

    p(V) ∝ V^(N−1) Q exp(−PV/kT) with ln Q = N(N−1)/2 ln(1 − 2B₂/V) − N(N−1)(N−2)/2 B₃/V²: pairs and triangles.
    """
    distance = np.linspace(1e-3, CUTOFF_A, 4001)
    sixth, edge = (SIGMA_A / distance) ** 6, (SIGMA_A / CUTOFF_A) ** 6
    energy = 4 * EPSILON_eV * (sixth**2 - sixth - edge**2 + edge)
    mayer = np.expm1(-np.minimum(energy / (units.kB * temperature_K), 500))
    second = -2 * np.pi * np.trapezoid(mayer * distance**2, distance)
    # B₃ = −(1/3) ∫∫ f(r) f(s) f(|r − s|): in Fourier space a product of three.
    wave = np.linspace(1e-3, 12, 3000)
    kernel = np.sinc(np.outer(wave, distance) / np.pi)
    transformed = 4 * np.pi * np.trapezoid(mayer * distance**2 * kernel, distance, axis=1)
    third = -np.trapezoid(4 * np.pi * wave**2 * transformed**3, wave) / (3 * (2 * np.pi) ** 3)
    thermal = units.kB * temperature_K
    ideal = atoms * thermal / pressure
    volume = np.linspace(0.3, 2.2, 4001) * ideal
    pairs, triangles = atoms * (atoms - 1) / 2, atoms * (atoms - 1) * (atoms - 2) / 2
    weight = (atoms - 1) * np.log(volume) - pressure * volume / thermal
    weight += pairs * np.log1p(-2 * second / volume) - triangles * third / volume**2
    weight = np.exp(weight - weight.max())
    return (weight * volume).sum() / weight.sum(), ideal


def test_a_gas_under_pressure_has_its_virial_volume():
    temperature_K, cells, step = 140.0, 32, 10 * units.fs
    pressure = 0.04 * units.kB * temperature_K / SIGMA_A**3
    expected_A3, ideal_A3 = virial_volume_A3(32, temperature_K, pressure)
    assert expected_A3 < 0.92 * ideal_A3  # the attraction shows
    state = state_of([argon((expected_A3 / 8) ** (1 / 3), seed=seed) for seed in range(cells)], temperature_K)
    target = torch.full((cells,), temperature_K, dtype=torch.float64)
    forces, volumes = LennardJones(32).evaluate, []
    evaluation = forces(state.positions, state.cells)
    for _ in range(1200):
        integrators.rescale_cells(
            state, evaluation, target_K=target, pressure=pressure, step=step, time=600 * units.fs,
            compressibility=1 / pressure,
        )  # fmt: skip
        bussi_half_step(state, target_K=target, step=step, time=THERMOSTAT)
        evaluation = integrators.verlet_step(state, evaluation, forces, step=step)
        bussi_half_step(state, target_K=target, step=step, time=THERMOSTAT)
        volumes.append(state.volume_A3())
    means = torch.stack(volumes)[300:].numpy().mean(0)
    error = means.std(ddof=1) / np.sqrt(cells)
    assert error < 0.02 * expected_A3
    assert abs(means.mean() - expected_A3) < 3 * error


def test_a_sheared_crystal_becomes_cubic_again():
    state = state_of([argon(5.4, repeats=3)], 5.0)
    shear = torch.tensor([[0.03, 0.04, 0.0], [0.0, -0.03, 0.02], [0.0, 0.0, 0.01]], dtype=torch.float64)
    integrators.deform_cells(state, torch.linalg.matrix_exp(shear)[None])
    target, pressure = torch.tensor([5.0], dtype=torch.float64), 0.05 * units.GPa
    forces, edges, pressures = LennardJones(108).evaluate, [], []
    evaluation = forces(state.positions, state.cells)
    for _ in range(800):
        integrators.reshape_cells(
            state, evaluation, target_K=target, pressure=pressure, step=STEP, time=60 * units.fs,
            compressibility=0.3 / units.GPa,
        )  # fmt: skip
        chain_half_step(state, target_K=target, step=STEP, time=THERMOSTAT)
        evaluation = integrators.verlet_step(state, evaluation, forces, step=STEP)
        chain_half_step(state, target_K=target, step=STEP, time=THERMOSTAT)
        edges.append(state.cells[0] @ state.cells[0].T)
        pressures.append(state.pressure_tensor(evaluation.stresses)[0])
    metric = torch.stack(edges)[400:].mean(0)
    np.testing.assert_allclose(metric / metric.diagonal().mean(), np.eye(3), atol=0.015)
    mean = torch.stack(pressures)[400:].mean(0)
    np.testing.assert_allclose(mean, pressure * torch.eye(3), atol=0.03 * units.GPa)


def test_production_takes_the_mean_cell_with_its_shape(tmp_path):
    target = (60.0,)
    schedule = [
        Stage("press", "npt-full", 40, target, target, frame_interval=1),
        Stage("hold", "nvt", 3, target, target, frame_interval=1, at_mean_volume=True),
    ]
    how = Conditions(
        step_fs=5.0, thermostat="nose-hoover", thermostat_time_fs=100.0, barostat_time_fs=100.0,
        compressibility_per_GPa=0.3, pressure_GPa=0.0, max_temperature_ratio=10.0, segment_ps=0.08,
    )  # fmt: skip
    run = MDRun([argon(5.5, repeats=3)], schedule, LennardJones(108), conditions=how, seeds=[1], workdir=tmp_path)
    assert [outcome.status for outcome in run.finish()] == ["ok"]
    cells = np.array([frame["cell_A"] for frames in run.segments.frames() for frame in frames])
    pressed, held = cells[20:40], cells[40:]
    assert len(held) == 3
    volume = np.linalg.det(pressed).mean()
    expected = pressed.mean(0) * (volume / np.linalg.det(pressed.mean(0))) ** (1 / 3)
    np.testing.assert_allclose(held, np.broadcast_to(expected, held.shape), atol=1e-9)
    assert np.abs(expected - np.diag(np.diag(expected))).max() > 1e-3  # the shape did move
