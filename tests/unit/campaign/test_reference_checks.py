"""Whether a universal potential knows what it is to label is said with the plan, without loading it."""

import subprocess
import sys
from pathlib import Path

import pytest
from campaign_project import Project

# What the plan of a campaign with a teacher loads.
PLAN = """
import sys
from pathlib import Path
from campaign_project import Project
project = Project(Path(sys.argv[1]))
tables = project.folder / "potentials.txt"
tables.write_text(tables.read_text().replace("gfn1-xtb", "diep-r2scan"))
project.load()
print(sorted({"torch", "diep", "chgnet", "sevenn"} & sys.modules.keys()))
"""


@pytest.fixture
def project(tmp_path):
    """A campaign whose first three potentials start from labels of a universal potential."""
    project = Project(tmp_path)
    table = tmp_path / "potentials.txt"
    table.write_text(table.read_text().replace("gfn1-xtb", "teacher"))
    project.config["references"]["teacher"] = {"like": "chgnet-pbe"}
    return project


def test_elements_that_a_teacher_has_not_learned_are_named(project):
    assert project.load().reference_identity("teacher")["method"] == "CHGNet 0.3.0 PBE (universal potential)"
    project.config["references"]["teacher"]["elements"] = ["H-Ar"]
    sentences = project.problems()
    assert [sentence.split(",")[0] for sentence in sentences] == [
        f"Potential {name}" for name in ("base", "both", "zirconium")
    ]
    assert sentences[0] == (
        "Potential base, column reference: 'teacher' has not learned Zr; choose another reference, or leave the "
        "compositions with it out."
    )


def test_planning_loads_no_potential(tmp_path):
    folders = [str(Path(__file__).parents[1]), str(Path(__file__).parents[3] / "scripts")]
    printed = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {folders}\n{PLAN}", tmp_path],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert printed == "[]\n"
