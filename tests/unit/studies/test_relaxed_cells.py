"""Cells relaxed in one batch, beside ASE's own minimiser of one cell and closed forms."""

import numpy as np
import pytest
from ase.build import bulk
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS
from lennard_jones import CUTOFF_A, SIGMA_A, EPSILON_eV, LennardJones

from saltflow.potentials.as_calculator import AsCalculator
from saltflow.studies.relaxation.batched_evaluation import BatchedEvaluation
from saltflow.studies.relaxation.quasi_newton import QuasiNewton
from saltflow.studies.relaxation.relaxed_cells import relax_cells


class Argon(LennardJones):
    """What the engine asks of a potential, for as many cells of argon as come."""

    evaluated_by = "Lennard-Jones"

    def __init__(self):
        super().__init__(1)

    def on(self, numbers, system):
        return LennardJones(int(np.bincount(system)[0]))


def strained_argon(*, strain: float, seed: int):
    cell = bulk("Ar", "fcc", a=5.3, cubic=True).repeat(3)
    cell.set_cell(cell.cell.array @ (np.eye(3) + strain * np.array([[1, 0.5, 0], [0.5, -1, 0], [0, 0, 0.5]])), True)
    cell.rattle(0.03, seed=seed)
    return cell


def lattice_energy_eV(edge_A: float) -> float:
    cell = bulk("Ar", "fcc", a=edge_A, cubic=True).repeat(5)
    apart = cell.positions - cell.positions[0]
    distance = np.linalg.norm(apart - edge_A * 5 * np.round(apart / (edge_A * 5)), axis=1)
    sixth = (SIGMA_A / distance[(distance > 0) & (distance < CUTOFF_A)]) ** 6
    cut = (SIGMA_A / CUTOFF_A) ** 6
    return float(2 * EPSILON_eV * (sixth**2 - sixth - cut**2 + cut).sum())


def test_a_batch_finds_what_ase_finds_one_by_one():
    cells = [strained_argon(strain=0.02, seed=1), strained_argon(strain=-0.03, seed=2)]
    found = relax_cells(cells, BatchedEvaluation(Argon()), force_eV_A=2e-3, steps=60)
    alone = cells[0].copy()
    alone.calc = AsCalculator(Argon())
    BFGS(FrechetCellFilter(alone, exp_cell_factor=8.0), logfile=None).run(fmax=2e-3, steps=60)
    for cell, relaxed in zip(cells, found, strict=True):
        assert relaxed.is_converged(2e-3)
        assert relaxed.energy_eV == pytest.approx(alone.get_potential_energy(), abs=1e-3)
        assert relaxed.atoms.get_volume() == pytest.approx(alone.get_volume(), rel=5e-3)
        edge_A = (relaxed.atoms.get_volume() / 27) ** (1 / 3)
        assert relaxed.energy_eV / len(cell) == pytest.approx(lattice_energy_eV(edge_A), abs=1e-5)
        assert relaxed.volume_change == pytest.approx(relaxed.atoms.get_volume() / cell.get_volume() - 1)


def test_what_has_no_time_to_relax_says_so():
    (found,) = relax_cells([strained_argon(strain=0.02, seed=1)], BatchedEvaluation(Argon()), force_eV_A=1e-4, steps=2)
    assert (found.is_converged(1e-4), found.steps) == (False, 2)


def test_a_quadratic_valley_is_left_as_its_hessian_is_learned():
    random = np.random.default_rng(4)
    hessian = random.normal(size=(12, 12))
    hessian = hessian @ hessian.T + 10 * np.eye(12)
    place, minimiser = 0.1 * random.normal(size=12), QuasiNewton()
    for _ in range(60):
        place = place + minimiser.move((-hessian @ place).reshape(4, 3)).ravel()
    assert np.abs(place).max() < 1e-6
