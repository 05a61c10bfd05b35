"""Vineyard's attempt frequencies where the potential is a sum of cosines, whose frequencies are known."""

import json

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.data import atomic_masses
from ase.units import _amu, _e
from barrier_models import LATTICE_A, BARRIERS_eV, Washboard
from barrier_studies import study

from saltflow.potentials.protocol import Evaluation
from saltflow.studies.barriers.attempt_frequencies import NO_MINIMUM, NO_SADDLE, attempt_frequencies
from saltflow.studies.barriers.elastic_band import Band
from saltflow.studies.relaxation.batched_evaluation import BatchedEvaluation


def frequency_per_s(axis: int) -> float:
    """Of Li at the bottom of E (1 − cos 2πx/a)/2: ω² = 2π² E/(m a²)."""
    omega2 = 2 * np.pi**2 * BARRIERS_eV[axis] * _e / (atomic_masses[3] * _amu * (LATTICE_A[axis] * 1e-10) ** 2)
    return omega2**0.5 / (2 * np.pi)


def band_along(axis: int, *, places=(0.0, 0.5, 1.0), other=(0.0, 0.0, 0.0)) -> Band:
    """Li on its way, a Cl beside it, and one far away."""
    lattice_A = np.array(LATTICE_A)
    start = Atoms("LiCl2", [other, 0.5 * lattice_A, 1.5 * lattice_A], cell=3 * lattice_A, pbc=True)
    step = np.eye(3)[axis] * lattice_A
    positions = np.array([start.positions + np.array([[place], [0], [0]]) * step for place in places])
    return Band(start, positions, np.array([0.0, BARRIERS_eV[axis], 0.0]))


@pytest.mark.parametrize("axis", [0, 2])
@pytest.mark.parametrize("radius_A", [1.0, 4.0])
def test_the_attempt_frequency_of_a_cosine_is_that_of_its_bottom(axis, radius_A):
    """Across the path nothing changes, so that ν* = ν of the ion along it, whoever else vibrates."""
    found = attempt_frequencies(band_along(axis), BatchedEvaluation(Washboard()), ions=[0], radius_A=radius_A)
    assert found.is_valid
    assert found.imaginary_modes == [0, 1, 0]
    assert found.atoms == (1 if radius_A == 1.0 else 2)
    assert [found.forward_per_s, found.backward_per_s] == pytest.approx([frequency_per_s(axis)] * 2, rel=1e-3)


@pytest.mark.parametrize(
    ("band", "problem", "imaginary"),
    [
        (band_along(0, other=(0.0, 2.0, 0.0)), NO_MINIMUM, [1, 2, 1]),
        (band_along(0, places=(0.0, 0.1, 1.0)), NO_SADDLE, [0, 0, 0]),
    ],
)
def test_what_is_no_saddle_between_minima_says_so(band, problem, imaginary):
    found = attempt_frequencies(band, BatchedEvaluation(Washboard()), ions=[0], radius_A=1.0)
    assert (found.problem, found.imaginary_modes, found.forward_per_s) == (problem, imaginary, None)
    assert not found.is_valid


class Pair:
    """Li at a saddle of (k/2)(y² + z² − x²) of its place relative to another Li: together they move freely."""

    device = torch.device("cpu")
    stiffness_eV_A2 = 3.0

    def on(self, numbers, system):
        return self

    def evaluate(self, positions, cells):
        between = positions.reshape(-1, 2, 3).diff(dim=1)
        pull = self.stiffness_eV_A2 * between * torch.tensor([-1.0, 1.0, 1.0], dtype=positions.dtype)
        return Evaluation(torch.zeros(len(between)), torch.cat([pull, -pull], dim=1).reshape(-1, 3), None, None)


def test_translations_of_all_atoms_are_no_vibrations():
    """Six modes are three translations, whose noise may have any sign, one imaginary mode and two real ones."""
    pair = Atoms("Li2", np.zeros((2, 3)), cell=[9, 9, 9], pbc=True)
    band = Band(pair, np.zeros((3, 2, 3)), np.array([0.0, 1.0, 0.0]))
    found = attempt_frequencies(band, BatchedEvaluation(Pair()), ions=[0], radius_A=np.inf)
    assert (found.atoms, found.imaginary_modes, found.problem) == (2, [1, 1, 1], NO_MINIMUM)


def test_the_kinetics_use_them(tmp_path):
    plain = study(tmp_path)
    record = study(tmp_path, prefactor_radius_A=1.0)
    assert plain["attempt_frequencies"] == "1e13 per s"
    assert record["attempt_frequencies"] == "vibrations"
    for hop, axis in zip(record["hops"], (0, 2), strict=True):
        assert hop["vibrations"]["forward_per_s"] == pytest.approx(frequency_per_s(axis), rel=0.02)
    D = [np.diag(each["diffusion"][0]["D_tensor_cm2_s"]) for each in (plain, record)]
    expected = [frequency_per_s(axis) / 1e13 for axis in range(3)]
    assert D[1] / D[0] == pytest.approx(expected, rel=0.02)
    again = study(tmp_path, prefactor_radius_A=1.0)
    assert again["hops"] == record["hops"]
    assert again["evaluations"] < record["evaluations"]
    kept = json.loads((tmp_path / "h1.vibrations.json").read_text())["numbers"]
    assert set(kept) >= {"forward_per_s", "backward_per_s", "problem", "imaginary_modes"}
