"""The exported TorchScript gives the energies and forces that the dynamics runs on; mistakes are one sentence."""

import numpy as np
import pytest
import torch
from called import called
from mace_models import committee_of, make_model, rock_salt
from matscipy.neighbours import neighbour_list

from saltflow.base.provenance import sha256_of_file, write_json
from saltflow.potentials.lammps_export import command
from saltflow.potentials.mace import stack


def as_lammps_does(scripted, atoms):
    """Energy (eV) and forces (eV/Å) of a cell by the interface of the pair style: one graph, all atoms local."""
    numbers = [int(number) for number in scripted.atomic_numbers]
    sender, receiver, shift = neighbour_list("ijS", atoms=atoms, cutoff=float(scripted.r_max))
    box = torch.as_tensor(atoms.cell.array)
    kinds = torch.as_tensor([numbers.index(number) for number in atoms.numbers])
    unit_shifts = torch.as_tensor(shift, dtype=torch.float64)
    graph = {
        "positions": torch.as_tensor(atoms.positions),
        "cell": box,
        "edge_index": torch.as_tensor(np.stack([sender, receiver]), dtype=torch.long),
        "unit_shifts": unit_shifts,
        "shifts": unit_shifts @ box,
        "node_attrs": torch.nn.functional.one_hot(kinds, len(numbers)).double(),
        "batch": torch.zeros(len(atoms), dtype=torch.long),
        "ptr": torch.tensor([0, len(atoms)]),
        "weight": torch.ones(1, dtype=torch.float64),
        "energy_weight": torch.ones(1, dtype=torch.float64),
        "forces_weight": torch.ones(1, dtype=torch.float64),
        "stress_weight": torch.ones(1, dtype=torch.float64),
        "virials_weight": torch.ones(1, dtype=torch.float64),
    }
    found = scripted(graph, torch.ones(len(atoms), dtype=torch.float64), False)
    return float(found["total_energy_local"].detach()[0]), found["forces"].numpy()


def by_saltflow(path, atoms):
    numbers, system, positions, boxes = stack([atoms])
    found = committee_of([path]).on(numbers, system).evaluate(torch.as_tensor(positions), torch.as_tensor(boxes))
    return float(found.energies[0]), found.forces.numpy()


def test_the_exported_model_is_the_one_that_runs(tmp_path):
    path = tmp_path / "released.model"
    torch.save(make_model(seed=1, scale=50.0), path)
    record = {"sha256": sha256_of_file(path), "dispersion": "none", "reference": {"functional": "PBE"}}
    write_json(tmp_path / "released.json", record)
    result = called(command, path)
    assert result.exit_code == 0
    output = result.stdout
    assert "pair_style mace no_domain_decomposition" in output
    assert "released-lammps.pt ELEMENTS   # of the atom types in order, out of Li Cl Zr" in output
    assert "head Default" in output
    assert "pair_style hybrid/overlay mace no_domain_decomposition dispersion/d3 bj pbe 14.0 14.0\n" in output
    scripted = torch.jit.load(tmp_path / "released-lammps.pt")
    atoms = rock_salt(repeats=(2, 2, 2), rattle_A=0.2)
    energy, forces = as_lammps_does(scripted, atoms)
    expected_energy, expected_forces = by_saltflow(path, atoms)
    assert energy == pytest.approx(expected_energy, abs=1e-9)
    np.testing.assert_allclose(forces, expected_forces, atol=1e-9)
    assert np.abs(forces).max() > 0.1
    assert sorted(each.name for each in tmp_path.iterdir()) == ["released-lammps.pt", "released.json", "released.model"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "has no release record beside it"),
        (["--sha256", "0" * 64], "where 0000"),
        (["--head", "pbe"], "has no head 'pbe'; its heads are Default."),
    ],
)
def test_mistakes_are_one_sentence(model_paths, tmp_path, words, sentence):
    if words[:1] == ["--head"]:
        words = [*words, "--sha256", sha256_of_file(model_paths[0])]
    result = called(command, model_paths[0], "--out", tmp_path / "out.pt", *words)
    assert result.exit_code == 1
    output = result.stderr
    assert sentence in output
    assert len(output.strip().splitlines()) == 1
    assert not (tmp_path / "out.pt").exists()


def test_a_file_that_is_no_model_is_a_sentence(tmp_path):
    path = tmp_path / "table.model"
    torch.save(torch.nn.Linear(2, 2), path)
    result = called(command, path, "--sha256", sha256_of_file(path))
    assert result.exit_code == 1
    assert "is no MACE model" in result.stderr
