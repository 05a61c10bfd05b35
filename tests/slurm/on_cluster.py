"""A campaign that runs on a cluster, what the cluster knows of its jobs, and the accidents that happen to them."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from cluster import Cluster
from workplaces import Workplace, wait_for

from saltflow.operations.attempts import Attempt, read_attempts

STEP_LIMIT_S = 1200  # a guard against hanging; on a machine that is not busy otherwise nothing takes five minutes
FIELDS = ("JobID", "State", "Partition", "NodeList", "tres-per-job", "WorkDir", "Comment")


@dataclass(frozen=True)
class Job:
    """A job as the cluster knows it.

    name: rule and wildcards, as the executor joins them. partition, node: where it runs or ran.
    gpus: how many it was given.
    """

    id: str
    state: str
    partition: str
    node: str
    gpus: int
    name: str


@dataclass(frozen=True)
class StartedRun:
    """A Snakemake that was started and may still run; its output goes to a file."""

    process: subprocess.Popen
    output: Path

    def said(self) -> str:
        """What it has said so far."""
        return self.output.read_text()

    def end(self) -> int:
        """Wait for its end; the exit code."""
        return self.process.wait(timeout=STEP_LIMIT_S)

    def kill(self) -> None:
        """SIGKILL to it and to what it runs itself, not to the jobs of the cluster."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=60)


@dataclass(frozen=True, kw_only=True)
class OnCluster(Workplace):
    """A campaign whose jobs run on a cluster."""

    cluster: Cluster

    @contextmanager
    def started(self, *arguments: str) -> Iterator[StartedRun]:
        """Snakemake in the background; killed at the end when it still runs."""
        output = self.work / f"run{len(list(self.work.glob('run*.txt')))}.txt"
        with output.open("w") as said:
            process = subprocess.Popen(
                self.command(*arguments),
                cwd=self.repo,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        run = StartedRun(process, output)
        try:
            yield run
        finally:
            if process.poll() is None:
                run.kill()

    def call(self, *arguments: str) -> subprocess.CompletedProcess:
        """Run Python with some arguments to its end; standard error is joined to standard output."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.repo,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=STEP_LIMIT_S,
        )

    def jobs(self) -> list[Job]:
        """All jobs that were ever submitted from this working directory, in the order of their submission."""
        lines = self.cluster.ask("squeue", "--states=all", "--noheader", "-O", ",".join(f"{name}:|" for name in FIELDS))
        found = []
        for line in lines.splitlines():
            number, state, partition, node, gres, folder, comment = line.split("|")[: len(FIELDS)]
            if Path(folder) == self.work:
                gpus = int(gres.rpartition(":")[2]) if "gpu" in gres else 0
                name = comment.removeprefix("rule_").replace("_wildcards_", " ")
                found.append(Job(number, state, partition, node, gpus, name))
        return sorted(found, key=lambda job: int(job.id))

    def jobs_of(self, name: str) -> list[Job]:
        """All jobs that were ever submitted for a rule and its wildcards."""
        return [job for job in self.jobs() if job.name == name]

    def attempts(self, log: str) -> list[Attempt]:
        """The attempts, on the cluster, of the job that has this log; a finished campaign has one of another run."""
        return [attempt for attempt in self._journal(log) if attempt.slurm_job_id]

    def begun(self, log: str) -> int:
        """How often a job has begun, on the cluster or not."""
        return len(self._journal(log))

    def _journal(self, log: str) -> list[Attempt]:
        return read_attempts(self.work / "logs" / log, slurm_logs=self.work / ".snakemake/slurm_logs")

    def wait(self, condition: Callable[[], bool], run: StartedRun) -> None:
        """Wait for a condition that must hold before a run ends."""

        def reached() -> bool:
            over = run.process.poll() is not None
            assert not over or condition(), f"Snakemake ended too early:\n{run.said()[-3000:]}"
            return over or condition()

        wait_for(reached, seconds=STEP_LIMIT_S)

    def freeze(self, log: str, run: StartedRun, *, when: Callable[[], bool]) -> None:
        """Stop the script of a job as soon as a condition holds, as if it were much longer."""
        self.wait(when, run)
        for process in _with_children(self._journal(log)[-1].pid):
            process.suspend()

    def thaw(self, log: str) -> None:
        """Let the script of a frozen job go on."""
        for process in _with_children(self._journal(log)[-1].pid):
            process.resume()

    def found(self, pattern: str) -> Callable[[], bool]:
        """Whether a file of this pattern is there."""
        return lambda: any(self.work.glob(pattern))

    def lose(self, *paths: str) -> list[Path]:
        """Delete products, so that their jobs run again."""
        lost = [self.work / path for path in paths]
        for path in lost:
            path.unlink()
        return lost

    def log(self, name: str) -> str:
        """The log of the last attempt of a job."""
        return (self.work / "logs" / name).read_text()


def _with_children(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]
