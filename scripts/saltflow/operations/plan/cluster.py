"""What a cluster allows: asked of SLURM where it answers, or read from the executor's file of partitions.

Only questions: scontrol show, sacctmgr show. Nothing is submitted.
"""

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from saltflow.base.errors import InputError
from saltflow.base.yaml_file import read_yaml

ANSWER_S = 20
UNLIMITED = ("", "UNLIMITED", "NONE", "N/A", "(null)", "INFINITE")
TIME = re.compile(r"(?:(?P<days>\d+)-)?(?P<parts>\d+(?::\d+){0,2})(?P<unit>[dhms]?)")
MINUTES = {"d": 1440, "h": 60, "m": 1, "s": 1 / 60, "": 1}


@dataclass(frozen=True)
class Partition:
    """A partition's limits; None where there is no limit or nobody tells.

    memory_MB, cores, gpus: of its largest node.
    """

    name: str
    runtime_min: float | None = None
    memory_MB: float | None = None
    cores: float | None = None
    gpus: float | None = None
    default: bool = False


@dataclass(frozen=True)
class Qos:
    """A quality of service: its longest walltime, and per user the most submitted jobs and the most GPUs."""

    name: str
    runtime_min: float | None = None
    submitted: int | None = None
    gpus: int | None = None


@dataclass(frozen=True)
class Cluster:
    """Everything that is known of the cluster.

    source: a sentence for a reader. unchecked: sentences about what is not known here.
    """

    partitions: tuple[Partition, ...]
    qos: tuple[Qos, ...]
    source: str
    unchecked: tuple[str, ...] = ()


def look_at_cluster(partition_file: Path | None) -> Cluster:
    """What is known here of the cluster that jobs would run on.

    Args:
        partition_file: of the executor, if the profile names one; it comes before what SLURM says.

    Raises:
        InputError: the file is not what the executor expects.
    """
    qos = _read_qos(_answer("sacctmgr", "-nP", "show", "qos", "format=name,maxwall,maxsubmitpu,maxtrespu"))
    unchecked = () if qos else ("Limits of QOS were not checked: sacctmgr does not answer on this machine.",)
    if partition_file is not None:
        partitions = read_partition_file(partition_file)
        return Cluster(tuple(partitions), qos, f"Limits of partitions are those of {partition_file}.", unchecked)
    partitions = read_partitions(
        _answer("scontrol", "--oneliner", "show", "partition"), _answer("scontrol", "--oneliner", "show", "node")
    )
    if partitions:
        return Cluster(tuple(partitions), qos, "Limits of partitions are those that scontrol tells.", unchecked)
    silent = "Limits of partitions were not checked: SLURM does not answer on this machine."
    return Cluster((), qos, "No limit of the cluster is known here.", (silent, *unchecked))


def _answer(*command: str) -> str:
    """What a command prints; nothing where it is missing, fails or takes too long."""
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=ANSWER_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout


def read_partition_file(path: Path) -> list[Partition]:
    """Partitions of the executor plugin's file (its option slurm-partition-config).

    Raises:
        InputError: it cannot be read or has no section `partitions`.
    """
    entries = read_yaml(path).get("partitions")
    if not isinstance(entries, Mapping) or not all(isinstance(limits, Mapping) for limits in entries.values()):
        raise InputError([f"{path} is no file of partitions; correct slurm-partition-config in the profile."])
    return [
        Partition(
            name,
            runtime_min=parse_minutes(str(limits.get("max_runtime", ""))),
            memory_MB=limits.get("max_mem_mb"),
            cores=limits.get("max_threads") or limits.get("max_cpus_per_task"),
            gpus=limits.get("max_gpu", 0),
        )
        for name, limits in entries.items()
    ]


def read_partitions(partitions: str, nodes: str) -> list[Partition]:
    """Partitions from `scontrol --oneliner show partition` and `… show node`."""
    members = [_fields(line) for line in nodes.splitlines() if line.startswith("NodeName=")]
    found = []
    for line in partitions.splitlines():
        fields = _fields(line)
        name = fields.get("PartitionName")
        if name:
            own = [node for node in members if name in node.get("Partitions", "").split(",")]
            found.append(_partition(name, fields, own))
    return found


def _partition(name: str, fields: Mapping[str, str], nodes: Sequence[Mapping[str, str]]) -> Partition:
    sizes = [float(node["RealMemory"]) for node in nodes if node.get("RealMemory", "").isdigit()]
    allowed = [_number(fields.get("MaxMemPerNode")), max(sizes, default=None)]
    return Partition(
        name,
        runtime_min=parse_minutes(fields.get("MaxTime", "")),
        memory_MB=min((size for size in allowed if size is not None), default=None),
        cores=max((float(node["CPUTot"]) for node in nodes if "CPUTot" in node), default=None),
        gpus=max((_gpus(node.get("Gres", "")) for node in nodes), default=None),
        default=fields.get("Default") == "YES",
    )


def _fields(line: str) -> dict[str, str]:
    return dict(word.split("=", 1) for word in line.split() if "=" in word)


def _gpus(gres: str) -> float:
    """GPUs in "gpu:h200:4(S:0-1),nvme:1"."""
    counts = re.findall(r"(?:^|,)gpu(?::[^:,()]+)?(?::(\d+))?(?=[,(]|$)", gres)
    return float(sum(int(count or 1) for count in counts))


def _read_qos(answer: str) -> tuple[Qos, ...]:
    rows = [line.split("|") for line in answer.splitlines() if line.count("|") == 3]
    return tuple(
        Qos(
            name,
            runtime_min=parse_minutes(wall),
            submitted=int(submitted) if submitted.isdigit() else None,
            gpus=int(found[1]) if (found := re.search(r"gres/gpu(?::\w+)?=(\d+)", tres)) else None,
        )
        for name, wall, submitted, tres in rows
    )


def _number(text: str | None) -> float | None:
    return float(text) if text and text.isdigit() else None


def parse_minutes(text: str) -> float | None:
    """Minutes in SLURM's and the executor's spellings of a time: 2880, 48h, 2-00:00:00, 12:30:00; None if unlimited."""
    text = text.strip()
    if text.upper() in UNLIMITED or not (found := TIME.fullmatch(text)):
        return None
    parts = [int(part) for part in found["parts"].split(":")]
    if len(parts) == 1 and found["days"] is None:
        return parts[0] * MINUTES[found["unit"]]
    # days-hours[:minutes[:seconds]], hours:minutes:seconds or minutes:seconds
    parts = [0] * (2 - len(parts)) + parts if found["days"] is None else parts
    hours, minutes, seconds = ([0] + parts if len(parts) == 2 and found["days"] is None else parts + [0, 0])[:3]
    return int(found["days"] or 0) * 1440 + hours * 60 + minutes + seconds / 60
