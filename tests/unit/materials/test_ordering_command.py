"""`saltflow order`: files, record, and one sentence for what it refuses."""

import json
import re

import ase.io
import pytest
from called import called
from ordering_cases import HALF_VACANT, MIXED_CHARGES
from rock_salt_cif import ORDERED

from saltflow.materials.ordering.command import command
from saltflow.materials.structure_files import read_structure


def test_replicas_are_written_with_their_record(cif, tmp_path):
    options = ("--atoms", 40, "--replicas", 3, "--out", tmp_path / "ordered")
    result = called(command, cif(MIXED_CHARGES), *options)
    assert result.exit_code == 0, result.output
    assert re.search(r"NaAlS2, \d+ atoms; occupancies within 0\.0000 of the refined ones;", result.stdout)
    record = json.loads((tmp_path / "ordered/ordering.json").read_text())
    energies = record["ewald_energies_eV"]
    assert energies == sorted(energies)
    assert len(set(energies)) == 3
    assert record["charges"] == {"Na": 1, "Al": 3, "S": -2}
    cells = [read_structure(tmp_path / f"ordered/replica{number}.cif") for number in (1, 2, 3)]
    units = record["atoms"] // 4
    assert all(cell.symbols.formula.count() == {"Na": units, "Al": units, "S": 2 * units} for cell in cells)
    again = called(command, cif(MIXED_CHARGES), *options[:-1], tmp_path / "again")
    assert again.exit_code == 0
    for number in (1, 2, 3):
        one, other = (ase.io.read(tmp_path / f"{folder}/replica{number}.cif") for folder in ("ordered", "again"))
        assert one == other


def test_random_arrangements_differ(cif, tmp_path):
    result = called(
        command, cif(HALF_VACANT), "--choose", "random", "--replicas", 3, "--atoms", 40, "--out", tmp_path / "ordered"
    )
    assert result.exit_code == 0, result.output
    assert len(set(json.loads((tmp_path / "ordered/ordering.json").read_text())["ewald_energies_eV"])) == 3


@pytest.mark.parametrize(
    ("text", "options", "sentence"),
    [
        (ORDERED, (), "Every site of '.*crystal.cif' is whole; use the file as it is"),
        (
            HALF_VACANT,
            ("--charges", "Mg=3,Cl=-1"),
            "no neutral supercell of at most 200 atoms .* the nearest is MgCl3 of",
        ),
        (HALF_VACANT, ("--atoms", 1), "raise --atoms"),
        ("nonsense", (), "cannot be read as a structure"),
    ],
)
def test_what_is_refused_is_one_sentence(cif, tmp_path, text, options, sentence):
    result = called(command, cif(text), *options, "--out", tmp_path / "ordered")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert re.search(sentence, result.stderr)
    assert not (tmp_path / "ordered").exists()
