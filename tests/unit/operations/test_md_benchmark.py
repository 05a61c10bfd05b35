"""The calibration of molecular dynamics: a real model is timed, and the plan takes the table that comes out."""

import re

import pytest
from ase.build import bulk
from ase.io import write
from called import called
from mace_models import rock_salt

from saltflow.base.provenance import sha256_of_file, write_json
from saltflow.dynamics.timing import Timing, repeated_to
from saltflow.operations.md_benchmark import LONG_RUNS, SHORT_RUNS, calibration_rows, command, write_rates
from saltflow.operations.plan.calibration import read_calibration, read_published

RULES = [*LONG_RUNS, *SHORT_RUNS]


@pytest.fixture(scope="module")
def salt(tmp_path_factory):
    """A file with a small cell of rock salt."""
    path = tmp_path_factory.mktemp("salt") / "salt.extxyz"
    write(path, rock_salt(repeats=(1, 2, 2), rattle_A=0.05))
    return path


def calibrate(model, structure, *more, sizes=("16",)):
    atoms = [word for size in sizes for word in ("--atoms", size)]
    return called(command, model, "--structure", structure, *atoms, "--device", "cpu", "--steps", "3", *more)


def test_sizes_are_timed_and_the_plan_reads_the_table(model_paths, salt, tmp_path):
    out = tmp_path / "config/calibration.tsv"
    pinned = sha256_of_file(model_paths[0])
    replicas = ("--replicas", 1, "--replicas", 2)
    result = calibrate(model_paths[0], salt, "--sha256", pinned, *replicas, "--out", out)
    assert result.exit_code == 0, result.stderr
    assert re.findall(r"(\d) × 16 atoms: [\d.e+-]+ ns/day each at 2 fs", result.stderr) == ["1", "2"]
    assert result.stdout == f"Written to {out}.\n"
    rates = read_calibration([tmp_path])
    for rule in ("run_md", "quench_cell", "explore", "propose_initial_frames", "run_constrained_md"):
        rate = rates[rule, "cpu"]
        assert (rate.basis, rate.unit) == ("measured", "atom-steps")
        assert "seed1.model by compiled loops, float32, 2 cells of 16 atoms" in rate.conditions
    assert rates["run_md", "cuda"].basis == "assumed"
    assert rates["analyse_transport", ""].conditions == "1,302 atoms, 100,000 frames"


def test_rates_follow_from_the_seconds_of_a_step():
    timing = Timing(atoms=1302, cells=3, step_fs=2.0, seconds_per_step=0.0864)
    assert timing.ns_per_day == pytest.approx(2.0)  # a million steps of 2 fs
    assert timing.seconds_per_atom_step == pytest.approx(0.0864 / 3906)
    rows = calibration_rows(timing, rules=RULES, start_s=21.3, device="cuda", machine="GPU\tX", model="m, float32")
    assert {(row["seconds_per_unit"], row["start_s"], row["machine"]) for row in rows} == {("2.2e-05", "21", "GPU X")}


def test_rows_of_another_device_stay_and_a_second_time_replaces(tmp_path):
    timing, out = Timing(atoms=42, cells=1, step_fs=1.0, seconds_per_step=0.42), tmp_path / "config/calibration.tsv"
    for seconds in (5.0, 7.0):
        write_rates(
            out, calibration_rows(timing, rules=RULES, start_s=seconds, device="cuda", machine="one", model="m")
        )
    rates = read_calibration([tmp_path])
    assert rates["run_md", "cuda"].start_s == 7
    assert rates["run_md", "cuda"].seconds_per_unit == 0.01
    assert rates["run_md", "cpu"].start_s == 4
    assert len(out.read_text().splitlines()) == len(rates) + len(read_published([tmp_path])) + 1


def test_committees_are_not_timed_by_what_only_pays_for_long_runs():
    assert {"propose_initial_frames", "explore"} == set(SHORT_RUNS)
    assert {"quench_cell", "run_md"} < set(LONG_RUNS)


@pytest.mark.parametrize(("wished", "repeats"), [(8, (1, 1, 1)), (54, (2, 2, 2)), (216, (3, 3, 3)), (1302, (5, 5, 6))])
def test_a_structure_is_repeated_to_nearly_a_cube(wished, repeats):
    cell = bulk("LiCl", "rocksalt", a=5.1, cubic=True)
    found = repeated_to(cell, atoms=wished)
    assert sorted((found.cell.lengths() / 5.1).round(6)) == list(repeats)


def test_mistakes_are_one_sentence(model_paths, salt, tmp_path):
    model = model_paths[0]
    pinned = ("--sha256", sha256_of_file(model))
    write(tmp_path / "molecule.xyz", rock_salt()[:2])
    foreign, text = tmp_path / "foreign.extxyz", tmp_path / "notes.txt"
    write(foreign, bulk("NaCl", "rocksalt", a=5.6))
    text.write_text("no structure\n")
    for words, sentence in (
        ((model, salt), "has no release record beside it"),
        ((model, salt, "--sha256", "0" * 64), "where 0000"),
        ((model, text, *pinned), "cannot be read as a structure"),
        ((model, foreign, *pinned), "does not know Na"),
    ):
        result = calibrate(*words)
        assert result.exit_code == 1
        assert sentence in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1
    for words, sizes, sentence in (
        ((tmp_path / "none.model", salt, *pinned), ("16",), "none.model' does not exist"),
        ((model, tmp_path / "none.cif", *pinned), ("16",), "none.cif' does not exist"),
        ((model, salt, *pinned), ("0",), "0 is not in the range x>=1"),
    ):
        result = calibrate(*words, sizes=sizes)
        assert result.exit_code == 2
        assert sentence in result.stderr


def test_a_model_that_learned_dispersion_is_not_timed_with_more_of_it(model_paths, salt, tmp_path):
    model, settings = tmp_path / "released.model", tmp_path / "settings.yaml"
    model.write_bytes(model_paths[0].read_bytes())
    write_json(tmp_path / "released.json", {"sha256": sha256_of_file(model), "dispersion": "D3(BJ)"})
    settings.write_text("dynamics: {dispersion: D3(BJ)}\n")
    result = calibrate(model, salt, "--settings", settings)
    assert result.exit_code == 1
    assert "its labels hold D3(BJ), which D3(BJ) in the dynamics would count twice" in result.stderr
