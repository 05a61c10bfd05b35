"""Phonons beside the closed form of a lattice of atoms in pairs, and the imaginary modes of one that is no minimum."""

import json

import numpy as np
import pytest
import torch
from ase.build import bulk
from ase.units import _amu, _e
from lennard_jones import CUTOFF_A, SIGMA_A, EPSILON_eV, LennardJones

from saltflow.base.errors import SaltflowError
from saltflow.potentials.protocol import Evaluation
from saltflow.studies.relaxation.batched_evaluation import BatchedEvaluation
from saltflow.studies.survivors.force_constants import force_constants
from saltflow.studies.survivors.phonon_study import study_phonons, verdict

EDGE_A = 5.2
SETTINGS = {"potential": "argon", "potential_sha256": "0"}


class Argon:
    """Lennard-Jones with all images, in one cell at a time or several of one shape."""

    device, evaluated_by = LennardJones.device, "argon"

    def on(self, numbers, system):
        return self

    def evaluate(self, positions, cells):
        place = positions.reshape(len(cells), -1, 3).requires_grad_(True)
        strain = torch.zeros_like(cells, requires_grad=True)
        heights = 1 / torch.linalg.norm(torch.linalg.inv(cells[0]), dim=0)
        ranges = [torch.arange(-int(each), int(each) + 1) for each in torch.ceil(CUTOFF_A / heights)]
        shifts = torch.cartesian_prod(*ranges).double() @ cells[0]
        apart = place[:, :, None, None] - place[:, None, :, None] + shifts
        apart = apart + torch.einsum("cijsx,cxy->cijsy", apart, strain)
        square = apart.square().sum(-1)
        near = (square < CUTOFF_A**2) & (square > 1e-6)
        sixth = (SIGMA_A**2 / square.where(near, torch.ones_like(square))) ** 3
        energies = (near * 2 * EPSILON_eV * (sixth**2 - sixth)).sum((1, 2, 3))
        gradient, stress = torch.autograd.grad(energies.sum(), (place, strain))
        volumes = torch.linalg.det(cells).abs()[:, None, None]
        return Evaluation(energies.detach(), -gradient.reshape(-1, 3), stress / volumes, torch.zeros(len(positions)))


def closed_form_THz(wave_vector: np.ndarray) -> np.ndarray:
    """Born and Huang: D(q) = Σ_R (∂²u/∂R∂R)(1 − cos q·R)/m over the neighbours of one atom of fcc argon."""
    cell = bulk("Ar", "fcc", a=EDGE_A).cell.array
    steps = np.array(
        [[i, j, k] for i in range(-4, 5) for j in range(-4, 5) for k in range(-4, 5) if (i, j, k) != (0, 0, 0)]
    )
    apart = steps @ cell
    near = np.linalg.norm(apart, axis=1) < CUTOFF_A
    steps, apart = steps[near], apart[near]
    distance = np.linalg.norm(apart, axis=1)
    sixth = (SIGMA_A / distance) ** 6
    first = 24 * EPSILON_eV * (sixth - 2 * sixth**2) / distance
    second = 24 * EPSILON_eV * (26 * sixth**2 - 7 * sixth) / distance**2
    along = apart / distance[:, None]
    curvature = np.einsum("n,ni,nj->nij", second - first / distance, along, along)
    curvature += (first / distance)[:, None, None] * np.eye(3)
    matrix = np.einsum("n,nij->ij", 1 - np.cos(2 * np.pi * steps @ wave_vector), curvature) / 39.95
    return 1e-2 * (_e / _amu) ** 0.5 / (2 * np.pi) * np.sqrt(np.maximum(np.linalg.eigvalsh(matrix), 0))


def test_fcc_argon_has_the_phonons_of_its_closed_form():
    cell = bulk("Ar", "fcc", a=EDGE_A)
    constants = force_constants(cell, BatchedEvaluation(Argon()), repeats=(5, 5, 5))
    # At any wave vector, since no pair beyond the cutoff of half the supercell interacts.
    wave_vectors = np.random.default_rng(1).uniform(-0.5, 0.5, (6, 3))
    expected = np.array([closed_form_THz(each) for each in wave_vectors])
    assert expected.max() > 1.0
    assert constants.frequencies_THz(wave_vectors) == pytest.approx(expected, abs=2e-3)
    assert constants.frequencies_THz([[0, 0, 0]]) == pytest.approx(np.zeros((1, 3)), abs=1e-4)


def test_a_larger_unit_cell_has_the_same_phonons_folded():
    """Four atoms per cell at the zone's centre are the primitive cell at Γ and at the three X."""
    conventional = force_constants(
        bulk("Ar", "fcc", a=EDGE_A, cubic=True), BatchedEvaluation(Argon()), repeats=(3, 3, 3)
    )
    folded = [closed_form_THz(np.array(each)) for each in ([0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0])]
    assert conventional.frequencies_THz([[0, 0, 0]])[0] == pytest.approx(np.sort(np.concatenate(folded)), abs=5e-3)
    assert len(conventional.commensurate) == 27


def test_a_simple_cubic_crystal_is_no_minimum(tmp_path):
    path = tmp_path / "ar.json"
    cell = bulk("Ar", "sc", a=3.75)
    found = study_phonons(cell, Argon(), settings=SETTINGS, path=path)
    assert found["lowest_THz"] < -0.3
    assert "modes imaginary, to" in verdict(found)
    assert (tmp_path / "ar.svg").stat().st_size
    kept = path.stat().st_mtime_ns
    assert study_phonons(cell, Argon(), settings=SETTINGS, path=path) == found
    assert path.stat().st_mtime_ns == kept
    study_phonons(cell, Argon(), settings=SETTINGS | {"potential_sha256": "1"}, path=path)
    assert path.stat().st_mtime_ns > kept
    assert json.loads(path.read_text())["numbers"] == found


def test_a_stable_crystal_has_no_imaginary_mode(tmp_path):
    found = study_phonons(bulk("Ar", "fcc", a=5.3), Argon(), settings=SETTINGS, path=tmp_path / "ar.json")
    assert (found["imaginary"], verdict(found)) == (0, "no imaginary mode")
    assert np.shape(found["THz"]) == (120, 3)


def test_what_does_not_come_to_rest_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr("saltflow.studies.survivors.phonon_study.STEPS", 0)
    with pytest.raises(SaltflowError, match="it does not come to rest"):
        study_phonons(bulk("Ar", "fcc", a=4.8), Argon(), settings=SETTINGS, path=tmp_path / "ar.json")
