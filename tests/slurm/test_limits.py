"""What the plan learns of a real cluster by asking it."""

import cluster as clusters
import pytest

from saltflow.plan.cluster import look_at_cluster


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
    assert "sacctmgr does not answer" in known.source
