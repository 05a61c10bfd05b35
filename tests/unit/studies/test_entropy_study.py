"""A small space with a planted relation, from its file to the best compositions; what is refused in a sentence."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms
from click.testing import CliRunner

from saltflow.potentials.protocol import Evaluation
from saltflow.studies.entropy.command import command
from saltflow.studies.entropy.ion_motion import displacement_A2
from saltflow.trajectory.memory import Trajectory

OPTIONS = ["--potential", "wells", "--train", "5", "--rounds", "1", "--batch", "1", "--best", "1", "--md-ps", "0.5",
           "--temperature", "600"]  # fmt: skip
GRID_A = (2.83 / 2, 2.83 / 2, 4.1 / 2)  # on which every site of the prototype lies


class Wells:
    """Every atom sits in Σ E (1 − cos 2πx/a) on the grid; E of Li falls with the part of Zr among Al and Zr."""

    device, evaluated_by = torch.device("cpu"), "wells"

    def check_elements(self, numbers, *, composition):
        pass

    def on(self, numbers, system):
        numbers, system = torch.as_tensor(numbers), torch.as_tensor(system)
        sites = [torch.bincount(system[numbers == each], minlength=int(system[-1]) + 1) for each in (13, 40)]
        part = (sites[1] / (sites[0] + sites[1]))[system]
        return BoundWells(system, torch.where(numbers == 3, 10 ** (-1.5 * part), 2.0).double())


class BoundWells:
    def __init__(self, system, depth_eV):
        self.system, self.depth_eV = system, depth_eV
        self.listed_at = (torch.zeros(1), torch.zeros(1))

    def list_neighbours(self, positions, cells):
        pass

    def evaluate(self, positions, cells, *, isolate=True):
        waves = 2 * np.pi / torch.tensor(GRID_A, dtype=positions.dtype)
        single = (self.depth_eV[:, None] * (1 - torch.cos(waves * positions))).sum(1)
        energies = torch.zeros(len(cells), dtype=single.dtype).index_add_(0, self.system, single)
        forces = -self.depth_eV[:, None] * waves * torch.sin(waves * positions)
        return Evaluation(energies, forces, torch.zeros_like(cells), torch.zeros(len(positions), dtype=single.dtype))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("saltflow.studies.given_potential.load_given", lambda *_, **__: (Wells(), "0"))
    monkeypatch.setattr("saltflow.studies.entropy.learning.TREES", 30)
    places = [(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0), (0, 0, 0.5)]
    Atoms("LiAlO2", scaled_positions=places, cell=[2.83, 2.83, 4.1], pbc=True).write("layered.cif")
    text = "prototype: layered.cif\nmobile: Li\nsite: Al\ndopants: [Al, Zr]\nstep: 0.125\natoms: 64\n"
    (tmp_path / "space.yaml").write_text(text)
    return tmp_path


def test_a_space_is_relaxed_learned_and_its_best_are_run_again(folder):
    said = CliRunner().invoke(command, ["space.yaml", *OPTIONS])
    assert said.exit_code == 0, said.output + str(said.exception)
    with open("entropy/compositions.tsv") as handle:
        rows = {row["composition"]: row for row in csv.DictReader(handle, delimiter="\t")}
    assert len(rows) == 9
    assert "less Li than its sites can hold" in rows["Zr1"]["status"]
    ok = [row for row in rows.values() if row["log10_MSD_A2"]]
    assert all(float(row["low"]) <= float(row["log10_MSD_A2"]) <= float(row["high"]) for row in ok)
    record = json.loads(Path("entropy/entropy.json").read_text())
    assert len(record["trained_on"]) == 6
    assert {row["composition"] for row in ok if row["measured"]} == set(record["trained_on"])
    assert len(record["shuffled_rho"]) == 10
    assert record["run_again"]["best"]["of"] == record["run_again"]["random"]["of"] == 1
    # The planted relation: ions move farther where there is more Zr.
    measured = [float(row["measured"]) for row in sorted(ok, key=lambda row: row["composition"]) if row["measured"]]
    assert np.mean(measured[:3]) > np.mean(measured[3:]) + 0.3
    assert list(record["run_again"]["best"]["compositions"])[0] in ("Al0.125Zr0.875", "Al0.25Zr0.75", "Al0.375Zr0.625")
    assert Path("entropy/entropy.svg").stat().st_size
    kept = {file: file.stat().st_mtime_ns for file in Path("entropy").glob("*/*.json")}
    assert CliRunner().invoke(command, ["space.yaml", *OPTIONS]).exit_code == 0
    assert {file: file.stat().st_mtime_ns for file in kept} == kept
    assert json.loads(Path("entropy/entropy.json").read_text())["held_out"] == record["held_out"]


def test_a_space_beyond_the_budget_is_refused_and_estimated(folder):
    said = CliRunner().invoke(command, ["space.yaml", *OPTIONS, "--budget", "8"])
    assert said.exit_code == 1
    assert (
        "The space has 9 compositions, 9 relaxations, over --budget 8; raise it, or take larger steps." in said.output
    )
    said = CliRunner().invoke(command, ["space.yaml", *OPTIONS, "--estimate"])
    assert (said.exit_code, said.output.splitlines()[-1]) == (
        0, "9 compositions: 9 relaxations and about 8 runs of 0.5 ps"
    )  # fmt: skip
    assert not Path("entropy").exists()
    said = CliRunner().invoke(command, ["space.yaml", *OPTIONS, "--train", "3"])
    assert (said.exit_code, said.output) == (1, "--train has to be 5 or more, and --rounds 0 or more; correct them.\n")


def test_displacements_are_those_of_the_ions_against_the_others():
    """Ions that walk at random by 0.1 Å per step and axis, in a frame that drifts."""
    random = np.random.default_rng(1)
    walk = np.cumsum(random.normal(scale=0.1, size=(400, 50, 3)), axis=0)
    places = np.concatenate([walk, np.zeros((400, 10, 3))], axis=1) + 0.02 * np.arange(400)[:, None, None]
    run = Trajectory(
        positions_A=places, cells_A=np.repeat(10 * np.eye(3)[None], 400, axis=0), times_ps=np.arange(400.0),
        symbols=("Li",) * 50 + ("O",) * 10, masses_u=np.ones(60),
    )  # fmt: skip
    assert displacement_A2(run, "Li") == pytest.approx(3 * 0.1**2 * 150, rel=0.15)
