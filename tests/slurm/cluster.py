"""A SLURM cluster of virtual nodes on this machine, in a folder of its own.

Two partitions, `cpu` (the default one) and `gpu`; the GPUs are names in SLURM's books, not devices. A job goes to
the node with the fewest. Several clusters run side by side: nothing outside the folder is touched and every port is
a free one.

usage: python tests/slurm/cluster.py start FOLDER      prints the two lines to type in a shell that is to use it
       python tests/slurm/cluster.py stop FOLDER       ends its daemons and jobs, and what such shells have started
"""

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "scancel", "sinfo", "sdiag")
START_LIMIT_S = 30

# Of what SLURM can do, as little as lets the daemons run beside each other without systemd and control groups.
# Memory is read from /proc every second, and a job that uses more than it asked for is killed: few sites do
# without such a limit. Ended jobs stay in the controller's memory for ten minutes, so that squeue knows them.
CONFIGURATION = """\
ClusterName=saltflow
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation={folder}/state
SlurmctldLogFile={folder}/slurmctld.log
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdSpoolDir={folder}/spool-%n
SlurmdLogFile={folder}/%n.log
SlurmdPidFile={folder}/%n.pid
SlurmdParameters=config_overrides
ProctrackType=proctrack/pgid
TaskPlugin=task/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill,NoShared
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/ended_jobs.txt
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=batch_sched_delay=0,sched_min_interval=100000,bf_interval=2,bf_continue
GresTypes=gpu
ReturnToService=0
MaxJobCount=20000
MinJobAge=7200
KillWait=2
MessageTimeout=5
"""


@dataclass(frozen=True)
class Node:
    """What a virtual node says it has."""

    name: str
    cpus: int = 8
    memory_MB: int = 32000
    gpus: int = 0

    def line(self, *, host: str, port: int) -> str:
        """Its line in slurm.conf."""
        gres = f" Gres=gpu:h200:{self.gpus}" if self.gpus else ""
        return (
            f"NodeName={self.name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} "
            f"CPUs={self.cpus} RealMemory={self.memory_MB}{gres}\n"
        )


NODES = (Node("cpu01"), Node("cpu02"), Node("cpu03"), Node("gpu01", gpus=4), Node("gpu02", gpus=4))


class Cluster:
    """A cluster in a folder, whether it runs or not.

    Args:
        folder: where its configuration, state and logs are; a short path, because a socket lies in it.
        nodes: those that have GPUs make the partition gpu, the others cpu.
    """

    def __init__(self, folder: Path, nodes: tuple[Node, ...] = NODES):
        self.folder, self.nodes = folder.resolve(), nodes
        self.configuration = self.folder / "slurm.conf"

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to be a user of this cluster."""
        return {"SLURM_CONF": str(self.configuration), "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}"}

    def ask(self, *command: str) -> str:
        """The output of a SLURM command; a failure is an error with what it said."""
        result = subprocess.run(
            command, env=os.environ | self.environment, capture_output=True, text=True, timeout=60, check=False
        )
        if result.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} failed: {result.stderr.strip() or result.stdout.strip()}")
        return result.stdout

    def start(self) -> None:
        """Start all daemons and wait until every node can take jobs."""
        self._write()
        try:
            munge = self.folder / "munge"
            self._daemon(
                *("munged", f"--socket={munge / 'socket'}", f"--key-file={munge / 'key'}", "--num-threads=2"),
                *(f"--{name}-file={munge / name}" for name in ("pid", "log", "seed")),
            )
            self.start_controller()
            for node in self.nodes:
                self._daemon("slurmd", "-N", node.name)
            self._wait(lambda: self._idle_nodes() == len(self.nodes), "every node is idle")
        except BaseException:
            self.stop()
            raise

    def start_controller(self) -> None:
        """Start slurmctld; what it knew before it ended is in the folder."""
        self._daemon("slurmctld")
        self._wait(self._answers, "slurmctld answers")

    def stop_controller(self) -> None:
        """End slurmctld, as a crash of its machine would."""
        controller = int((self.folder / "slurmctld.pid").read_text())
        os.kill(controller, signal.SIGKILL)
        self._wait(lambda: controller not in self._processes(), "slurmctld has ended")

    def stop(self) -> None:
        """End every process of this cluster: daemons, jobs and users, which all carry its name in their environment."""

        def killed() -> bool:
            processes = self._processes()
            for process in processes:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            return not processes

        self._wait(killed, "every process of the cluster has ended")

    def _write(self) -> None:
        host, ports = socket.gethostname(), _free_ports(len(self.nodes) + 1)
        # A cluster that is started again has forgotten its jobs.
        for old in (self.folder / "state", *self.folder.glob("spool-*")):
            shutil.rmtree(old, ignore_errors=True)
        for name in ("bin", "munge", "state", "devices"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)  # munge wants its socket where every user can reach it
        (self.folder / "munge/key").write_bytes(secrets.token_bytes(128))
        (self.folder / "munge/key").chmod(0o600)
        # The step that a job of Snakemake starts inside its allocation forgets SLURM_CONF.
        step = self.folder / "bin/srun"
        step.write_text(f'#!/bin/sh\nSLURM_CONF={self.configuration} exec {shutil.which("srun")} "$@"\n')
        step.chmod(0o755)
        lines = [node.line(host=host, port=port) for node, port in zip(self.nodes, ports[1:], strict=True)]
        partitions = [
            f"PartitionName={name} Nodes={','.join(node.name for node in self.nodes if bool(node.gpus) == with_gpus)} "
            f"Default={'NO' if with_gpus else 'YES'} LLN=YES MaxTime=INFINITE State=UP\n"
            for name, with_gpus in (("cpu", False), ("gpu", True))
        ]
        settings = CONFIGURATION.format(host=host, port=ports[0], folder=self.folder)
        self.configuration.write_text("".join([settings, *lines, *partitions]))
        (self.folder / "gres.conf").write_text("AutoDetect=off\n" + "".join(map(self._devices, self.nodes)))

    def _devices(self, node: Node) -> str:
        """The lines of gres.conf for a node; its devices are names for /dev/null."""
        if not node.gpus:
            return ""
        for number in range(node.gpus):
            device = self.folder / f"devices/{node.name}-{number}"
            if not device.is_symlink():
                device.symlink_to("/dev/null")
        devices = self.folder / f"devices/{node.name}-[0-{node.gpus - 1}]"
        return f"NodeName={node.name} Name=gpu Type=h200 File={devices}\n"

    def _daemon(self, *command: str) -> None:
        """Start a program that goes to the background by itself once it is set up."""
        environment = os.environ | self.environment
        # A daemon that keeps our output open would keep whoever reads it waiting.
        with (self.folder / "daemons.txt").open("a+") as said:
            if subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said).returncode:
                said.seek(0)
                raise RuntimeError(f"{command[0]} did not start: {said.read()[-1000:]}")

    def _answers(self) -> bool:
        try:
            return "is UP" in self.ask("scontrol", "ping")
        except RuntimeError:
            return False

    def _idle_nodes(self) -> int:
        return len(re.findall(r"^idle$", self.ask("sinfo", "--noheader", "-N", "--format=%T"), re.MULTILINE))

    def _processes(self) -> list[int]:
        """Live processes that were started with our configuration, except this one and those that it came from."""
        mark = f"SLURM_CONF={self.configuration}".encode()
        found, parents = set(), {}
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
                parents[int(folder.name)] = int(parent)
                # Where nobody reaps them, the dead stay in /proc.
                if state != "Z" and mark in (folder / "environ").read_bytes().split(b"\0"):
                    found.add(int(folder.name))
        ancestor = os.getpid()
        while ancestor:
            found.discard(ancestor)
            ancestor = parents.get(ancestor, 0)
        return sorted(found)

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + START_LIMIT_S
        while not condition():
            if time.monotonic() > end:
                raise RuntimeError(f"Waited {START_LIMIT_S} s in vain until {what}; see {self.folder}.")
            time.sleep(0.05)


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on; all are held until the last is found, so no two are the same."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """A cluster in a temporary folder that ends with the block, or with this process if that is killed."""
    # Not in a folder that other users cannot enter or whose name is too long for a socket.
    folder = Path(tempfile.mkdtemp(prefix="saltflow-slurm-"))
    # A shell learns that we are gone by the end of its input.
    stop = [sys.executable, __file__, "stop", str(folder)]
    guard = subprocess.Popen(
        ["sh", "-c", 'cat >/dev/null; exec "$@"', "guard", *stop], stdin=subprocess.PIPE, start_new_session=True
    )
    try:
        cluster = Cluster(folder)
        cluster.start()
        yield cluster
    finally:
        guard.communicate(timeout=2 * START_LIMIT_S)
        shutil.rmtree(folder)
    if guard.returncode:
        raise RuntimeError(f"The cluster in {folder} did not end.")


def missing() -> str | None:
    """Why no cluster can run here, or None."""
    absent = [program for program in PROGRAMS if not shutil.which(program)]
    if absent:
        return (
            f"{', '.join(absent)} not found; as root: "
            "apt-get install --no-install-recommends slurmctld slurmd slurm-client munge"
        )
    return None if os.geteuid() == 0 else "SLURM's daemons need root, to start jobs as other users"


def main() -> None:
    """Start or stop a cluster from the command line."""
    match sys.argv[1:]:
        case ["start", folder]:
            if problem := missing():
                raise SystemExit(problem)
            cluster = Cluster(Path(folder))
            cluster.start()
            print(f"export SLURM_CONF={cluster.configuration}\nexport PATH={cluster.folder / 'bin'}:$PATH")
        case ["stop", folder]:
            Cluster(Path(folder)).stop()
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
