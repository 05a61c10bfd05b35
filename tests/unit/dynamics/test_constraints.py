"""Frozen translation, rotation and vibration: conserved quantities, closed forms and ASE's RATTLE."""

import numpy as np
import pytest
import torch
from ase import Atoms, units
from ase.calculators.calculator import Calculator, all_changes
from ase.constraints import FixBondLengths
from ase.md.verlet import VelocityVerlet
from springs import rotation, tetrahedra

from saltflow.base.errors import SaltflowError
from saltflow.dynamics import integrators
from saltflow.dynamics.constraints import MODES, Frozen, constrain
from saltflow.dynamics.constraints.rotations import is_linear
from saltflow.dynamics.state import draw_velocities, initial_state, remove_drift
from saltflow.dynamics.thermostats import chain_half_step
from saltflow.potentials.protocol import Evaluation

FROZEN_MODES = [mode for mode in MODES if mode != "free"]
MASS_S, MASS_O = 32.06, 15.999
each_mode = pytest.mark.parametrize("mode", FROZEN_MODES)


def frozen_batch(mode, cells, groups, *, temperature_K=500.0, seed=0):
    """A batch with velocities, and the constraint on it."""
    state = initial_state(cells, seeds=range(seed, seed + len(cells)), device="cpu")
    motions = "" if mode == "free" else mode
    constraint = constrain(Frozen(motions, [groups] * len(cells)), cells, state)
    state.lost_degrees = constraint and constraint.lost_degrees
    draw(state, constraint, temperature_K)
    return state, constraint


def draw(state, constraint, temperature_K=500.0):
    target = torch.full((state.systems,), temperature_K, dtype=torch.float64)
    draw_velocities(state, target, restrict=constraint.restrict if constraint else remove_drift)


def nve(state, constraint, forces, *, steps, step_fs=1.0):
    """(steps, cells) total energies."""
    evaluation, energies = forces(state.positions, state.cells), []
    for _ in range(steps):
        evaluation = integrators.verlet_step(state, evaluation, forces, step=step_fs * units.fs, constraint=constraint)
        energies.append(state.kinetic_energy() + evaluation.energies)
    return torch.stack(energies).numpy()


def kabsch(shape, reference, masses):
    """Angle in rad of the rotation that fits a shape best onto another, and the largest distance left, by SVD."""
    left, _, right = np.linalg.svd((masses[:, None] * shape).T @ reference)
    turn = left @ np.diag([1, 1, np.sign(np.linalg.det(left @ right))]) @ right
    sine = 0.5 * np.linalg.norm([turn[1, 2] - turn[2, 1], turn[2, 0] - turn[0, 2], turn[0, 1] - turn[1, 0]])
    angle = np.arctan2(sine, 0.5 * (np.trace(turn) - 1))
    return angle, np.abs(shape @ turn - reference).max()


def moved(atoms, later_A, group):
    """How far a group has moved, turned and deformed since `atoms`: Å, rad, Å."""
    group, masses = list(group), atoms.get_masses()[list(group)]
    centres = [masses @ positions[group] / masses.sum() for positions in (atoms.positions, later_A)]
    shapes = [positions[group] - centre for positions, centre in zip((atoms.positions, later_A), centres, strict=True)]
    return (np.abs(centres[1] - centres[0]).max(), *kabsch(shapes[1], shapes[0], masses))


@pytest.mark.parametrize("mode", MODES)
def test_what_is_frozen_stays_and_the_rest_moves(mode):
    atoms, groups, springs = tetrahedra()
    state, constraint = frozen_batch(mode, [atoms], groups)
    largest = np.zeros(3)
    for _ in range(4):
        nve(state, constraint, springs.evaluate, steps=40)
        here = [moved(atoms, state.positions.numpy(), group) for group in groups]
        largest = np.maximum(largest, np.max(here, axis=0))
    for motion, change in zip("TRV", largest, strict=True):
        if motion in mode:
            assert change < 1e-9  # 1e-6 Å or rad is required
        else:
            assert change > 0.02


@pytest.mark.parametrize("mode", MODES)
def test_energy_error_falls_with_the_square_of_the_time_step(mode):
    errors = {}
    for step_fs in (1.0, 0.5):
        atoms, groups, springs = tetrahedra()
        state, constraint = frozen_batch(mode, [atoms], groups)
        energies = nve(state, constraint, springs.evaluate, steps=int(120 / step_fs), step_fs=step_fs)
        errors[step_fs] = energies.std()
    assert errors[1.0] / errors[0.5] == pytest.approx(4, rel=0.3)  # a step of first order has 2


def test_frozen_runs_drift_no_more_than_free_ones():
    """Slopes of the total energy of eight cells over 0.4 ps; the fluctuation of the free ones is the error."""
    slopes = {}
    for mode in ("free", "T", "R", "V"):
        cells = [tetrahedra(seed=seed)[0] for seed in range(8)]
        _, groups, springs = tetrahedra()
        state, constraint = frozen_batch(mode, cells, groups)
        energies = nve(state, constraint, springs.evaluate, steps=400)
        slopes[mode] = np.polyfit(np.arange(400), energies, 1)[0]
    error = slopes["free"].std(ddof=1)
    assert error < 1e-5  # eV per fs, of 24 atoms
    for mode in "TRV":
        assert abs(slopes[mode].mean() - slopes["free"].mean()) < 3 * error
        assert slopes[mode].std(ddof=1) < 2 * error


@each_mode
def test_reversed_velocities_return_to_the_start(mode):
    atoms, groups, springs = tetrahedra()
    state, constraint = frozen_batch(mode, [atoms], groups)
    speeds = state.velocities.clone()
    nve(state, constraint, springs.evaluate, steps=100)
    assert np.abs(state.positions.numpy() - atoms.positions).max() > 0.2
    state.velocities = -state.velocities
    nve(state, constraint, springs.evaluate, steps=100)
    np.testing.assert_allclose(state.positions, atoms.positions, atol=1e-9)
    np.testing.assert_allclose(state.velocities, -speeds, atol=1e-9)


# ── degrees of freedom ─────────────────────────────────────────────────────────────────────────


def projector(state, constraint):
    """The matrix that `project` applies to all velocities, (3 atoms, 3 atoms)."""
    size = state.positions.numel()
    columns = [constraint.project(state.positions, row.reshape(-1, 3)).flatten() for row in torch.eye(size).double()]
    return torch.stack(columns, 1).numpy()


def hydroxides():
    """Two OH along odd directions and three ions."""
    random = np.random.default_rng(4)
    bonds = [0.97 * rotation(random)[0] for _ in range(2)]
    places = np.array([[0, 0, 0], [4, 4, 0], [4, 0, 4], [0, 4, 4], [4, 4, 4.0]])
    positions = np.vstack([places[0], places[0] + bonds[0], places[1], places[1] + bonds[1], places[2:]])
    return Atoms("OHOHLi3", positions, cell=np.eye(3) * 8, pbc=True), [(0, 1), (2, 3)]


@each_mode
@pytest.mark.parametrize("linear", [False, True])
def test_lost_degrees_are_the_rank_of_the_projector(mode, linear):
    atoms, groups = hydroxides() if linear else tetrahedra()[:2]
    state, constraint = frozen_batch(mode, [atoms], groups)
    matrix = projector(state, constraint)
    np.testing.assert_allclose(matrix @ matrix, matrix, atol=1e-10)
    mass = np.repeat(state.masses.numpy(), 3)
    np.testing.assert_allclose(mass[:, None] * matrix, (mass[:, None] * matrix).T, atol=1e-9)  # along the normals
    kept = np.linalg.matrix_rank(matrix, tol=1e-6)
    uniform = np.tile(np.eye(3), (len(atoms), 1))
    conserves_momentum = np.allclose(matrix @ uniform, uniform, atol=1e-9)
    assert conserves_momentum == ("T" not in mode)
    assert float(state.degrees_of_freedom()[0]) == kept - 3 * conserves_momentum


def test_cells_of_a_batch_lose_their_own_degrees():
    atoms, groups, _ = tetrahedra()
    state = initial_state([atoms, atoms, atoms], seeds=[1, 2, 3], device="cpu")
    for motions, lost in (("T", [12, 3, 6]), ("RV", [3 + 4 * 12, 3, 3 + 2 * 12])):
        constraint = constrain(Frozen(motions, [groups, [], groups[:2]]), [atoms] * 3, state)
        np.testing.assert_array_equal(constraint.lost_degrees, lost)


@each_mode
def test_drawn_velocities_obey_equipartition(mode):
    """An ion has 3/2 kT, less its share of the mass where total momentum is conserved."""
    atoms, groups, _ = tetrahedra(count=2, ions=3)
    state, _ = frozen_batch(mode, [atoms] * 3000, groups)
    np.testing.assert_allclose(state.temperature_K(), 500.0, rtol=1e-12)
    energies = 0.5 * state.masses * state.velocities.square().sum(-1)
    of_ions = energies.reshape(3000, -1)[:, -1].numpy()
    share = 0 if "T" in mode else float(state.masses[-1] / atoms.get_masses().sum())
    expected, error = 1.5 * units.kB * 500 * (1 - share), of_ions.std(ddof=1) / np.sqrt(3000)
    assert error < 0.02 * expected
    assert abs(of_ions.mean() - expected) < 3.5 * error


def test_thermostat_keeps_equipartition():
    """Ions among frozen centres, over 60 cells brought to equilibrium by fresh velocities."""
    cells = [tetrahedra(seed=seed)[0] for seed in range(60)]
    _, groups, springs = tetrahedra()
    state, constraint = frozen_batch("T", cells, groups)
    for _ in range(10):
        nve(state, constraint, springs.evaluate, steps=30)
        draw(state, constraint)
    kinetic, ions = _thermostatted(state, constraint, springs.evaluate, steps=300)
    freedom, thermal = float(state.degrees_of_freedom()[0]), units.kB * 500.0
    assert kinetic.mean() == pytest.approx(freedom * thermal / 2, rel=0.01)
    means = ions.mean(0)
    error = means.std(ddof=1) / np.sqrt(len(means))
    assert error < 0.06 * 6 * thermal
    assert abs(means.mean() - 6 * thermal) < 3 * error


def _thermostatted(state, constraint, forces, *, steps):
    """(steps, cells) kinetic energy of everything and of the four ions."""
    target = torch.full((state.systems,), 500.0, dtype=torch.float64)
    evaluation, kinetic, ions = forces(state.positions, state.cells), [], []
    for _ in range(steps):
        chain_half_step(state, target_K=target, step=units.fs, time=25 * units.fs)
        evaluation = integrators.verlet_step(state, evaluation, forces, step=units.fs, constraint=constraint)
        chain_half_step(state, target_K=target, step=units.fs, time=25 * units.fs)
        energies = 0.5 * state.masses * state.velocities.square().sum(-1)
        kinetic.append(state.kinetic_energy())
        ions.append(energies.reshape(state.systems, -1)[:, -4:].sum(1))
    return torch.stack(kinetic).numpy(), torch.stack(ions).numpy()


# ── closed forms ───────────────────────────────────────────────────────────────────────────────


def no_forces(positions, cells):
    zero = torch.zeros(len(cells), dtype=torch.float64)
    return Evaluation(zero, torch.zeros_like(positions), torch.zeros_like(cells), torch.zeros(len(positions)))


def spinning(atoms, spin):
    """A lone rigid body with an angular velocity (rad per fs), its constraint, and its angular momentum and inertia."""
    state = initial_state([atoms], seeds=[0], device="cpu")
    constraint = constrain(Frozen("V", [[tuple(range(len(atoms)))]]), [atoms], state)
    state.lost_degrees = constraint.lost_degrees
    arms = atoms.positions - atoms.get_center_of_mass()
    state.velocities = torch.as_tensor(np.cross(np.asarray(spin) / units.fs, arms))
    masses = atoms.get_masses()
    inertia = np.einsum("n,nij->ij", masses, np.einsum("nk,nk,ij->nij", arms, arms, np.eye(3)) - arms[:, :, None]
                        * arms[:, None])  # fmt: skip
    return state, constraint, inertia @ np.asarray(spin) / units.fs, inertia


def angular_momentum(state):
    masses = state.masses.numpy()[:, None]
    arms = state.positions.numpy() - (masses * state.positions.numpy()).sum(0) / masses.sum()
    return (masses * np.cross(arms, state.velocities.numpy())).sum(0)


def test_free_rotor_keeps_angular_momentum_and_energy():
    """An asymmetric body about its middle axis, where it tumbles: E = ω·L/2 and L stay."""
    atoms = Atoms("SOClF", [[0, 0, 0], [1.6, 0, 0], [0, 1.1, 0], [0.3, 0.2, 0.9]], cell=np.eye(3) * 9, pbc=True)
    state, constraint, momentum, inertia = spinning(atoms, [0.004, 0.02, 0.001])
    energy = 0.5 * momentum @ np.linalg.solve(inertia, momentum)
    energies = nve(state, constraint, no_forces, steps=500)
    np.testing.assert_allclose(angular_momentum(state), momentum, rtol=1e-11)
    assert np.abs(energies / energy - 1).max() < 1e-3  # bounded, not growing: it is symplectic
    assert np.abs(np.polyfit(np.arange(500), energies[:, 0] / energy, 1)[0] * 1000) < 1e-4
    assert moved(atoms, state.positions.numpy(), range(4))[2] < 1e-12


def test_symmetric_top_precesses_at_the_rate_of_euler():
    """The axis of a symmetric top goes around L at |L| over the moment across the axis."""
    triangle = np.array([[np.cos(angle), np.sin(angle), 0] for angle in (0, 2 * np.pi / 3, 4 * np.pi / 3)])
    atoms = Atoms("SO3", np.vstack([[0, 0, 1.2], 1.3 * triangle]), cell=np.eye(3) * 9, pbc=True)
    phases = {}
    for step_fs in (1.0, 0.5):
        state, constraint, momentum, inertia = spinning(atoms, [0.01, 0.0, 0.02])
        rate = np.linalg.norm(momentum) / inertia[0, 0]
        steps = int(200 / step_fs)
        nve(state, constraint, no_forces, steps=steps, step_fs=step_fs)
        place = state.positions.numpy()
        axis = place[0] - place[1:].mean(0)
        along = momentum / np.linalg.norm(momentum)
        across = [each - along * (each @ along) for each in ([0, 0, 1.2], axis)]
        turned = np.arctan2(along @ np.cross(*across), across[0] @ across[1])
        expected = rate * 200 * units.fs
        phases[step_fs] = np.angle(np.exp(1j * (turned - expected)))
    assert abs(phases[0.5]) < 2e-4
    assert phases[1.0] / phases[0.5] == pytest.approx(4, rel=0.1)


def test_diatomic_in_a_field_keeps_its_bond_and_swings_as_a_pendulum():
    """A rigid dipole in a uniform field: ω = √(field × bond/(μ b²)) for small swings."""
    field, bond_A = 0.05, 0.97
    mass_O, mass_H = Atoms("OH").get_masses()
    lean = 0.02
    positions = np.array([[0, 0, 0], [bond_A * np.sin(lean), 0, bond_A * np.cos(lean)]])
    atoms = Atoms("OH", positions, cell=np.eye(3) * 8, pbc=True)
    state = initial_state([atoms], seeds=[0], device="cpu")
    constraint = constrain(Frozen("V", [[(0, 1)]]), [atoms], state)
    state.lost_degrees = constraint.lost_degrees
    assert float(state.degrees_of_freedom()[0]) == 2

    def pulled(positions, cells):
        forces = torch.tensor([[0, 0, -field], [0, 0, field]], dtype=torch.float64)
        energy = -field * (positions[1, 2] - positions[0, 2])
        return Evaluation(energy[None], forces, torch.zeros_like(cells), torch.zeros(2))

    reduced = mass_O * mass_H / (mass_O + mass_H)
    frequency = np.sqrt(field / (reduced * bond_A))
    quarter = np.pi / 2 / frequency / units.fs
    steps = 4 * int(quarter / 0.5)
    nve(state, constraint, pulled, steps=steps, step_fs=quarter / (steps / 4))  # one period
    place = state.positions.numpy()
    assert np.linalg.norm(place[1] - place[0]) == pytest.approx(bond_A, abs=1e-12)
    np.testing.assert_allclose(place, atoms.positions, atol=1e-5)


def test_frozen_centre_stays_under_a_steady_pull():
    atoms, groups = hydroxides()
    state, constraint = frozen_batch("T", [atoms], groups)

    def pulled(positions, cells):
        return Evaluation(torch.zeros(1).double(), torch.full_like(positions, 0.3), torch.zeros_like(cells), None)

    nve(state, constraint, pulled, steps=200)
    for group in groups:
        assert moved(atoms, state.positions.numpy(), group)[0] < 1e-11
    assert (state.positions[4:, 0] - torch.as_tensor(atoms.positions[4:, 0])).min() > 5  # the ions fall


def test_linear_groups_are_told_from_bent_ones():
    places = torch.tensor([[[-1.0, 0, 0], [0, 0, 0], [1, 0, 0]], [[-1.0, 0, 0], [0, 1e-3, 0], [1, 0, 0]]]).double()
    assert is_linear(places - places.mean(1, keepdim=True), torch.ones(2, 3).double()).tolist() == [True, False]


# ── an independent route ───────────────────────────────────────────────────────────────────────


class SpringCalculator(Calculator):
    implemented_properties = ("energy", "forces")

    def __init__(self, springs):
        super().__init__()
        self.springs = springs

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        found = self.springs.evaluate(torch.as_tensor(atoms.positions), torch.as_tensor(atoms.cell.array)[None])
        self.results = {"energy": float(found.energies[0]), "forces": found.forces.numpy()}


def test_rigid_bodies_move_as_by_rattle_on_all_distances():
    """ASE's RATTLE fixes ten distances of each tetrahedron one by one; here a body has six velocities."""
    atoms, groups, springs = tetrahedra(count=2, ions=3)
    state, constraint = frozen_batch("V", [atoms], groups)
    peer = atoms.copy()
    pairs = [[one, other] for group in groups for one in group for other in group if one < other]
    peer.set_velocities(state.velocities.numpy())
    peer.set_constraint(FixBondLengths(pairs, tolerance=1e-12))
    peer.calc = SpringCalculator(springs)
    VelocityVerlet(peer, timestep=1.0 * units.fs).run(40)
    nve(state, constraint, springs.evaluate, steps=40)
    assert np.abs(peer.positions - atoms.positions).max() > 0.2
    np.testing.assert_allclose(state.positions, peer.positions, atol=1e-7)
    np.testing.assert_allclose(state.velocities, peer.get_velocities(), atol=1e-7)


# ── refusals ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("motions", "groups", "sentence"),
    [
        ("T", [(0,)], "at least two atoms"),
        ("R", [(0, 1), (1, 2)], "an atom may be in one group only"),
        ("TRV", [(0, 1), (2, 3), (4, 5, 6)], "R, T, V of all groups frozen, a cell has no degree of freedom left"),
    ],
)
def test_impossible_groups_are_refused(motions, groups, sentence):
    atoms, _ = hydroxides()
    state = initial_state([atoms], seeds=[0], device="cpu")
    with pytest.raises(SaltflowError, match=sentence):
        constrain(Frozen(motions, [groups]), [atoms], state)
