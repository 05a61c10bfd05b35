"""Stages after the hull: each on its own criterion, with its columns, its cost and its reasons."""

import csv
import json
from pathlib import Path

import pytest
from ase.build import bulk
from barrier_models import BARRIERS_eV, Washboard, crystal
from click.testing import CliRunner

from saltflow.base.errors import InputError, SaltflowError
from saltflow.studies.screening.funnel import Funnel, Outcome, Study
from saltflow.studies.shipped_settings import shipped_settings
from saltflow.studies.survivors import stages
from saltflow.studies.survivors.command import command

MODEL = Path(__file__).resolve().parents[3] / "config/presets/demo/distilled.model"
SHA256 = "d582f4c787d960ffd4885a96296f881446de5f819df1402ea315a7db553b629d"
NONE = {"phonons": False, "elastic": False, "barrier_eV": None, "temperatures_K": None, "md_ps": 1.0}


def settings(**asked) -> dict:
    barriers = shipped_settings()["barriers"] | {"r_max_A": 4.6, "jumps": 500, "temperatures_K": [500.0]}
    return NONE | {"barriers": barriers, "seed": 1, "potential": "washboard", "potential_sha256": "0"} | asked


def test_a_study_excludes_with_reasons_and_its_cost_is_that_of_its_crystals():
    funnel = Funnel(["a", "b", "c"], potential="planted", more=["barrier_3D_eV", "barrier_2D_eV", "barrier_1D_eV"])
    lowest = {"a": "0.5000", "b": "0.2000", "c": "0.9000"}

    def look(name, cell) -> Outcome:
        return Outcome({"barrier_1D_eV": lowest[name]}, "too high" if name == "c" else "", 2.5)

    funnel.pass_study(Study("barriers", "below 0.6 eV", ("barrier_1D_eV",), look), dict.fromkeys("abc", bulk("Li")))
    (stage,) = funnel.record()
    assert (stage["entered"], stage["passed"], stage["seconds"]) == (3, 2, 7.5)
    assert [line.split("\t")[0] for line in funnel.text().splitlines()[1:]] == ["b", "a", "c"]
    assert funnel.rows["c"]["status"] == "too high"


@pytest.mark.parametrize(("limit_eV", "reason"), [(0.31, ""), (0.29, "barrier too high: 0.300 eV")])
def test_the_barrier_of_one_dimension_decides(tmp_path, limit_eV, reason):
    (study,) = stages.runnable(Washboard(), mobile="Li", settings=settings(barrier_eV=limit_eV), folder=tmp_path)
    found = study.run("salt", crystal())
    assert found.reason == reason
    assert float(found.values["barrier_1D_eV"]) == pytest.approx(BARRIERS_eV[0], abs=1e-3)
    assert float(found.values["barrier_3D_eV"]) == pytest.approx(BARRIERS_eV[2], abs=1e-3)


def test_what_cannot_be_studied_is_excluded_in_a_sentence(tmp_path):
    (study,) = stages.runnable(Washboard(), mobile="Na", settings=settings(barrier_eV=0.5), folder=tmp_path)
    found = study.run("salt", crystal())
    assert found.reason.startswith("not studied: ")
    assert "Na" in found.reason


def test_only_what_is_asked_for_is_a_stage():
    assert stages.studies_of(settings()) == ()
    asked = settings(phonons=True, elastic=True, barrier_eV=0.4, temperatures_K=[600, 800, 1000])
    studies = stages.studies_of(asked)
    assert [each.name for each in studies] == ["phonons", "elastic moduli", "barriers", "dynamics"]
    with pytest.raises(SaltflowError, match="studied by another job"):
        studies[0].run("salt", crystal())


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"barrier_eV": 0.0}, "--barriers-below has to be above 0"),
        ({"temperatures_K": [600.0, 800.0]}, "--md needs 3 temperatures or more"),
        ({"md_ps": 0.0}, "--md-ps has to be above 0"),
    ],
)
def test_limits_that_nothing_meets_are_refused(asked, sentence):
    with pytest.raises(InputError, match=sentence):
        stages.check_settings(settings(**asked))


def test_crystals_pass_phonons_moduli_and_dynamics_by_the_shipped_potential(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "crystals").mkdir()
    bulk("LiCl", "rocksalt", a=5.14).write("crystals/salt.cif")
    bulk("LiCl", "cesiumchloride", a=3.2).write("crystals/caesium.cif")
    (tmp_path / "family.yaml").write_text("prototypes: crystals\nmobile: Li\n")
    options = ["--potential", str(MODEL), "--sha256", SHA256, "--window", "0.5", "--phonons", "--elastic", "--md",
               "600,800,1000", "--md-ps", "0.04"]  # fmt: skip
    said = CliRunner().invoke(command, ["family.yaml", *options])
    assert said.exit_code == 0, said.output + str(said.exception)
    with open("screening/screening.tsv") as handle:
        found = {row["member"]: row for row in csv.DictReader(handle, delimiter="\t")}
    # Eight anions around a small cation: the caesium chloride of lithium is no minimum.
    assert found["caesium"]["status"].startswith("imaginary modes: ")
    assert float(found["caesium"]["lowest_phonon_THz"]) < -1
    salt = found["salt"]
    assert float(salt["lowest_phonon_THz"]) > -0.1
    assert 20 < float(salt["bulk_GPa"]) < 50
    assert salt["status"] == "no activation energy: too few diffusive temperatures"
    names = [stage["name"] for stage in json.loads(Path("screening/screening.json").read_text())["stages"]]
    assert names[4:] == ["phonons", "elastic moduli", "dynamics"]
    assert Path("screening/phonons/caesium.svg").stat().st_size
    said = CliRunner().invoke(command, ["family.yaml", *options[:-4], "--md", "hot"])
    assert (said.exit_code, said.output) == (1, "--md is no list of numbers; give such as 600,800,1000.\n")
