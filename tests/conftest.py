"""A tiny campaign that is run once for real, and copies of it to edit."""

import shutil
import subprocess
from pathlib import Path

import pytest
from workplaces import Workplace, copy_sources


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder where every copy lives in turn: paths stay the same, as for a user who edits and reruns."""
    return tmp_path_factory.mktemp("campaign")


@pytest.fixture(scope="session")
def finished(place: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny campaign after a real run: a folder with repo and work, never to be changed."""
    copy_sources(place / "repo")
    campaign = Workplace(place / "repo", place / "work")
    result = campaign.run()
    if result.returncode != 0:
        pytest.fail(f"the tiny campaign failed:\n{result.stdout[-2000:]}", pytrace=False)
    kept = tmp_path_factory.mktemp("finished")
    _copy(place, kept)
    return kept


def _copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", f"{source}/.", str(target)], check=True)


@pytest.fixture
def campaign(finished: Path, place: Path) -> Workplace:
    """A private copy of the finished campaign and of the repository that made it, times preserved."""
    for entry in place.iterdir():
        shutil.rmtree(entry)
    _copy(finished, place)
    return Workplace(place / "repo", place / "work")


@pytest.fixture
def fresh(tmp_path: Path) -> Workplace:
    """A private copy of the repository and an empty working directory."""
    copy_sources(tmp_path / "repo")
    (tmp_path / "work").mkdir()
    return Workplace(tmp_path / "repo", tmp_path / "work")
