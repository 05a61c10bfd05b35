import pickle
import warnings

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk
from mace_models import CUTOFF_A, bound, committee_of, make_model, rock_salt, triclinic

from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import sha256_of_file
from saltflow.potentials.mace import SKIN_A, Committee, load_committee, load_model

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from mace.calculators import MACECalculator


@pytest.fixture(scope="module")
def calculator(model_paths):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MACECalculator(model_paths=str(model_paths[0]), device="cpu", default_dtype="float64")


def evaluate(committee, cells, **choices):
    potential, positions, boxes = bound(committee, cells)
    return potential.evaluate(positions, boxes, **choices)


def assert_as_calculated(evaluation, cells, calculator):
    """Energies, forces and stresses are those of mace's own calculator for each cell alone."""
    first = 0
    for index, cell in enumerate(cells):
        alone = Atoms(cell.numbers, positions=cell.positions, cell=cell.cell, pbc=True, calculator=calculator)
        own = evaluation.forces[first : first + len(cell)]
        assert float(evaluation.energies[index]) == pytest.approx(alone.get_potential_energy(), abs=1e-9)
        np.testing.assert_allclose(own, alone.get_forces(), atol=1e-9)
        np.testing.assert_allclose(evaluation.stresses[index], alone.get_stress(voigt=False), atol=1e-10)
        first += len(cell)


def test_batch_equals_mace_calculator_cell_by_cell(committee, calculator):
    cells = [rock_salt(), triclinic(seed=1), triclinic(seed=2, atoms=1), rock_salt(repeats=(1, 1, 3), seed=5)]
    assert np.abs(evaluate(committee, cells).forces).max() > 0.05  # else agreement would say little
    assert_as_calculated(evaluate(committee, cells), cells, calculator)


def test_left_handed_cell(committee, calculator):
    cell = triclinic(seed=3)
    cell.set_cell(cell.cell.array[[1, 0, 2]])
    assert np.linalg.det(cell.cell.array) < 0
    assert_as_calculated(evaluate(committee, [cell]), [cell], calculator)


def test_unwrapped_atoms_far_from_their_cell(committee):
    cell, far = triclinic(seed=4), triclinic(seed=4)
    far.positions += np.array([[5, -7, 11], [-300, 20, 1], [0, 0, 40]]) @ far.cell.array
    here, there = evaluate(committee, [cell]), evaluate(committee, [far])
    np.testing.assert_allclose(there.energies, here.energies, atol=1e-9)
    np.testing.assert_allclose(there.forces, here.forces, atol=1e-9)
    np.testing.assert_allclose(there.stresses, here.stresses, atol=1e-10)


def test_atoms_without_neighbours(committee, calculator):
    lonely = Atoms("LiCl", positions=[[0, 0, 0], [9, 9, 9]], cell=np.eye(3) * 18, pbc=True)
    cells = [lonely, triclinic(seed=1)]
    assert_as_calculated(evaluate(committee, cells), cells, calculator)
    assert not evaluate(committee, [lonely]).forces.any()


def test_kept_list_equals_a_fresh_one_while_atoms_move(committee):
    """A random walk in small moves: the list is kept for some and made anew for others, and never matters."""
    cells = [rock_salt(), triclinic(seed=1)]
    potential, positions, boxes = bound(committee, cells)
    random, made = torch.Generator().manual_seed(5), [potential.listed_at]
    for _ in range(25):
        positions = positions + 0.05 * torch.randn(positions.shape, generator=random, dtype=torch.float64)
        kept = potential.evaluate(positions, boxes)
        fresh = bound(committee, cells)[0].evaluate(positions, boxes)
        np.testing.assert_allclose(kept.forces, fresh.forces, atol=1e-9, rtol=1e-9)
        np.testing.assert_allclose(kept.energies, fresh.energies, atol=1e-9)
        if potential.listed_at is not made[-1]:
            made.append(potential.listed_at)
    assert 2 < len(made) < 20


def dumbbells(*, separation_A):
    """Two atoms in a long cell, farther apart than cutoff + skin."""
    return Atoms("LiCl", positions=[[0, 0, 0], [separation_A, 0, 0]], cell=[4 * separation_A, 20, 20], pbc=True)


@pytest.mark.parametrize("handedness", [1, -1])
def test_compression_brings_unlisted_pairs_into_reach(committee, handedness):
    """No atom moves in fractional coordinates, yet a pair beyond the list comes within the cutoff."""
    cell = dumbbells(separation_A=CUTOFF_A + SKIN_A + 0.1)
    cell.set_cell(cell.cell.array * [[1], [1], [handedness]])
    potential, positions, boxes = bound(committee, [cell])
    assert not potential.evaluate(positions, boxes).forces.any()
    squeezed = cell.copy()
    squeezed.set_cell(cell.cell.array * [0.6, 1, 1], scale_atoms=True)
    after = potential.evaluate(torch.as_tensor(squeezed.positions), torch.as_tensor(squeezed.cell.array[None]))
    assert after.forces.abs().max() > 1e-3
    np.testing.assert_allclose(after.forces, evaluate(committee, [squeezed]).forces, atol=1e-10)


def test_slow_compression_and_shear_never_lose_a_pair(committee):
    cell = rock_salt(repeats=(1, 2, 3))
    potential, _, _ = bound(committee, [cell])
    random, made = np.random.default_rng(2), [potential.listed_at]
    for _ in range(30):
        strain = np.eye(3) + np.triu(random.uniform(-0.015, 0.005, (3, 3)))
        cell.set_cell(cell.cell.array @ strain, scale_atoms=True)
        cell.positions += random.normal(scale=0.01, size=cell.positions.shape)
        kept = potential.evaluate(torch.as_tensor(cell.positions), torch.as_tensor(cell.cell.array[None]))
        np.testing.assert_allclose(kept.energies, evaluate(committee, [cell]).energies, atol=1e-9)
        if potential.listed_at is not made[-1]:
            made.append(potential.listed_at)
    assert 2 < len(made) < 25


def test_forces_and_stress_are_derivatives_of_the_energy(committee):
    cell, delta = triclinic(seed=7), 1e-4

    def energy(atoms):
        return float(evaluate(committee, [atoms]).energies[0])

    evaluation = evaluate(committee, [cell])
    for atom, axis in [(0, 0), (1, 1), (2, 2)]:
        plus, minus = cell.copy(), cell.copy()
        plus.positions[atom, axis] += delta
        minus.positions[atom, axis] -= delta
        slope = (energy(plus) - energy(minus)) / (2 * delta)
        assert float(evaluation.forces[atom, axis]) == pytest.approx(-slope, abs=1e-6)
    for row, column in [(0, 0), (1, 1), (2, 2), (0, 1), (1, 2), (0, 2)]:
        strained = []
        for sign in (1, -1):
            strain = np.eye(3)
            strain[row, column] += sign * delta / 2
            strain[column, row] += sign * delta / 2
            strained.append(cell.copy())
            strained[-1].set_cell(cell.cell.array @ strain, scale_atoms=True)
        slope = (energy(strained[0]) - energy(strained[1])) / (2 * delta)
        assert float(evaluation.stresses[0, row, column]) == pytest.approx(slope / cell.get_volume(), abs=1e-7)


def test_committee_disagreement_is_the_standard_deviation_by_hand(committee, model_paths):
    cells = [rock_salt(), triclinic(seed=1)]
    together = evaluate(committee, cells, all_models=True)
    single = np.stack([evaluate(committee_of([path]), cells).forces.numpy() for path in model_paths])
    by_hand = np.sqrt((np.std(single, axis=0) ** 2).sum(-1))
    assert by_hand.min() > 1e-4
    np.testing.assert_allclose(together.force_std, by_hand, rtol=1e-9)
    np.testing.assert_allclose(together.forces, single.mean(0), atol=1e-12)
    np.testing.assert_allclose(evaluate(committee, cells).forces, single[0], atol=1e-12)
    assert not evaluate(committee, cells).force_std.any()


def test_float32_agrees_to_single_precision(committee, model_paths):
    cells = [rock_salt()]
    cells[0].positions += 100 * cells[0].cell.array[0]
    single = evaluate(committee_of(model_paths, dtype="float32"), cells)
    double = evaluate(committee, cells)
    assert single.forces.dtype == torch.float64
    difference = (single.forces - double.forces).abs().max()
    assert 0 < difference < 1e-4


@pytest.mark.parametrize("compiled", [True, False])
def test_large_energies_of_isolated_atoms_leave_energy_differences_exact(compiled):
    """64 atoms of −500 eV: a sum in single precision would be rounded to 0.002 eV."""
    model = make_model(seed=1, atomic_energies=np.full(3, -500.0))
    cell, changes = rock_salt(repeats=(2, 4, 4), rattle_A=0.1), []
    for dtype in ("float64", "float32"):
        committee = Committee([model.to(getattr(torch, dtype))], device="cpu", dtype=dtype, compiled=compiled)
        potential, positions, boxes = bound(committee, [cell])
        moved = positions + 0.4 * (torch.arange(len(cell)) == 5)[:, None]
        energies = [float(potential.evaluate(where, boxes).energies[0]) for where in (positions, moved)]
        assert energies[0] == pytest.approx(-500 * len(cell), rel=0.05)
        changes.append(energies[1] - energies[0])
    assert abs(changes[0]) > 1e-3
    assert changes[1] == pytest.approx(changes[0], abs=1e-4)


@pytest.mark.parametrize("broken", ["nan position", "infinite cell", "flat cell", "far atom", "overlap"])
def test_a_cell_that_exploded_does_not_disturb_the_others(committee, broken):
    cells = [triclinic(seed=1), rock_salt(repeats=(1, 1, 2))]
    healthy = evaluate(committee, [cells[0]])
    potential, positions, boxes = bound(committee, cells)
    potential.evaluate(positions, boxes)
    if broken == "nan position":
        positions[4, 1] = torch.nan
    elif broken == "infinite cell":
        boxes[1, 0, 0] = torch.inf
    elif broken == "flat cell":
        boxes[1] = 0
    elif broken == "overlap":
        positions[4] = positions[3]
    else:
        positions[4, 1] = 1e80
    both = potential.evaluate(positions, boxes)
    np.testing.assert_allclose(both.energies[0], healthy.energies[0], atol=1e-12)
    np.testing.assert_allclose(both.forces[:3], healthy.forces, atol=1e-12)
    assert both.energies[1].isnan()
    assert both.forces[3:].isnan().all()
    assert both.stresses[1].isnan().all()


def test_only_broken_cells(committee):
    cell = rock_salt(repeats=(1, 1, 2))
    cell.positions[0] = np.nan
    assert evaluate(committee, [cell]).energies.isnan().all()


def test_descriptors_follow_the_atoms(committee):
    cell = triclinic(seed=1)
    potential, positions, boxes = bound(committee, [cell, cell])
    features = potential.descriptors(positions, boxes)
    np.testing.assert_allclose(features[:3], features[3:], atol=1e-12)
    rotated = cell.copy()
    rotated.rotate(40, (1, 2, 3), rotate_cell=True)
    turned, turned_positions, turned_boxes = bound(committee, [rotated])
    other = turned.descriptors(turned_positions, turned_boxes)
    assert other.shape == (3, 4 + 4)  # of both layers; the vectors of the first are left out
    np.testing.assert_allclose(other, features[:3], atol=1e-10)


class _Malicious:
    """Unpickling it makes a file."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return (open, (str(self.marker), "w"))


def test_a_file_with_another_hash_is_never_unpickled(tmp_path, model_paths):
    marker = tmp_path / "executed"
    malicious = tmp_path / "malicious.model"
    malicious.write_bytes(pickle.dumps(_Malicious(marker)))
    with pytest.raises(SaltflowError, match=r"malicious\.model has SHA-256 .* it was not loaded"):
        load_model(malicious, sha256=sha256_of_file(model_paths[0]), device="cpu", dtype="float64")
    assert not marker.exists()
    pickle.loads(malicious.read_bytes()).close()
    assert marker.exists()  # the file is as dangerous as it pretends to be


def test_missing_model_is_named(tmp_path):
    with pytest.raises(SaltflowError, match=r"gone\.model is missing"):
        load_committee([tmp_path / "gone.model"], sha256=["0" * 64], device="cpu", dtype="float64")


def test_a_model_with_several_heads_is_refused_and_not_run_by_one_of_them(tmp_path):
    model = make_model(seed=1)
    model.heads = ["pt_head", "Default"]
    torch.save(model, tmp_path / "two.model")
    with pytest.raises(SaltflowError, match=r"two\.model has the heads pt_head, Default; write one into its own file"):
        committee_of([tmp_path / "two.model"])


def test_unknown_element_is_a_sentence(committee):
    with pytest.raises(SaltflowError, match="LiTaCl6: the potential does not know Ta; add a composition"):
        committee.check_elements(bulk("Ta").numbers, composition="LiTaCl6")
    committee.check_elements(rock_salt().numbers, composition="LiCl")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_cuda_without_a_gpu_is_a_sentence(model_paths):
    with pytest.raises(SaltflowError, match="device is cuda but this node has no usable GPU"):
        load_model(model_paths[0], sha256=sha256_of_file(model_paths[0]), device="cuda", dtype="float64")
