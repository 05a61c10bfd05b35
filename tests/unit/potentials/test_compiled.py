"""Loops on a CPU give the numbers of the model, whatever its architecture; what they do not cover stays with mace."""

import logging

import numpy as np
import pytest
import torch
from mace_models import bound, make_model, o3, rock_salt, triclinic, unlike_cells

from saltflow.potentials.compiled.radial_tables import MEETING_A, SHORTEST_A, tabulated
from saltflow.potentials.compiled.weights import is_covered
from saltflow.potentials.mace import Committee

ARCHITECTURES = {
    "scalars, three-body": {"hidden": "5x0e", "max_ell": 2, "correlation": 2},
    "scalars, four-body": {"hidden": "6x0e", "max_ell": 3, "correlation": 3},
    "without residual": {"hidden": "5x0e", "max_ell": 1, "correlation": 1, "kind": "RealAgnostic"},
    "density without residual": {"hidden": "4x0e", "max_ell": 3, "correlation": 2, "kind": "RealAgnosticDensity"},
    "vectors, as foundations": {
        "hidden": "6x0e + 6x1o",
        "max_ell": 3,
        "correlation": 3,
        "kind": "RealAgnosticDensityResidual",
    },
    "quadrupoles": {"hidden": "3x0e + 3x1o + 3x2e", "max_ell": 2, "correlation": 3},
    "one layer": {"hidden": "4x0e", "num_interactions": 1},
    "three layers": {"hidden": "4x0e + 4x1o", "num_interactions": 3},
    "distances by element": {"hidden": "4x0e", "distance_transform": "Agnesi"},
    "no repulsion, shifted": {"hidden": "4x0e", "pair_repulsion": False, "atomic_inter_shift": 0.3},
    "last readout only": {"hidden": "4x0e", "use_last_readout_only": True},
}
UNCOVERED = {
    "five-body": {"correlation": 4},
    "hexadecapoles": {"max_ell": 4},
    "two heads": {"heads": ["one", "other"], "atomic_energies": np.ones((2, 3))},
    "pseudovectors": {"hidden": "4x0e + 4x1o + 4x1e"},
    "fewer channels of edges": {"edge_irreps": o3.Irreps("2x0e + 2x1o")},
}


@pytest.fixture
def double_by_default():
    """Repulsion in double precision: mace takes powers of integers in torch's default."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def evaluations(models, dtype):
    """By loops, and by mace."""
    loops, plain = (Committee(models, device="cpu", dtype=dtype, compiled=compiled) for compiled in (True, False))
    found, expected = (
        potential.evaluate(*where, all_models=True)
        for potential, *where in (bound(committee, unlike_cells()) for committee in (loops, plain))
    )
    assert (loops.evaluated_by, plain.evaluated_by) == ("compiled loops", "mace")
    return found, expected


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-9), ("float32", 1e-4)])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_numbers_are_those_of_mace(double_by_default, architecture, dtype, tolerance):
    model = make_model(seed=2, **ARCHITECTURES[architecture]).to(getattr(torch, dtype))
    found, expected = evaluations([model], dtype)
    assert expected.forces.abs().max() > 0.01
    for name in ("energies", "forces", "stresses"):
        own, other = getattr(found, name), getattr(expected, name)
        np.testing.assert_allclose(own, other, atol=tolerance * float(other.abs().max()), rtol=0, err_msg=name)


def test_disagreement_of_a_committee_is_that_of_mace(double_by_default):
    found, expected = evaluations([make_model(seed=seed, hidden="4x0e") for seed in (1, 2)], "float64")
    assert expected.force_std.max() > 0.01
    np.testing.assert_allclose(found.force_std, expected.force_std, atol=1e-9)


@pytest.mark.parametrize("architecture", UNCOVERED)
def test_other_architectures_stay_with_mace(architecture):
    model = make_model(seed=3, **UNCOVERED[architecture])
    assert not is_covered(model)
    assert Committee([model], device="cpu", dtype="float64").evaluated_by == "mace"


def test_a_model_on_which_loops_err_stays_with_mace(caplog):
    """The loops take the last readout for a silu; of another one only the comparison knows."""
    model = make_model(seed=3, hidden="4x0e", gate=torch.tanh)
    committee = Committee([model], device="cpu", dtype="float64")
    with caplog.at_level(logging.WARNING):
        potential, *where = bound(committee, unlike_cells())
        found = potential.evaluate(*where)
    assert committee.evaluated_by.startswith("mace, as compiled loops differ by ")
    assert "mace evaluates the forces" in caplog.text
    potential, *where = bound(Committee([model], device="cpu", dtype="float64", compiled=False), unlike_cells())
    assert torch.equal(found.forces, potential.evaluate(*where).forces)


@pytest.mark.parametrize("cell", [rock_salt(rattle_A=0.0), triclinic(seed=1, atoms=1)], ids=["crystal", "one atom"])
def test_a_symmetric_cell_is_no_reason_against_loops(cell):
    """Without forces any rounding would be a large part of the largest."""
    committee = Committee([make_model(seed=3).float()], device="cpu", dtype="float32")
    potential, *where = bound(committee, [cell])
    assert potential.evaluate(*where).forces.abs().max() < 1e-4
    assert committee.evaluated_by == "compiled loops"


def test_atoms_on_top_of_each_other_are_not_a_number():
    committee = Committee([make_model(seed=3)], device="cpu", dtype="float64")
    cells = [rock_salt(repeats=(1, 1, 2)), rock_salt(repeats=(1, 1, 2))]
    cells[1].positions[1] = cells[1].positions[0] + 0.5 * SHORTEST_A * np.array([0, 0, 1])
    potential, *where = bound(committee, cells)
    found = potential.evaluate(*where)
    assert found.energies.isnan().tolist() == [False, True]
    assert found.forces[4:].isnan().all()
    assert found.forces[:4].isfinite().all()


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-11), ("float32", 1e-6)])
def test_tables_have_values_and_derivatives(dtype, tolerance):
    """Of a Bessel function, by the polynomials between knots at their ends and halfway."""

    def bessel(lengths_A):
        return np.sin(5 * np.pi * lengths_A / 4)[:, None] / lengths_A[:, None]

    table = tabulated(bessel, cutoff_A=4.0, dtype=dtype)[..., 0].astype(float)
    knots_A, step_A = np.linspace(SHORTEST_A, 4.0, len(table), retstep=True)
    left, right = table[:-1].T, table[1:].T
    halfway = (left[0] + right[0]) / 2 + 5 * (left[1] - right[1]) / 32 + (left[2] + right[2]) / 64
    wave, apart = 5 * np.pi / 4, knots_A > MEETING_A
    slopes = (wave * np.cos(wave * knots_A) - bessel(knots_A)[:, 0]) / knots_A
    np.testing.assert_allclose(
        halfway[apart[:-1]], bessel(knots_A[:-1] + step_A / 2)[apart[:-1], 0], atol=10 * tolerance
    )
    np.testing.assert_allclose(table[apart, 1] / step_A, slopes[apart], atol=1e4 * tolerance)
