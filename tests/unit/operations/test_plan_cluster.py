"""What a cluster says of its limits, and which of them a plan would break."""

from pathlib import Path

import pytest

from saltflow.base.errors import InputError
from saltflow.operations.plan.cluster import (
    Cluster,
    Partition,
    Qos,
    look_at_cluster,
    parse_minutes,
    read_partition_file,
    read_partitions,
)
from saltflow.operations.plan.limits import Request, broken_by_machine, broken_limits

# As Slurm 22.05 prints them, shortened.
PARTITIONS = """\
PartitionName=cpu AllowGroups=ALL Default=YES QoS=N/A MaxNodes=UNLIMITED MaxTime=2-00:00:00 MaxMemPerNode=UNLIMITED
PartitionName=gpu AllowGroups=ALL Default=NO QoS=N/A MaxNodes=UNLIMITED MaxTime=UNLIMITED MaxMemPerNode=30000
"""
NODES = """\
NodeName=cpu01 Arch=x86_64 CPUAlloc=0 CPUTot=8 Gres=(null) RealMemory=32000 State=IDLE Partitions=cpu
NodeName=big01 Arch=x86_64 CPUAlloc=0 CPUTot=16 Gres=(null) RealMemory=64000 State=IDLE Partitions=cpu,gpu
NodeName=gpu01 Arch=x86_64 CPUAlloc=0 CPUTot=8 Gres=gpu:h200:4(S:0-1) RealMemory=32000 State=IDLE Partitions=gpu
"""


def request(**changes) -> Request:
    plain = {"rule": "run_md", "partition": "", "qos": "", "runtime_min": 60, "memory_MB": 1000, "cores": 1, "gpus": 0}
    return Request(**plain | {"expected_min": 30, "resumes": True} | changes)


def broken(*requests: Request, cluster: Cluster, max_jobs: int = 100, submissions: int = 500) -> list[str]:
    found = broken_limits(requests, cluster, max_jobs=max_jobs, submissions=submissions)
    return [entry["sentence"] for entry in found]


CLUSTER = Cluster(tuple(read_partitions(PARTITIONS, NODES)), (), "")


def test_partitions_have_the_limits_of_their_largest_nodes():
    assert CLUSTER.partitions == (
        Partition("cpu", runtime_min=2880, memory_MB=64000, cores=16, gpus=0, default=True),
        Partition("gpu", runtime_min=None, memory_MB=30000, cores=16, gpus=4, default=False),
    )


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("UNLIMITED", None),
        ("", None),
        ("2880", 2880),
        ("48h", 2880),
        ("2d", 2880),
        ("30:00", 30),
        ("12:30:00", 750),
        ("1-00", 1440),
        ("1-02:30", 1590),
        ("2-00:00:00", 2880),
    ],
)
def test_times_in_every_spelling(text, minutes):
    assert parse_minutes(text) == minutes


def test_what_fits_breaks_nothing():
    assert broken(request(), request(partition="gpu", gpus=1, rule="fine_tune"), cluster=CLUSTER) == []


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"runtime_min": 4000}, ("4,000 min", "partition cpu allows 2,880", "execution.site.cpu.longest_min")),
        ({"memory_MB": 90000}, ("90,000 MB", "64,000", "mem_mb")),
        ({"cores": 32}, ("32 cores", "16", "set-threads")),
        ({"gpus": 1}, ("1 GPUs", "partition cpu allows 0", "execution.site.gpu.partition")),
        ({"partition": "gpu", "gpus": 8}, ("8 GPUs", "partition gpu allows 4")),
        ({"partition": "gpus", "gpus": 1}, ("'gpus'", "correct execution.site.gpu.partition", "cpu, gpu")),
    ],
)
def test_a_broken_limit_is_a_sentence_with_the_key(asked, words):
    (sentence,) = broken(request(**asked), cluster=CLUSTER)
    assert sentence.startswith("run_md asks for")
    assert all(word in sentence for word in words)


def test_one_of_several_partitions_is_enough():
    assert broken(request(partition="gpu,cpu", runtime_min=4000), cluster=CLUSTER) == []


def test_limits_of_a_qos_count_for_who_uses_it():
    qos = (Qos("normal", runtime_min=1440, submitted=50, gpus=2), Qos("long"))
    cluster = Cluster((), qos, "")
    sentences = broken(request(runtime_min=2000, gpus=4), cluster=cluster)
    assert [word for word in ("2,000 min", "4 GPUs", "jobs: 50") if not any(word in text for text in sentences)] == []
    assert broken(request(runtime_min=2000, gpus=4, qos="long"), cluster=cluster) == []
    assert broken(request(), cluster=cluster, submissions=40) == []


def test_a_job_that_needs_longer_than_it_asks_for_must_resume_often_enough():
    nothing_known = Cluster((), (), "")
    assert broken(request(expected_min=100), cluster=nothing_known) == []
    assert broken(request(expected_min=6000), cluster=nothing_known) == []
    (sentence,) = broken(request(expected_min=60000, gpus=1), cluster=nothing_known)
    assert "about 1,000 submissions" in sentence
    assert "gets 100: raise execution.site.gpu.longest_min" in sentence
    (sentence,) = broken(request(expected_min=100, resumes=False), cluster=nothing_known)
    assert "cannot resume" in sentence


def test_the_file_of_partitions_comes_before_what_slurm_says(tmp_path: Path):
    file = tmp_path / "partitions.yaml"
    file.write_text("partitions:\n  short: {max_runtime: 4h, max_mem_mb: 8000, max_threads: 4}\n  gpu: {max_gpu: 2}\n")
    assert read_partition_file(file) == [
        Partition("short", runtime_min=240, memory_MB=8000, cores=4, gpus=0),
        Partition("gpu", gpus=2),
    ]
    assert [partition.name for partition in look_at_cluster(file).partitions] == ["short", "gpu"]


@pytest.mark.parametrize("text", ["", "partitions: 3", "- a", "{"])
def test_a_file_that_holds_no_partitions_is_refused(tmp_path: Path, text: str):
    file = tmp_path / "partitions.yaml"
    file.write_text(text)
    with pytest.raises(InputError, match=r"partitions\.yaml(, line 1:|: keys and| is no file)"):
        read_partition_file(file)


def test_without_slurm_nothing_is_known_and_that_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PATH", str(tmp_path))
    cluster = look_at_cluster(None)
    assert cluster.partitions == cluster.qos == ()
    assert [sentence.split(":")[0] for sentence in cluster.unchecked] == [
        "Limits of partitions were not checked",
        "Limits of QOS were not checked",
    ]


@pytest.mark.parametrize(
    ("new_GB", "peak_GB", "quota_GB", "memory_MB", "local", "sentences"),
    [
        (1e-6, 1.0, 2.0, 1, True, []),
        (1e-6, 1.0, None, 1e12, False, []),
        (1e9, 1.0, None, 1, True, ["The sweep is expected to write 1e+09 GB more where the disk of"]),
        (
            1e-6,
            3.0,
            2.0,
            1,
            False,
            ["The sweep is expected to take 3 GB where execution.quota_GB allows 2: raise it, or"],
        ),
        (1e-6, 1.0, None, 1e12, True, ["run_md needs 1,000,000,000,000 MB where this machine has"]),
    ],
)
def test_disk_quota_and_memory_of_this_machine(tmp_path: Path, new_GB, peak_GB, quota_GB, memory_MB, local, sentences):
    found = broken_by_machine(
        {"new": new_GB, "peak": peak_GB},
        {"rule": "run_md", "memory_MB": memory_MB},
        folder=tmp_path,
        quota_GB=quota_GB,
        local=local,
    )
    assert len(found) == len(sentences)
    for entry, sentence in zip(found, sentences, strict=True):
        assert entry["sentence"].startswith(sentence)
        assert entry["requested"] > entry["allowed"]
