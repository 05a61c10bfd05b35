"""Time steps that do not resolve the fastest vibration are refused before anything runs."""

from pathlib import Path

import pytest
from campaign_project import COMPOSITIONS, Project

HEADER, *_, SALT = COMPOSITIONS.splitlines(keepends=True)
POTENTIAL = """\
name	foundation	foundation_sha256	reference	compositions	note
zirconium	none	-	gfn1-xtb	salt	from scratch
"""


def with_salt(folder: Path, anion: str) -> Project:
    """A sweep of one salt, packed."""
    project = Project(folder)
    row = SALT.replace("LiCl\tLiCl", f"salt\tLi{anion}").replace("Cl:-1", f"{anion}:-1").replace("none", "pack", 1)
    project.write(compositions=HEADER + row, potentials=POTENTIAL)
    return project


# A tenth of the period of 800, 1100 and 3700 cm⁻¹, rounded down.
@pytest.mark.parametrize(
    ("anion", "key", "period_fs", "longest_fs"),
    [("Br", "default", 42, 4.1), ("F", "with_O_or_F", 30, 3.0), ("H", "with_H", 9, 0.9)],
)
def test_a_step_above_a_tenth_of_the_period_is_refused(tmp_path, anion, key, period_fs, longest_fs):
    project = with_salt(tmp_path, anion)
    project.config["dynamics"]["timestep_fs"][key] = longest_fs
    assert project.load().swept == ("salt",)
    project.config["dynamics"]["timestep_fs"][key] = longest_fs + 0.1
    said = (
        f"dynamics.timestep_fs.{key} is {longest_fs + 0.1:g} fs, but its fastest vibration takes about {period_fs} fs "
        f"and needs 10 steps: write {longest_fs:g} or less."
    )
    assert project.problems() == [f"Composition salt: {said}", f"Potential zirconium: {said}"]


def test_the_step_of_other_elements_is_not_asked_about(tmp_path):
    project = with_salt(tmp_path, "Br")
    project.config["dynamics"]["timestep_fs"] |= {"with_O_or_F": 50.0, "with_H": 50.0}
    assert project.load().swept == ("salt",)
