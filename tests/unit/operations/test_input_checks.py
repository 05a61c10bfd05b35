"""What a campaign names is opened before anything runs; what cannot be checked is said, not passed over."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from ase.build import bulk
from ase.io import write
from campaign_project import COMPOSITIONS, POTENTIALS, Project
from mace_models import save_models

from saltflow.base.errors import InputError
from saltflow.base.provenance import sha256_of_file
from saltflow.operations.input_checks import check_inputs

ROOT = Path(__file__).resolve().parents[3]
SALT = bulk("LiCl", "rocksalt", a=5.14)
OF_SALT = COMPOSITIONS.replace("zirconium\tnone\t2.16", "zirconium\t{start}\t2.16")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path)


def problems(project: Project) -> list[str]:
    with pytest.raises(InputError) as caught:
        check_inputs(project.load())
    return caught.value.problems


def started_from(
    project: Project, content: bytes, *, sha256: str = "", reference: str = "gfn1-xtb", **training: object
) -> None:
    """The potential of LiAlCl4 starts from a file."""
    model = project.folder / "mace.model"
    model.write_bytes(content)
    row = f"aluminium\tmace.model\t{sha256 or sha256_of_file(model)}\t{reference}"
    project.write(potentials=POTENTIALS.replace("aluminium\tbase\t-\tgfn1-xtb", row))
    learning = {"training": training} if training else {}
    project.write(overrides=yaml.safe_dump({"potentials": {"aluminium": {"learning": learning}}}))


def crystal(structure: Callable[[Path], object]) -> Callable[[Project, Path], None]:
    """LiCl begins from a file."""

    def spoil(project: Project, model: Path) -> None:
        structure(project.folder / "salt.extxyz")
        project.write(compositions=OF_SALT.format(start="salt.extxyz"))

    return spoil


def forgotten(name: str) -> Callable[[Project, Path], None]:
    def spoil(project: Project, model: Path) -> None:
        project.config["learning"]["forgetting_check"]["crystals"] = [name]

    return spoil


def replayed(project: Project, model: Path) -> None:
    write("set.extxyz", SALT)
    asked = {"path": "set.extxyz", "sha256": "0" * 64, "dispersion": "none"}
    (known,) = save_models(project.folder, numbers=(3, 13, 17))
    started_from(project, known.read_bytes(), recipe="replay", replay_structures=asked)


def imported(project: Project, model: Path) -> None:
    asked = {"path": "lost.extxyz", "sha256": "0" * 64, "reference": "gfn1-xtb", "composition": "LiAlCl4"}
    project.config["labels"]["imported"] = [asked]


def radioactive(project: Project, model: Path) -> None:
    text = COMPOSITIONS.replace("LiAlCl4\tLiAlCl4", "LiAlCl4\tLiAcCl4")
    project.write(compositions=text.replace("Al:+3", "Ac:+3"))


# What is wrong → how it comes about, and the sentence.
REFUSED = {
    "garbage": (crystal(lambda path: path.write_bytes(bytes(300))), "LiCl, column start: the file '.*' is binary"),
    "other elements": (
        crystal(lambda path: write(path, bulk("NaCl", "rocksalt", a=5.6))),
        "LiCl, column start: salt.extxyz holds NaCl, not LiCl; correct the formula or the structure file",
    ),
    "other stoichiometry": (
        crystal(lambda path: write(path, bulk("LiCl2", "fluorite", a=6.0))),
        "LiCl, column start: salt.extxyz holds LiCl2, not LiCl; correct",
    ),
    "two structures": (crystal(lambda path: write(path, [SALT, SALT])), "LiCl, column start: .* holds 2 structures"),
    "crystal of the forgetting check": (
        forgotten("lost.cif"),
        r"Potential \w+: learning.forgetting_check.crystals: the file 'lost.cif' does not exist; correct",
    ),
    "other set to replay": (
        replayed,
        "Potential aluminium: learning.training.replay_structures: set.extxyz has SHA-256 .* restore the file",
    ),
    "missing labels": (imported, r"Potential \w+: labels.imported: lost.extxyz does not exist; correct its path"),
    "web page": (
        lambda project, model: started_from(project, b"<html>404</html>"),
        "Potential aluminium, column foundation: The model mace.model is a web page, so its download failed; fetch it",
    ),
    "empty model": (
        lambda project, model: started_from(project, b""),
        "Potential aluminium, column foundation: The model mace.model is empty; fetch it again",
    ),
    "other model": (
        lambda project, model: started_from(project, model.read_bytes(), sha256="0" * 64),
        "Potential aluminium, column foundation: The model mace.model has SHA-256 .* where 0{64} is pinned",
    ),
    "element of the foundation": (
        lambda project, model: started_from(project, model.read_bytes()),
        "Potential aluminium, column foundation: the model mace.model does not know Al; choose one that does",
    ),
    "element of a foundation that is used as it is": (
        lambda project, model: started_from(project, model.read_bytes(), reference="-"),
        "Potential aluminium, column foundation: the model mace.model does not know Al; choose one that does",
    ),
    "element of the reference": (radioactive, "Reference gfn1-xtb: GFN1-xTB has no parameters for Ac; choose a"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_before_anything_runs(project: Project, model_paths, name: str):
    spoil, sentence = REFUSED[name]
    spoil(project, Path(model_paths[0]))
    for problem in problems(project):
        assert re.match(sentence, problem), problem
        assert problem.endswith(".")


def test_what_is_sound_passes_and_no_code_is_started(project: Project):
    write("salt.extxyz", SALT)
    project.write(compositions=OF_SALT.format(start="salt.extxyz"))
    assert check_inputs(project.load()) == []


def test_a_reference_that_is_not_installed_here_is_said_to_be_unchecked(project: Project):
    project.config["references"]["pbe-d3"]["command"] = "nowhere/cp2k.psmp"
    project.write(potentials=POTENTIALS.replace("gfn1-xtb", "pbe-d3"))
    (sentence,) = check_inputs(project.load())
    assert sentence.startswith("The elements of pbe-d3 were not checked: The program of the reference's command")


def test_a_model_that_does_not_tell_its_elements_is_said_to_be_unchecked(project: Project):
    torch.save({"weights": torch.arange(3)}, "weights.pt")
    started_from(project, Path("weights.pt").read_bytes())
    (sentence,) = check_inputs(project.load())
    assert "the elements of mace.model were not checked" in sentence


def test_the_shipped_campaign_is_checked_without_torch():
    program = """
import sys
from pathlib import Path
from saltflow.campaign.config_files import read_configuration
from saltflow.campaign.loading import load_campaign
from saltflow.operations.input_checks import check_inputs
check_inputs(load_campaign(read_configuration(["config/presets/coupling/config.yaml"])))
print("torch" in sys.modules)
"""
    environment = os.environ | {"PYTHONPATH": "scripts"}
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert run.stdout == "False\n", run.stderr
