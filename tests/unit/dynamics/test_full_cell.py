"""The barostat of the full cell samples the flexible cell under hydrostatic pressure."""

import numpy as np
import pytest
import torch
from ase import Atoms, units

from saltflow.dynamics import integrators
from saltflow.dynamics.state import draw_velocities, initial_state
from saltflow.potentials.protocol import Evaluation

EDGE_A, TEMPERATURE_K, PRESSURE = 10.0, 300.0, 2.0 * units.GPa
LAME, SHEAR = 40 * units.GPa, 25 * units.GPa
BULK = LAME + 2 * SHEAR / 3
VOLUME_A3 = EDGE_A**3
RATES = {"step": units.fs, "time": 10 * units.fs, "compressibility": 1 / BULK}
CELLS, STEPS = 100, 1500


def elastic(state):
    """A solid that is its cell: U = V₀ (½ λ tr²E + μ E:E) with the Green–Lagrange strain E from the cube of EDGE_A."""
    deformation = state.cells.transpose(-1, -2) / EDGE_A
    unit = torch.eye(3, dtype=torch.float64)
    strain = 0.5 * (deformation.transpose(-1, -2) @ deformation - unit)
    trace = strain.diagonal(dim1=-2, dim2=-1).sum(-1)
    second = LAME * trace[:, None, None] * unit + 2 * SHEAR * strain
    volume_ratio = torch.linalg.det(deformation)[:, None, None]
    stresses = deformation @ second @ deformation.transpose(-1, -2) / volume_ratio
    atoms = torch.zeros_like(state.positions)
    return Evaluation(torch.zeros(state.systems), atoms, stresses, atoms[:, 0]), strain


@pytest.fixture(scope="module")
def solids():
    """(steps, cells, 3, 3) strains and pressures of solids that begin sheared, and their cells at start and end."""
    cube = Atoms("Cl", cell=np.eye(3) * EDGE_A, pbc=True)
    state = initial_state([cube] * CELLS, seeds=range(CELLS), device="cpu")
    shear = torch.tensor([[0.05, 0.04, 0.0], [0.0, -0.05, 0.03], [0.0, 0.0, 0.02]], dtype=torch.float64)
    integrators.deform_cells(state, torch.linalg.matrix_exp(shear).repeat(CELLS, 1, 1))
    start = state.cells
    target = torch.full((CELLS,), TEMPERATURE_K, dtype=torch.float64)
    strains, pressures = [], []
    for _ in range(STEPS):
        evaluation, strain = elastic(state)
        strains.append(strain)
        pressures.append(state.pressure_tensor(evaluation.stresses))
        integrators.reshape_cells(state, evaluation, target_K=target, pressure=PRESSURE, **RATES)
    return torch.stack(strains)[200:].numpy(), torch.stack(pressures)[200:].numpy(), (start, state.cells)


def assert_mean(values, expected, *, error):
    """(steps, cells) values have a mean within four errors, which the independent cells give and which is small."""
    means = values.mean(0)
    found = means.std(ddof=1) / np.sqrt(len(means))
    assert found < error
    assert abs(means.mean() - expected) < 4 * found


def test_every_component_of_the_stress_is_the_set_one(solids):
    _, pressures, _ = solids
    for row in range(3):
        for column in range(3):
            expected = PRESSURE if row == column else 0.0
            assert_mean(pressures[:, :, row, column], expected, error=0.02 * units.GPa)


def test_strain_fluctuates_by_the_elastic_constants(solids):
    """var(E_xy) = kT/4Vμ', var(E_xx − E_yy) = kT/Vμ': U + PV to second order in a shear E has μ' = μ − P."""
    strains, _, _ = solids
    shear = SHEAR - PRESSURE
    relaxed = 2 * shear * RATES["compressibility"] / 3 * RATES["step"] / RATES["time"]  # in one step
    # Steps of finite length widen it, as any first-order step does a harmonic degree of freedom.
    variance = units.kB * TEMPERATURE_K / VOLUME_A3 / shear / (1 - relaxed / 2)
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert_mean(strains[:, :, one, other] ** 2, variance / 4, error=0.03 * variance / 4)
        between = strains[:, :, one, one] - strains[:, :, other, other]
        assert_mean(between**2, variance, error=0.03 * variance)


def test_a_sheared_cell_becomes_cubic_and_does_not_turn(solids):
    strains, _, (start, end) = solids
    mean = strains.mean((0, 1))
    np.testing.assert_allclose(mean - np.eye(3) * np.trace(mean) / 3, 0, atol=2e-3)
    turns = [left @ right for left, _, right in (torch.linalg.svd(cells) for cells in (start, end))]
    np.testing.assert_allclose(turns[1].mean(0), turns[0].mean(0), atol=3e-3)  # the shear at the start was turned
    assert abs(turns[0][0, 0, 1]) > 0.015


def test_a_squeezed_cell_opens_by_a_bounded_strain():
    state = initial_state([Atoms("Cl8", cell=np.eye(3) * 5, pbc=True)], seeds=[0], device="cpu")
    stress = torch.diag(torch.tensor([-1000.0, 0.0, 500.0], dtype=torch.float64))[None] * units.GPa
    evaluation = Evaluation(torch.zeros(1), torch.zeros((8, 3)), stress, torch.zeros(8))
    integrators.reshape_cells(
        state, evaluation, target_K=torch.tensor([1e-9], dtype=torch.float64), pressure=0.0, **RATES
    )
    np.testing.assert_allclose(
        state.cells[0] / 5, np.diag(np.exp(np.array([1.0, 0.0, -0.5]) * integrators.LARGEST_STRAIN / 3)), atol=1e-6
    )


def test_deformed_cells_keep_fractional_coordinates_and_momenta_shrink():
    state = initial_state(
        [Atoms("LiCl", [[1, 2, 3], [-4, 5, 30]], cell=np.eye(3) * 9, pbc=True)], seeds=[0], device="cpu"
    )
    draw_velocities(state, torch.tensor([300.0], dtype=torch.float64))
    before, velocities = state.positions / 9, state.velocities.clone()
    deformation = torch.linalg.matrix_exp(
        torch.randn((1, 3, 3), generator=torch.Generator().manual_seed(1)).double() / 5
    )
    integrators.deform_cells(state, deformation)
    np.testing.assert_allclose(state.positions, before @ state.cells[0], rtol=1e-12)
    # p·r is kept: phase space is neither stretched nor squeezed.
    products = (state.velocities * state.positions).sum(-1)
    np.testing.assert_allclose(products, (velocities * 9 * before).sum(-1), rtol=1e-12)
