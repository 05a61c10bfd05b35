"""A folder of crystals through the funnel by the shipped potential: reasons, survivors, resumption, budget."""

import csv
import json
from pathlib import Path

import pytest
from ase.build import bulk
from click.testing import CliRunner

from saltflow.studies.survivors.command import command

MODEL = Path(__file__).resolve().parents[3] / "config/presets/demo/distilled.model"
SHA256 = "d582f4c787d960ffd4885a96296f881446de5f819df1402ea315a7db553b629d"
OPTIONS = ["--potential", str(MODEL), "--sha256", SHA256, "--window", "0.5", "--steps", "60", "--force", "0.05"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "crystals").mkdir()
    bulk("LiCl", "rocksalt", a=5.14).write(tmp_path / "crystals/salt.cif")
    bulk("LiCl", "rocksalt", a=5.4).write(tmp_path / "crystals/swollen.cif")
    bulk("NaCl", "rocksalt", a=5.6).write(tmp_path / "crystals/unknown.cif")
    bulk("Al", "fcc", a=4.05).write(tmp_path / "crystals/metal.cif")
    (tmp_path / "crystals/broken.cif").write_text("data_\n")
    (tmp_path / "family.yaml").write_text("prototypes: crystals\nmobile: Li\nreacts_with: [H2O]\n")
    return tmp_path


def rows() -> dict[str, dict[str, str]]:
    with open("screening/screening.tsv") as handle:
        return {row["member"]: row for row in csv.DictReader(handle, delimiter="\t")}


def test_crystals_pass_the_funnel_and_go_on_where_they_stopped(folder):
    said = CliRunner().invoke(command, ["family.yaml", *OPTIONS])
    assert said.exit_code == 0, said.output + str(said.exception)
    found = rows()
    assert list(found)[:2] in (["salt", "swollen"], ["swollen", "salt"])
    salt, swollen = found["salt"], found["swollen"]
    # Both are the same crystal, and one of them is on the hull of all others to the accuracy of the relaxation.
    assert float(salt["above_hull_eV_atom"]) == pytest.approx(float(swollen["above_hull_eV_atom"]), abs=2e-3)
    assert float(salt["formation_eV_atom"]) < -0.5
    assert (salt["isolated_anions"], salt["isolated_share"], salt["systems_without_phase"]) == ("Cl", "1.0000", "")
    assert salt["reaction_H2O_eV_atom"] == "no phase H2O is given"
    # LiCl gives off chlorine where its formation energy has been paid for.
    above_V = float(salt["oxidation_V"]) + 2 * min(float(each["formation_eV_atom"]) for each in (salt, swollen))
    assert above_V == pytest.approx(0, abs=2 * max(0.2, float(salt["above_hull_eV_atom"])))
    assert "does not know Na" in found["unknown"]["status"]
    assert "no usual oxidation states" in found["metal"]["status"]
    assert "broken.cif" in found["broken"]["status"]
    stages = json.loads(Path("screening/screening.json").read_text())["stages"]
    assert [(stage["entered"], stage["passed"]) for stage in stages] == [(5, 2), (2, 2), (2, 2), (2, 2)]
    assert {file.stem for file in Path("screening/survivors").glob("*.cif")} == {"salt", "swollen"}
    assert f"Next: saltflow barriers screening/survivors --mobile Li --potential {MODEL}" in said.output
    assert all(Path(f"screening/{name}.svg").stat().st_size for name in ("funnel", "hull"))
    kept = {file: file.stat().st_mtime_ns for file in Path("screening").glob("*/*.json")}
    assert len(kept) > 5
    next(iter(kept)).unlink()
    again = CliRunner().invoke(command, ["family.yaml", *OPTIONS])
    assert again.exit_code == 0, again.output
    assert sum(file.stat().st_mtime_ns != time for file, time in kept.items()) == 1
    assert rows() == found


def test_what_is_beyond_the_budget_is_refused_before_anything_is_computed(folder):
    said = CliRunner().invoke(command, ["family.yaml", *OPTIONS, "--budget", "4"])
    assert said.exit_code == 1
    assert "The family has 5 members, over --budget 4; raise it, or substitute less." in said.output
    said = CliRunner().invoke(command, ["family.yaml", *OPTIONS, "--budget", "6"])
    assert said.exit_code == 1
    assert "over --budget 6; raise it to 7, or ask for less." in said.output
    told = CliRunner().invoke(command, ["family.yaml", *OPTIONS, "--estimate"])
    assert told.exit_code == 0
    assert "5 members and 5 competing phases: 7 relaxations of" in told.output
    assert not Path("screening").exists()
    said = CliRunner().invoke(command, ["family.yaml", *OPTIONS, "--window", "-1"])
    assert (said.exit_code, said.output) == (1, "--window has to be 0 or more; correct it.\n")


def test_a_family_without_a_neutral_member_is_one_sentence(folder):
    (folder / "family.yaml").write_text("prototypes: crystals/metal.cif\nmobile: Li\n")
    said = CliRunner().invoke(command, ["family.yaml", *OPTIONS])
    assert said.exit_code == 1
    assert said.output.count("\n") <= 2
    assert "None of 1 members could be built; the first: metal: no usual oxidation states make Al" in said.output
