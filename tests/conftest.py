"""A tiny campaign that is run once for real, and copies of it to edit."""

import json
import shutil
import signal
import subprocess
from pathlib import Path, PurePath

import pytest
from filelock import FileLock
from workplaces import Workplace, copy_sources
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

CLUSTER = "slurm"  # the folder of tests that share clusters


# A shell starts what it puts into the background with interrupts ignored, and so would be every program that a test
# interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)


class SideBySide(LoadScopeScheduling):
    """Which tests stay in one process when several test at once (`make test`): those of a file; all of the cluster."""

    def _split_scope(self, nodeid: str) -> str:
        file = PurePath(nodeid.split("::")[0])
        return CLUSTER if CLUSTER in file.parts else str(file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> SideBySide:
    return SideBySide(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins; what needs the finished campaign waits until the cluster's tests have made it."""
    waiting = {item.path for item in items if "finished" in item.fixturenames}
    items.sort(
        key=lambda item: [*(folder not in item.path.parts for folder in (CLUSTER, "workflow")), item.path in waiting]
    )


@pytest.fixture(scope="session")
def together(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """A folder that all processes of this run of the tests share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if hasattr(request.config, "workerinput") else own


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder where every copy lives in turn: paths stay the same, as for a user who edits and reruns."""
    return tmp_path_factory.getbasetemp() / "campaign"


@pytest.fixture(scope="session")
def finished(together: Path, place: Path) -> Path:
    """The tiny campaign after a real run: a folder with repo and work, never to be changed."""
    kept = together / "finished"
    with FileLock(together / "finished.lock"):
        if not kept.exists():
            _run_for_real(place)
            place.rename(kept)
    return kept


def _run_for_real(place: Path) -> None:
    copy_sources(place / "repo")
    campaign = Workplace(place / "repo", place / "work")
    result = campaign.run()
    if result.returncode != 0:
        shutil.rmtree(place)
        pytest.fail(f"the tiny campaign failed:\n{result.stdout[-2000:]}", pytrace=False)


def _copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", f"{source}/.", str(target)], check=True)


@pytest.fixture
def campaign(finished: Path, place: Path) -> Workplace:
    """A private copy of the finished campaign and of the repository that made it, times preserved."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    _copy(finished, place)
    last_run = place / "work/.snakemake/saltflow/run.json"
    made_at = Path(json.loads(last_run.read_text())["started_in"]).parent  # where another process of the tests has it
    last_run.write_text(last_run.read_text().replace(f"{made_at}/", f"{place}/"))
    return Workplace(place / "repo", place / "work")


@pytest.fixture
def fresh(tmp_path: Path) -> Workplace:
    """A private copy of the repository and an empty working directory."""
    copy_sources(tmp_path / "repo")
    (tmp_path / "work").mkdir()
    return Workplace(tmp_path / "repo", tmp_path / "work")
