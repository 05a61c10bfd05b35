"""Clusters, the profile of their site, private copies of the finished campaign on them, and what happens to these.

Most of the time a campaign on a cluster waits. So a file of tests that needs a long story has a function
`live_through(campaign)`; all of them run at the same time, each on a cluster of its own, and beside them the whole
sweep. The tests of a file then look at what its function returned, the fixture `story`.
"""

import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from cluster import Cluster, missing, running_cluster
from on_cluster import OnCluster, StartedRun
from workplaces import ENVIRONMENT, copy_sources

# What an admin changes in a copy of the profile: the state of jobs is asked for sooner, files appear at once, nobody
# minds how often we submit, and a job that fails is tried once more, not three times.
SITE = {
    "slurm-init-seconds-before-status-checks": 8,
    "latency-wait": 5,
    "max-jobs-per-timespan": "1000/1m",
    "retries": 1,
}
PARTITIONS = {"cpu": {"partition": "cpu"}, "gpu": {"partition": "gpu", "model": "h200"}}
# With `device: cpu` no rule asks for a GPU; these do at a site that has them.
DRIVEN = ("explore", "fine_tune", "quench_cell", "run_md", "select_frames")
GPU_REQUESTS = [f"{rule}:{what}" for rule in DRIVEN for what in ("gpu=1", "slurm_partition=gpu")]


@pytest.fixture(scope="session")
def _slurm() -> None:
    """SLURM's programs and the right to start its daemons."""
    if problem := missing():
        pytest.skip(f"No SLURM on this machine: {problem}.")


@pytest.fixture(scope="session")
def cluster(_slurm: None) -> Iterator[Cluster]:
    """A cluster that runs for the session."""
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def sweeping(_slurm: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[OnCluster, StartedRun]]:
    """The whole sweep, on its way."""
    place = tmp_path_factory.mktemp("sweep")
    copy_sources(place / "repo")
    with running_cluster() as cluster:
        campaign = on_cluster(place, cluster)
        with campaign.started("--jobs", "4", "--set-resources", *GPU_REQUESTS) as run:
            yield campaign, run


@pytest.fixture(scope="session", autouse=True)
def _begin_with_the_sweep(request: pytest.FixtureRequest) -> None:
    """The sweep takes longest, where it is wanted at all."""
    if any("swept" in item.fixturenames for item in request.session.items):
        request.getfixturevalue("sweeping")


@pytest.fixture(scope="session")
def stories(
    _slurm: None, request: pytest.FixtureRequest, finished: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[ModuleType, Future]]:
    """File of tests → its story, on its way or told."""
    tellers = {item.module for item in request.session.items if hasattr(item.module, "live_through")}
    # Clusters end before the threads: in a session that is given up, nobody waits for a story.
    with ThreadPoolExecutor(len(tellers)) as threads, ExitStack() as clusters:

        def begin(module: ModuleType) -> Future:
            campaign = copy_of(finished, tmp_path_factory, clusters.enter_context(running_cluster()))
            return threads.submit(module.live_through, campaign)

        yield {module: begin(module) for module in tellers}


@pytest.fixture(scope="module")
def story(request: pytest.FixtureRequest, stories: dict[ModuleType, Future]) -> object:
    """What the function `live_through` of a file of tests returned."""
    return stories[request.module].result()


def on_cluster(place: Path, cluster: Cluster) -> OnCluster:
    """A campaign in a folder, with the profile of the site."""
    settings = yaml.safe_load((place / "repo/profiles/slurm/config.yaml").read_text()) | SITE
    site = settings["config"]["execution"]["site"]
    for kind, own in PARTITIONS.items():
        site[kind] |= own
    profile = place / "repo/profiles/site"
    shutil.copytree(place / "repo/profiles/slurm", profile)
    (profile / "config.yaml").write_text(yaml.safe_dump(settings))
    (place / "work").mkdir(exist_ok=True)
    return OnCluster(
        place / "repo",
        place / "work",
        options=("--profile", "profiles/site"),
        environment=ENVIRONMENT | cluster.environment,
        cluster=cluster,
    )


def copy_of(finished: Path, tmp_path_factory: pytest.TempPathFactory, cluster: Cluster) -> OnCluster:
    place = tmp_path_factory.mktemp("on-cluster")
    subprocess.run(["cp", "-a", f"{finished}/.", str(place)], check=True)
    return on_cluster(place, cluster)


@pytest.fixture(scope="module")
def campaign(cluster: Cluster, finished: Path, tmp_path_factory: pytest.TempPathFactory) -> OnCluster:
    """A private copy of the finished campaign, on the cluster; one for the tests of a file."""
    return copy_of(finished, tmp_path_factory, cluster)
