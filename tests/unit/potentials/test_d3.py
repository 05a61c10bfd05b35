"""D3(BJ) in the dynamics: the numbers of the dftd3 library, derivatives of its energy, trajectories that can go on."""

import json

import numpy as np
import pytest
import torch
from ase import units
from dispersion_cases import by_library, by_library_at_cutoff
from mace_models import bound, rock_salt, triclinic
from md_cases import DYNAMICS, assert_same_to_the_last_bit, packed, run, stage

from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import sha256_of_file
from saltflow.campaign.dispersion_switch import CUTOFF_A, method_of
from saltflow.labels.reference.d3_correction import DAMPING
from saltflow.potentials.d3 import Dispersion
from saltflow.potentials.kept_pairs import renew_lists
from saltflow.potentials.mace import Committee, load_foundation, load_released
from saltflow.potentials.protocol import stack

ADDED = "D3(BJ) of PBE"


def packed_cell():
    """54 atoms of Li2ZrCl6 as packed, in a cube."""
    return packed(formula_units=6)


def evaluate(cells, *, functional="PBE", dtype=torch.float64):
    """Energies, forces and stresses of a batch."""
    numbers, system, positions, boxes = stack(cells)
    bounds = [0, *np.cumsum([len(cell) for cell in cells]).tolist()]
    batch = Dispersion(functional, device="cpu", dtype=dtype).on(numbers, torch.as_tensor(system), bounds)
    where = torch.as_tensor(positions), torch.as_tensor(boxes)
    renew_lists([batch.pairs], *where, torch.ones(len(cells), dtype=torch.bool))
    return [each.numpy() for each in batch.evaluate(*where)]


# ── against the library of the labels ─────────────────────────────────────────────────────────


@pytest.mark.parametrize("functional", DAMPING)
@pytest.mark.parametrize("make", [packed_cell, lambda: triclinic(seed=1), lambda: triclinic(seed=2, atoms=1)])
def test_numbers_are_those_of_dftd3_at_the_same_cutoff(make, functional):
    cell = make()
    cell.positions += 30 * cell.cell.array[0] - 7 * cell.cell.array[2]  # as unwrapped as a diffusing ion
    energies, forces, stresses = evaluate([cell], functional=functional)
    energy, expected, stress = by_library_at_cutoff(cell, functional=functional)
    assert energies[0] == pytest.approx(energy, rel=1e-6)
    np.testing.assert_allclose(forces, expected, atol=1e-6)  # 0.001 meV/Å
    np.testing.assert_allclose(stresses[0], stress, rtol=1e-5, atol=1e-9)
    if len(cell) > 10:
        assert np.abs(expected).max() > 0.002
        assert np.abs(stress).max() > 1e-3


def test_single_precision_is_precise_enough():
    double, single = evaluate([packed_cell()]), evaluate([packed_cell()], dtype=torch.float32)
    np.testing.assert_allclose(single[1], double[1], atol=1e-5)
    np.testing.assert_allclose(single[2], double[2], atol=1e-6)


def test_what_lies_beyond_the_cutoff_is_small():
    """Numbers of docs/choose-a-reference.md."""
    cell = packed_cell()
    energies, forces, stresses = evaluate([cell])
    energy, expected, stress = by_library(cell)
    assert 0 < energies[0] - energy < 0.004 * len(cell)
    assert np.abs(forces - expected).max() < 1e-3
    assert -0.02 < np.trace(stresses[0] - stress) / 3 / units.GPa < 0


def test_a_batch_is_its_cells_alone():
    cells = [packed_cell(), triclinic(seed=3), rock_salt(repeats=(1, 2, 2))]
    together, alone = evaluate(cells), [evaluate([cell]) for cell in cells]
    for kind, joined in enumerate((np.concatenate, np.concatenate, np.concatenate)):
        np.testing.assert_allclose(together[kind], joined([each[kind] for each in alone]), atol=1e-12)


# ── with a potential ───────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def dispersed(committee):
    """The committee of the other tests, with dispersion."""
    return Committee(committee.models, device="cpu", dtype="float64", dispersion=ADDED)


def test_it_is_added_and_leaves_disagreement_and_descriptors(committee, dispersed):
    cells = [rock_salt(), triclinic(seed=1)]
    (plain, *where), (with_d3, *_) = bound(committee, cells), bound(dispersed, cells)
    before, after = plain.evaluate(*where, all_models=True), with_d3.evaluate(*where, all_models=True)
    for name, added in zip(("energies", "forces", "stresses"), evaluate(cells), strict=True):
        np.testing.assert_allclose(getattr(after, name) - getattr(before, name), added, atol=1e-12)
    np.testing.assert_allclose(after.force_std, before.force_std, atol=1e-12)
    np.testing.assert_array_equal(plain.descriptors(*where), with_d3.descriptors(*where))


def test_a_cell_that_exploded_does_not_disturb_the_others(dispersed):
    cells = [rock_salt(), triclinic(seed=1)]
    potential, positions, boxes = bound(dispersed, cells)
    intact = potential.evaluate(positions, boxes)
    positions[-1] = torch.nan
    broken = potential.evaluate(positions, boxes)
    assert torch.isnan(broken.energies).tolist() == [False, True]
    np.testing.assert_allclose(broken.forces[: len(cells[0])], intact.forces[: len(cells[0])], atol=1e-12)


def test_forces_and_stress_are_derivatives_of_the_energy(dispersed):
    cell, step = triclinic(seed=1), 1e-4

    def energy(atoms):
        potential, positions, boxes = bound(dispersed, [atoms])
        return float(potential.evaluate(positions, boxes).energies[0])

    def slope(change):
        sides = []
        for sign in (1, -1):
            moved = cell.copy()
            change(moved, sign * step)
            sides.append(energy(moved))
        return (sides[0] - sides[1]) / (2 * step)

    potential, positions, boxes = bound(dispersed, [cell])
    found = potential.evaluate(positions, boxes)
    for atom, axis in ((0, 1), (2, 0)):

        def displace(moved, by, atom=atom, axis=axis):
            moved.positions[atom, axis] += by

        assert slope(displace) == pytest.approx(-float(found.forces[atom, axis]), abs=1e-6)
    for row, column in ((0, 0), (0, 2)):

        def strain(moved, by, row=row, column=column):
            matrix = np.eye(3)
            matrix[row, column] += by
            moved.set_cell(moved.cell.array @ matrix, scale_atoms=True)

        assert slope(strain) / cell.get_volume() == pytest.approx(float(found.stresses[0, row, column]), abs=1e-7)


def test_energy_is_conserved(dispersed, tmp_path):
    """The pairs that cross the cutoff, some hundred of them at any time, take no energy with them."""
    cell = rock_salt(repeats=(2, 2, 2), rattle_A=0.1)
    outcome = run([cell], [stage("nve", 100)], dispersed, tmp_path).finish()[0]
    assert outcome.status == "ok"
    assert abs(outcome.conserved_drift_meV_atom_ps) < 0.5


def test_a_continued_run_is_the_same_to_the_last_bit(dispersed, tmp_path):
    """Pairs were listed elsewhere in the undisturbed run; a sum over them does not depend on that."""
    schedule = [stage("npt", 24, cells=2, temperature_K=900.0), stage("nvt", 16, cells=2)]
    cells = [rock_salt(repeats=(1, 2, 2), rattle_A=0.2, seed=seed) for seed in (1, 2)]
    whole = run(cells, schedule, dispersed, tmp_path / "whole")
    whole.finish()
    part = run(cells, schedule, dispersed, tmp_path / "part", segment_steps=9)
    for _ in range(2):
        part._run_segment()
        part._write_checkpoint()
    assert_same_to_the_last_bit(run(cells, schedule, dispersed, tmp_path / "part", segment_steps=13), whole)


def test_a_trajectory_states_its_potential_and_dispersion(dispersed, committee, tmp_path):
    from saltflow.trajectory.h5md import read_trajectory

    release = {"dispersion": "none", "reference": {"name": "pbe", "functional": "PBE"}}
    cells, densities = [packed()], {}
    for name, potential, dispersion in (("with", dispersed, ADDED), ("without", committee, "none")):
        metadata = method_of(release, DYNAMICS | {"dispersion": dispersion})
        folder = tmp_path / name
        folder.mkdir()
        finished = run(cells, [stage("npt", 30, temperature_K=300.0, frame_interval=10)], potential, folder)
        densities[name] = 1 / finished.finish()[0].atoms.get_volume()
        finished.write_trajectories([folder / "replica.h5md"], metadata=[metadata])
        recorded = read_trajectory(folder / "replica.h5md").metadata
        assert recorded["reference"]["name"] == "pbe"
        cutoff = {"cutoff_A": CUTOFF_A} if name == "with" else {}
        assert recorded["dispersion"] == {"labels": "none", "dynamics": dispersion} | cutoff
    assert densities["with"] > densities["without"]


# ── the switch ─────────────────────────────────────────────────────────────────────────────────


def test_a_potential_that_learned_dispersion_gets_none(model_paths, tmp_path):
    release = tmp_path / "released.json"
    record = {"sha256": sha256_of_file(model_paths[0]), "dispersion": "D3(BJ)"}
    release.write_text(json.dumps(record))
    dynamics = {"dtype": "float64", "dispersion": "none"}
    assert load_released(model_paths[0], release, device="cpu", dynamics=dynamics).dispersion is None
    added = dynamics | {"dispersion": ADDED}
    with pytest.raises(SaltflowError, match=r"seed1.model: its labels hold D3\(BJ\), which D3\(BJ\) of PBE in the dyn"):
        load_released(model_paths[0], release, device="cpu", dynamics=added)
    foundation = {"kind": "potential", "name": "base"}
    with pytest.raises(SaltflowError, match="base: its labels hold"):
        load_foundation(foundation, path=str(model_paths[0]), release=str(release), device="cpu", dynamics=added)
    release.write_text(json.dumps(record | {"dispersion": "none"}))
    driven = load_released(model_paths[0], release, device="cpu", dynamics=added)
    assert driven.dispersion.damping == DAMPING["PBE"]
