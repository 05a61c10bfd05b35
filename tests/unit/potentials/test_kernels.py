"""What evaluates models on a CPU is the model itself, to rounding, whatever its architecture."""

import copy

import numpy as np
import pytest
import torch
from mace_models import make_model, rock_salt

from saltflow.potentials import kernels
from saltflow.potentials.kernels.contraction import Polynomials
from saltflow.potentials.kernels.convolution import Convolution
from saltflow.potentials.mace import Committee, stack

ARCHITECTURES = {
    "small": {},
    "as foundations": {"hidden": "6x0e + 6x1o", "max_ell": 3, "correlation": 3, "kind": "RealAgnosticDensityResidual"},
    "scalars, linear": {"hidden": "5x0e", "max_ell": 1, "correlation": 1, "kind": "RealAgnostic"},
    "quadrupoles": {"hidden": "3x0e + 3x1o + 3x2e", "max_ell": 2, "correlation": 3},
}


def committee_of(model, dtype="float64"):
    """Of one model as it is given, whatever its size."""
    committee = Committee([model], device="cpu", dtype=dtype)
    committee.models = [model]
    return committee


def three_elements():
    cell = rock_salt(repeats=(1, 2, 2), rattle_A=0.2)
    cell.numbers[0] = 40
    far = cell[:2]
    far.set_cell(np.eye(3) * 20)
    far.positions = [[0, 0, 0], [9, 9, 9]]  # in no one's reach
    return stack([cell, far])


def evaluated(committee):
    numbers, system, positions, boxes = three_elements()
    return committee.on(numbers, system).evaluate(torch.as_tensor(positions), torch.as_tensor(boxes))


@pytest.mark.parametrize(
    ("architecture", "dtype", "tolerance"),
    [*((name, "float64", 1e-12) for name in ARCHITECTURES), ("as foundations", "float32", 1e-5)],
)
def test_numbers_are_those_of_mace(architecture, dtype, tolerance):
    model = make_model(seed=2, **ARCHITECTURES[architecture]).to(getattr(torch, dtype))
    committee = committee_of(kernels.accelerated(model), dtype)
    for product, interaction in zip(committee.models[0].products, committee.models[0].interactions, strict=True):
        assert isinstance(product.symmetric_contractions, Polynomials)
        assert isinstance(interaction.conv_tp, Convolution)
    found, expected = evaluated(committee), evaluated(committee_of(model, dtype))
    for own, other in (
        (found.energies, expected.energies),
        (found.forces, expected.forces),
        (found.stresses, expected.stresses),
    ):
        np.testing.assert_allclose(own, other, atol=tolerance * float(other.abs().max()))
    assert expected.forces.abs().max() > 0.01


@pytest.mark.parametrize(("hidden", "worthwhile"), [("4x0e + 4x1o", False), ("8x0e + 8x1o", True)])
def test_only_models_that_gain_from_it_are_changed(hidden, worthwhile):
    model = make_model(seed=3, hidden=hidden)
    (used,) = Committee([model], device="cpu", dtype="float64").models
    assert (used is not model) == worthwhile


def test_the_model_itself_stays_as_it_is():
    model = make_model(seed=3)
    before = copy.deepcopy(model.state_dict())
    faster = kernels.accelerated(model)
    assert not any(isinstance(part, Convolution | Polynomials) for part in model.modules())
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
    again = kernels.accelerated(faster)
    assert again.interactions[0] is faster.interactions[0]
    assert again.products[0] is faster.products[0]


def test_other_layers_are_unchanged():
    model = make_model(seed=3, hidden="2x0e", max_ell=1, correlation=4)
    model.interactions[1].conv_tp.shared_weights = True
    faster = kernels.accelerated(model)
    assert [isinstance(part.conv_tp, Convolution) for part in faster.interactions] == [True, False]
    assert faster.products[0] is model.products[0]


@pytest.mark.parametrize("room", [1, 4096])
def test_how_many_edges_are_taken_at_once_does_not_matter(monkeypatch, room):
    committee = committee_of(kernels.accelerated(make_model(seed=4)))
    expected = evaluated(committee)
    monkeypatch.setattr("saltflow.potentials.kernels.convolution.EDGES_AT_ONCE", room)
    np.testing.assert_allclose(evaluated(committee).forces, expected.forces, atol=1e-13)
