"""Thermostats against closed forms: an ideal gas, the canonical ensemble of a harmonic crystal, restarts."""

import numpy as np
import pytest
import torch
from ase import Atoms, units
from springs import tetrahedra

from saltflow.dynamics import integrators
from saltflow.dynamics.constraints import Frozen, constrain
from saltflow.dynamics.progress import Conditions
from saltflow.dynamics.runner import MDRun
from saltflow.dynamics.schedule import Stage
from saltflow.dynamics.state import draw_velocities, initial_state, remove_drift
from saltflow.dynamics.thermostats import THERMOSTATS
from saltflow.potentials.protocol import Evaluation

TEMPERATURE_K = 600.0
THERMAL = units.kB * TEMPERATURE_K
RING, SPRING_eV_A2 = "LiClZrLi2Cl2Zr", 1.5
stochastic = pytest.mark.parametrize("thermostat", ["langevin", "bussi"])


def batch_of(symbols, *, cells, temperature_K=TEMPERATURE_K):
    state = initial_state([Atoms(symbols, cell=np.eye(3) * 20, pbc=True)] * cells, seeds=range(cells), device="cpu")
    draw_velocities(state, torch.full((cells,), float(temperature_K), dtype=torch.float64))
    return state


def couple(thermostat, state, *, step_fs, time_fs, restrict=remove_drift):
    target = torch.full((state.systems,), TEMPERATURE_K, dtype=torch.float64)
    THERMOSTATS[thermostat].half_step(
        state, target_K=target, step=step_fs * units.fs, time=time_fs * units.fs, restrict=restrict
    )


def assert_near(samples, expected, *, within):
    """The mean of independent samples is the expected one within four errors, and these are small enough to tell."""
    error = samples.std(ddof=1) / np.sqrt(len(samples))
    assert error < within * abs(expected)
    assert abs(samples.mean() - expected) < 4 * error


@pytest.mark.parametrize(("thermostat", "rate"), [("langevin", 2.0), ("bussi", 1.0)])
@pytest.mark.parametrize("step_fs", [1.0, 40.0])
def test_an_ideal_gas_relaxes_exponentially_whatever_the_step(thermostat, rate, step_fs):
    """⟨K⟩(t) − K∞ decays with 2/τ where every velocity has the friction 1/τ, with 1/τ by Bussi's process."""
    state = batch_of("Cl8", cells=300, temperature_K=100.0)
    start, target = 21 / 2 * units.kB * 100.0, 21 / 2 * THERMAL
    for _ in range(int(2 * 40 / step_fs)):
        couple(thermostat, state, step_fs=step_fs, time_fs=50.0)
    expected = target + (start - target) * np.exp(-rate * 40 / 50)
    assert_near(state.kinetic_energy().numpy(), expected, within=0.03)
    assert state.momentum().abs().max() < 1e-10


@stochastic
def test_what_is_taken_from_the_motion_is_in_the_bath(thermostat):
    state = batch_of("LiCl3", cells=5, temperature_K=900.0)
    start = state.kinetic_energy()
    for _ in range(20):
        couple(thermostat, state, step_fs=1.0, time_fs=20.0)
    assert (state.kinetic_energy() - start).abs().min() > 0.01 * float(start.mean())
    np.testing.assert_allclose(state.kinetic_energy() + state.bath_energies, start, rtol=1e-12)


def ring_forces(positions, cells):
    """Every cell is a ring of atoms with harmonic springs between neighbours; its momentum is conserved."""
    place = positions.reshape(len(cells), -1, 3)
    bond = torch.roll(place, -1, 1) - place
    forces = SPRING_eV_A2 * (bond - torch.roll(bond, 1, 1))
    energies = 0.5 * SPRING_eV_A2 * bond.square().sum((1, 2))
    return Evaluation(energies, forces.reshape(-1, 3), torch.zeros_like(cells), torch.zeros(len(positions)))


def canonical_rings(cells):
    """Rings with positions and velocities drawn from the canonical ensemble, without any dynamics."""
    state, random = batch_of(RING, cells=cells), torch.Generator().manual_seed(5)
    atoms = len(state.masses) // cells
    root = state.masses[:atoms].sqrt()
    hessian = SPRING_eV_A2 * (
        2 * torch.eye(atoms) - torch.roll(torch.eye(atoms), 1, 0) - torch.roll(torch.eye(atoms), -1, 0)
    )
    squares, modes = torch.linalg.eigh(hessian.double() / root[:, None] / root)
    widths = torch.where(squares > 1e-9, (THERMAL / squares.clamp(min=1e-9)).sqrt(), 0.0)
    drawn = torch.randn((cells, 3, atoms), generator=random, dtype=torch.float64) * widths
    state.positions = ((drawn @ modes.T) / root).transpose(1, 2).reshape(-1, 3)
    drawn = torch.randn(state.positions.shape, generator=random, dtype=torch.float64)
    state.velocities = drawn * (THERMAL / state.masses).sqrt()[:, None]
    remove_drift(state)
    return state


@pytest.fixture(scope="module", params=["langevin", "bussi"])
def canonical_run(request):
    """(steps, cells) kinetic, potential and conserved energy of rings, and (cells, atoms) mean kinetic energies."""
    state = canonical_rings(150)
    evaluation, rows, by_atom = ring_forces(state.positions, state.cells), [], 0.0
    for _ in range(400):
        couple(request.param, state, step_fs=1.0, time_fs=30.0)
        evaluation = integrators.verlet_step(state, evaluation, ring_forces, step=units.fs)
        couple(request.param, state, step_fs=1.0, time_fs=30.0)
        kinetic = state.kinetic_energy()
        rows.append(torch.stack([kinetic, evaluation.energies, kinetic + evaluation.energies + state.bath_energies]))
        by_atom = by_atom + 0.5 * (state.masses * state.velocities.square().sum(-1)).reshape(150, -1) / 400
    return torch.stack(rows, 1).numpy(), by_atom.numpy(), state


def test_kinetic_energies_are_canonical(canonical_run):
    """K has the mean f kT/2 and the variance f (kT)²/2."""
    (kinetic, _, _), _, state = canonical_run
    freedom = float(state.degrees_of_freedom()[0])
    assert freedom == 3 * 8 - 3
    mean, variance = freedom * THERMAL / 2, freedom * THERMAL**2 / 2
    assert_near(kinetic.mean(0), mean, within=0.01)
    assert_near(((kinetic - mean) ** 2).mean(0), variance, within=0.04)


def test_potential_energies_are_canonical(canonical_run):
    """Of a harmonic crystal U is distributed as K."""
    (_, potential, _), _, state = canonical_run
    assert_near(potential.mean(0), float(state.degrees_of_freedom()[0]) * THERMAL / 2, within=0.03)


def test_light_and_heavy_atoms_obey_equipartition(canonical_run):
    """Without total momentum an atom holds 3/2 kT times the share of the mass that is not its own."""
    mass = Atoms(RING).get_masses()
    for of_cells, share in zip(canonical_run[1].T, 1 - mass / mass.sum(), strict=True):
        assert_near(of_cells, 1.5 * THERMAL * share, within=0.05)


def test_conserved_quantity_shows_the_error_of_the_time_step_alone(canonical_run):
    (kinetic, _, conserved), _, state = canonical_run
    assert np.abs(conserved - conserved[0]).max() < 0.15 * kinetic.std()
    assert state.bath_energies.std() > 5 * np.abs(conserved - conserved[0]).max()
    assert state.momentum().abs().max() < 1e-9


@stochastic
def test_frozen_groups_stay_and_the_rest_has_its_temperature(thermostat):
    cells = [tetrahedra(seed=seed)[0] for seed in range(40)]
    _, groups, springs = tetrahedra()
    state = initial_state(cells, seeds=range(40), device="cpu")
    constraint = constrain(Frozen("RV", [groups] * 40), cells, state)
    state.lost_degrees = constraint.lost_degrees
    target = torch.full((40,), TEMPERATURE_K, dtype=torch.float64)
    draw_velocities(state, target, restrict=constraint.restrict)
    evaluation, kinetic = springs.evaluate(state.positions, state.cells), []
    for _ in range(150):
        couple(thermostat, state, step_fs=1.0, time_fs=15.0, restrict=constraint.restrict)
        evaluation = integrators.verlet_step(state, evaluation, springs.evaluate, step=units.fs, constraint=constraint)
        couple(thermostat, state, step_fs=1.0, time_fs=15.0, restrict=constraint.restrict)
        kinetic.append(state.kinetic_energy())
    freedom = float(state.degrees_of_freedom()[0])
    assert freedom == 3 * 24 - 3 - 4 * 12
    assert_near(torch.stack(kinetic[50:]).mean(0).numpy(), freedom * THERMAL / 2, within=0.03)
    first = state.positions[:5] - state.positions[0]
    np.testing.assert_allclose(first, cells[0].positions[:5] - cells[0].positions[0], atol=1e-9)
    assert state.momentum().abs().max() < 1e-9


def run(folder, thermostat, *, seeds=(3, 4), segment_steps=1000):
    conditions = Conditions(
        step_fs=1.0, thermostat=thermostat, thermostat_time_fs=30.0, barostat_time_fs=200.0,
        compressibility_per_GPa=0.05, pressure_GPa=0.0, max_temperature_ratio=5.0, segment_ps=segment_steps / 1000,
    )  # fmt: skip
    target = (500.0,) * len(seeds)
    schedule = [Stage("settle", "npt", 20, target, target), Stage("hold", "nvt", 40, target, target, frame_interval=5)]
    cells, springs = [tetrahedra(seed=seed)[0] for seed in seeds], tetrahedra()[2]
    return MDRun(cells, schedule, springs, conditions=conditions, seeds=seeds, workdir=folder)


@stochastic
def test_segments_and_restarts_change_no_bit(tmp_path, thermostat):
    whole = run(tmp_path / "whole", thermostat).finish()
    segmented = run(tmp_path / "segmented", thermostat, segment_steps=7)
    for _ in range(4):
        segmented._run_segment()
        segmented._write_checkpoint()
    resumed = run(tmp_path / "segmented", thermostat, segment_steps=11)
    assert resumed.progress.total_steps == 28
    for mine, theirs in zip(resumed.finish(), whole, strict=True):
        np.testing.assert_array_equal(mine.atoms.positions, theirs.atoms.positions)
        np.testing.assert_array_equal(mine.atoms.get_velocities(), theirs.atoms.get_velocities())
        assert mine.conserved_drift_meV_atom_ps == theirs.conserved_drift_meV_atom_ps


@stochastic
def test_a_replica_moves_the_same_alone_and_in_a_batch(tmp_path, thermostat):
    together, alone = (
        run(tmp_path / "both", thermostat).finish(),
        run(tmp_path / "one", thermostat, seeds=(4,)).finish(),
    )
    np.testing.assert_allclose(together[1].atoms.positions, alone[0].atoms.positions, atol=1e-9)
    assert np.abs(together[0].atoms.positions - together[1].atoms.positions).max() > 0.1
