"""What the plan, and a job on it, learn of a real cluster by asking it."""

import sys
from pathlib import Path

import cluster as clusters
import pytest

from saltflow.operations.plan.cluster import look_at_cluster

SOURCES = Path(__file__).parents[2]


def test_partitions_and_their_largest_nodes_are_asked_of_slurm(
    cluster: clusters.Cluster, monkeypatch: pytest.MonkeyPatch
):
    for name, value in cluster.environment.items():
        monkeypatch.setenv(name, value)
    known = look_at_cluster(None)
    assert {partition.name: partition.gpus for partition in known.partitions} == {"cpu": 0, "gpu": 4}
    assert [partition.name for partition in known.partitions if partition.default] == ["cpu"]
    largest = max(clusters.NODES, key=lambda node: node.memory_MB)
    assert max(partition.memory_MB for partition in known.partitions) == largest.memory_MB
    assert known.qos == ()
    assert ["sacctmgr does not answer" in sentence for sentence in known.unchecked] == [True]


def test_a_job_knows_when_its_walltime_ends(cluster: clusters.Cluster):
    program = "import sys, time; sys.path.insert(0, 'scripts'); from saltflow.dynamics.walltime import walltime_of_job"
    program += "; print(walltime_of_job().end_s - time.time())"
    python = [sys.executable, "-c", program]
    said = cluster.ask("srun", "--time=40", "--mem=500", f"--chdir={SOURCES}", *python)
    assert 30 * 60 < float(said) <= 40 * 60 + 1
