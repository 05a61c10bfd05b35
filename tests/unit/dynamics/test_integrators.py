"""The integrators sample what they claim: on cheap exact models, and NVE on a real MACE potential."""

import numpy as np
import pytest
import torch
from ase import Atoms, units
from mace_models import rock_salt

from saltflow.dynamics import integrators
from saltflow.dynamics.state import draw_velocities, initial_state, remove_drift
from saltflow.dynamics.thermostats import chain_energy, chain_half_step
from saltflow.potentials.protocol import Evaluation, stack

TEMPERATURE_K = 600.0
FREE_ATOMS = 32


def crystal_forces(system, *, quartic_eV_A4=20.0):
    """Every cell is a ring of atoms whose neighbours are held by an anharmonic spring.

    Momentum is conserved; angular momentum is not, for the springs differ along x, y and z: nothing else keeps
    the motion from reaching all of phase space.
    """
    springs_eV_A2 = torch.tensor([1.0, 2.0, 3.5], dtype=torch.float64)
    following = torch.arange(len(system))
    for index in range(int(system.max()) + 1):
        following[system == index] = torch.roll(following[system == index], -1)

    def forces(positions, cells):
        bond = positions[following] - positions
        square = bond.square().sum(-1)
        pull = (springs_eV_A2 + 4 * quartic_eV_A4 * square[:, None]) * bond
        on_atoms = pull - torch.zeros_like(pull).index_add_(0, following, pull)
        stretch = 0.5 * (springs_eV_A2 * bond.square()).sum(-1) + quartic_eV_A4 * square.square()
        energies = torch.zeros(len(cells), dtype=positions.dtype).index_add_(0, system, stretch)
        return Evaluation(energies, on_atoms, torch.zeros_like(cells), torch.zeros(len(positions)))

    return forces


def no_forces(positions, cells):
    """An ideal gas."""
    return Evaluation(
        torch.zeros(len(cells), dtype=positions.dtype),
        torch.zeros_like(positions),
        torch.zeros_like(cells),
        torch.zeros(len(positions)),
    )


def batch_of(symbols, *, cells, edge_A=20.0, temperature_K=TEMPERATURE_K, seed=0):
    ring = Atoms(symbols, cell=np.eye(3) * edge_A, pbc=True)
    state = initial_state([ring] * cells, seeds=range(seed, seed + cells), device="cpu")
    draw_velocities(state, torch.full((cells,), float(temperature_K), dtype=torch.float64))
    return state


def real_state(committee, *, temperature_K=TEMPERATURE_K):
    cell = rock_salt(repeats=(1, 2, 2), rattle_A=0.1)
    state = initial_state([cell], seeds=[3], device="cpu")
    draw_velocities(state, torch.tensor([temperature_K], dtype=torch.float64))
    numbers, system, *_ = stack([cell])
    return state, committee.on(numbers, system).evaluate


def nve(state, forces, *, step_fs, steps):
    """Total energy after each step."""
    evaluation, energies = forces(state.positions, state.cells), []
    for _ in range(steps):
        evaluation = integrators.verlet_step(state, evaluation, forces, step=step_fs * units.fs)
        energies.append(float(state.kinetic_energy()[0] + evaluation.energies[0]))
    return np.array(energies)


def test_energy_error_falls_with_the_square_of_the_time_step(committee):
    errors = {}
    for step_fs in (2.0, 1.0, 0.5):
        state, forces = real_state(committee)
        start = float(state.kinetic_energy()[0] + forces(state.positions, state.cells).energies[0])
        energies = nve(state, forces, step_fs=step_fs, steps=int(200 / step_fs))
        errors[step_fs] = np.sqrt(np.mean((energies - start) ** 2))
    assert errors[2.0] / errors[1.0] == pytest.approx(4, rel=0.15)
    assert errors[1.0] / errors[0.5] == pytest.approx(4, rel=0.15)
    assert errors[2.0] / len(state.masses) < 1e-3


def test_reversed_velocities_return_to_the_start(committee):
    state, forces = real_state(committee)
    start, speeds = state.positions.clone(), state.velocities.clone()
    nve(state, forces, step_fs=2.0, steps=60)
    assert (state.positions - start).norm(dim=-1).max() > 0.3
    state.velocities = -state.velocities
    nve(state, forces, step_fs=2.0, steps=60)
    np.testing.assert_allclose(state.positions, start, atol=1e-9)
    np.testing.assert_allclose(state.velocities, -speeds, atol=1e-9)


def test_momentum_stays_zero_in_every_ensemble(committee):
    state, forces = real_state(committee)
    evaluation, target = forces(state.positions, state.cells), torch.tensor([TEMPERATURE_K])
    largest = float((state.masses[:, None] * state.velocities).norm(dim=-1).max())
    for _ in range(60):
        integrators.rescale_cells(
            state, evaluation, target_K=target, pressure=units.GPa, step=2 * units.fs, time=200 * units.fs,
            compressibility=0.05 / units.GPa,
        )  # fmt: skip
        chain_half_step(state, target_K=target, step=2 * units.fs, time=50 * units.fs)
        evaluation = integrators.verlet_step(state, evaluation, forces, step=2 * units.fs)
        chain_half_step(state, target_K=target, step=2 * units.fs, time=50 * units.fs)
    assert state.momentum().abs().max() < 1e-11 * largest


def thermostatted(state, forces, *, step_fs, steps, time_fs=50.0):
    """(steps, cells) kinetic energy and conserved quantity of an NVT run."""
    target = torch.full((state.systems,), TEMPERATURE_K, dtype=torch.float64)
    step, time = step_fs * units.fs, time_fs * units.fs
    evaluation, kinetic, conserved = forces(state.positions, state.cells), [], []
    for _ in range(steps):
        chain_half_step(state, target_K=target, step=step, time=time)
        evaluation = integrators.verlet_step(state, evaluation, forces, step=step)
        chain_half_step(state, target_K=target, step=step, time=time)
        kinetic.append(state.kinetic_energy())
        conserved.append(kinetic[-1] + evaluation.energies + chain_energy(state, target_K=target, time=time))
    return torch.stack(kinetic).numpy(), torch.stack(conserved).numpy()


def assert_canonical(kinetic, *, freedom):
    """Mean and variance of the kinetic energy within four errors, which the independent cells give."""
    thermal = units.kB * TEMPERATURE_K
    means, squares = kinetic.mean(0), ((kinetic - freedom * thermal / 2) ** 2).mean(0)
    cells = kinetic.shape[1]
    mean_error, variance_error = means.std(ddof=1) / np.sqrt(cells), squares.std(ddof=1) / np.sqrt(cells)
    mean, variance = freedom * thermal / 2, freedom * thermal**2 / 2
    assert mean_error < 0.01 * mean  # else the test would be blind
    assert variance_error < 0.03 * variance
    assert abs(means.mean() - mean) < 4 * mean_error
    assert abs(squares.mean() - variance) < 4 * variance_error


def test_conserved_quantity_of_the_chain_converges_with_the_time_step():
    spans = {}
    for step_fs in (1.0, 0.5):
        state = batch_of("LiClZr3", cells=4)
        _, conserved = thermostatted(state, crystal_forces(state.system), step_fs=step_fs, steps=int(2000 / step_fs))
        spans[step_fs] = np.sqrt(np.mean((conserved - conserved.mean(0)) ** 2))
        slope_eV_fs = np.polyfit(np.arange(len(conserved)) * step_fs, conserved.mean(1), 1)[0]
        assert abs(slope_eV_fs) * 2000 < 2e-3
    assert spans[1.0] / spans[0.5] == pytest.approx(4, rel=0.3)


@pytest.fixture(scope="module")
def canonical_crystals():
    """200 rings of atoms in equilibrium, brought there without the chain: NVE between fresh Gaussian velocities."""
    state = batch_of("LiClZrLi2Cl2", cells=200)
    forces, random = crystal_forces(state.system, quartic_eV_A4=200.0), torch.Generator().manual_seed(1)
    evaluation = forces(state.positions, state.cells)
    for _ in range(40):
        gaussian = torch.randn(state.positions.shape, generator=random, dtype=torch.float64)
        state.velocities = gaussian * (units.kB * TEMPERATURE_K / state.masses).sqrt()[:, None]
        remove_drift(state)
        for _ in range(40):
            evaluation = integrators.verlet_step(state, evaluation, forces, step=units.fs)
    return state, forces


@pytest.fixture(scope="module")
def chain_run(canonical_crystals):
    """(steps, cells) kinetic energies of the rings under the chain, and (atoms,) the mean ones of each atom."""
    state, forces = canonical_crystals
    kinetic, by_atom = [], torch.zeros(7, dtype=torch.float64)
    for _ in range(100):
        kinetic.append(thermostatted(state, forces, step_fs=1.0, steps=40)[0])
        energies = 0.5 * state.masses * state.velocities.square().sum(-1)
        by_atom += energies.reshape(200, 7).mean(0) / 100
    return np.concatenate(kinetic), by_atom


def test_chain_samples_the_canonical_kinetic_energy(chain_run):
    assert_canonical(chain_run[0][500:], freedom=3 * 7 - 3)


def test_chain_keeps_equipartition_of_light_and_heavy_atoms(chain_run):
    """Without total momentum an atom holds 3/2 kT times the share of the mass that is not its own."""
    mass = torch.as_tensor(Atoms("LiClZrLi2Cl2").get_masses())
    expected = 1.5 * units.kB * TEMPERATURE_K * (1 - mass / mass.sum())
    np.testing.assert_allclose(chain_run[1], expected, rtol=0.04)


@pytest.fixture(scope="module")
def ideal_gas():
    """(steps, cells) volumes and kinetic energies of an ideal gas, and the volume kT/P of one atom."""
    cells, thermal = 160, units.kB * TEMPERATURE_K
    edge_A = 30.0
    pressure = FREE_ATOMS * thermal / edge_A**3
    state = batch_of(f"Cl{FREE_ATOMS}", cells=cells, edge_A=edge_A)
    target = torch.full((cells,), TEMPERATURE_K, dtype=torch.float64)
    volumes, kinetic = [], []
    for _ in range(4000):
        evaluation = no_forces(state.positions, state.cells)
        integrators.rescale_cells(
            state, evaluation, target_K=target, pressure=pressure, step=units.fs, time=100 * units.fs,
            compressibility=1 / pressure,
        )  # fmt: skip
        chain_half_step(state, target_K=target, step=units.fs, time=30 * units.fs)
        evaluation = integrators.verlet_step(state, evaluation, no_forces, step=units.fs)
        chain_half_step(state, target_K=target, step=units.fs, time=30 * units.fs)
        volumes.append(state.volume_A3())
        kinetic.append(state.kinetic_energy())
    return torch.stack(volumes).numpy()[500:], torch.stack(kinetic).numpy()[500:], thermal / pressure


def test_ideal_gas_volumes_are_isothermal_isobaric(ideal_gas):
    """Without total momentum p(V) ∝ V^(N−1) exp(−PV/kT): mean N kT/P and variance N (kT/P)²."""
    volumes, _, one_atom = ideal_gas
    cells = volumes.shape[1]
    mean, variance = FREE_ATOMS * one_atom, FREE_ATOMS * one_atom**2
    means, squares = volumes.mean(0), ((volumes - mean) ** 2).mean(0)
    mean_error, variance_error = means.std(ddof=1) / np.sqrt(cells), squares.std(ddof=1) / np.sqrt(cells)
    assert mean_error < 0.01 * mean
    assert variance_error < 0.05 * variance
    assert abs(means.mean() - mean) < 4 * mean_error
    assert abs(squares.mean() - variance) < 4 * variance_error


def test_barostat_leaves_the_kinetic_energy_canonical(ideal_gas):
    _, kinetic, _ = ideal_gas
    assert_canonical(kinetic, freedom=3 * FREE_ATOMS - 3)


def test_a_squeezed_cell_does_not_burst():
    """Under an absurd pressure the cell opens by a bounded strain per step."""
    state = batch_of("Cl8", cells=1, edge_A=5.0)
    evaluation = no_forces(state.positions, state.cells)
    evaluation.stresses[0] = -1000 * units.GPa * torch.eye(3, dtype=torch.float64)
    before = state.volume_A3()
    integrators.rescale_cells(
        state, evaluation, target_K=torch.tensor([1e-6]), pressure=0.0, step=units.fs, time=100 * units.fs,
        compressibility=0.1 / units.GPa,
    )  # fmt: skip
    assert float(state.volume_A3() / before) == pytest.approx(np.exp(0.01), rel=1e-6)


def test_scaled_cells_keep_fractional_coordinates():
    state = batch_of("LiCl", cells=2)
    state.positions = torch.randn((4, 3), generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 50
    fractional = state.positions / 20
    velocities = state.velocities.clone()
    integrators.scale_cells(state, torch.tensor([1.1, 0.8], dtype=torch.float64))
    np.testing.assert_allclose(state.positions[:2] / 22, fractional[:2])
    np.testing.assert_allclose(state.positions[2:] / 16, fractional[2:])
    np.testing.assert_allclose(state.velocities[2:], velocities[2:] / 0.8)
    np.testing.assert_allclose(state.volume_A3(), [22**3, 16**3])


def test_velocities_are_maxwell_boltzmann_at_exactly_the_temperature():
    state = batch_of("Li2Zr4", cells=3000)
    target = torch.linspace(300, 900, 3000, dtype=torch.float64)
    draw_velocities(state, target)
    np.testing.assert_allclose(state.temperature_K(), target, rtol=1e-12)
    np.testing.assert_allclose(state.degrees_of_freedom(), 3 * 6 - 3)
    np.testing.assert_allclose(state.momentum(), 0, atol=1e-11)
    by_atom = 0.5 * state.masses * state.velocities.square().sum(-1) / (units.kB * target[state.system])
    mass = state.masses[:6]
    np.testing.assert_allclose(by_atom.reshape(3000, 6).mean(0), 1.5 * (1 - mass / mass.sum()), rtol=0.06)
    lithium = state.velocities.reshape(3000, 6, 3)[:, 0] / target.sqrt()[:, None]
    skew = (lithium**3).mean() / (lithium**2).mean() ** 1.5
    assert abs(float(skew)) < 0.1


def test_drift_is_removed_cell_by_cell():
    state = batch_of("LiCl", cells=2)
    state.velocities = state.velocities + torch.tensor([[1.0, 2, 3]] * 2 + [[-4, 0, 1]] * 2, dtype=torch.float64)
    remove_drift(state)
    np.testing.assert_allclose(state.momentum(), 0, atol=1e-12)


def test_relaxation_goes_downhill_in_bounded_moves(committee):
    cell = rock_salt(repeats=(1, 2, 2), rattle_A=0.3)
    cell.positions[1] += 0.5 * (cell.positions[0] - cell.positions[1])  # squeezed
    state = initial_state([cell], seeds=[0], device="cpu")
    numbers, system, *_ = stack([cell])
    forces = committee.on(numbers, system).evaluate
    evaluation = forces(state.positions, state.cells)
    energies = [float(evaluation.energies[0])]
    assert evaluation.forces.norm(dim=-1).max() > 5
    for _ in range(60):
        before = state.positions
        evaluation = integrators.relax_step(state, evaluation, forces, step_size=0.01)
        assert (state.positions - before).norm(dim=-1).max() <= integrators.LARGEST_RELAX_MOVE_A * (1 + 1e-9)
        energies.append(float(evaluation.energies[0]))
    assert energies[-1] < energies[0] - 1
    assert evaluation.forces.norm(dim=-1).max() < 3


def test_every_cell_has_its_own_noise():
    alone = batch_of("LiCl", cells=1, seed=7)
    together = batch_of("LiCl", cells=3, seed=6)
    drawn = torch.stack([together.gaussian() for _ in range(5)])
    np.testing.assert_array_equal(drawn[:, 1], torch.cat([alone.gaussian() for _ in range(5)]))
    left = together.without(0)
    np.testing.assert_array_equal(left.gaussian(), [numbers_of(seed, 6)[-1] for seed in (7, 8)])


def numbers_of(seed, count):
    state = batch_of("LiCl", cells=1, seed=seed)
    return [float(state.gaussian()) for _ in range(count)]
