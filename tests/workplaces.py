"""A repository and a working directory that a test may change, and what Snakemake does in them."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from saltflow.operations.rules import RULE

ROOT = Path(__file__).resolve().parents[1]
SOURCES = (
    *("Snakefile", "rules", "scripts", "config", "envs", "profiles"),
    *("tests/tiny", "tests/frozen", "tests/crystals", "tests/families"),
)
# The jobs of a group stand further in.
JOB = re.compile(r"^( *)(?:local)?rule (\w+):\n((?:\1 {4}.*\n)+)", re.MULTILINE)
UNFINISHED = shutil.ignore_patterns("*.pyc.*", "*.tmp.*")  # what another process is compiling
RUN_LIMIT_S = 1200
# Rules without a job in the tiny campaign and the demonstration: nothing is frozen or left out, runs are short,
# replicas are quenched and temperatures run one by one, and no study is asked for.
ON_REQUEST = {
    *("measure_diffusion", "find_groups", "run_constrained_md", "analyse_constrained_md", "relate_coupling"),
    *("fine_tune_loco", "assess_loco", "quench_replicas", "run_state_points"),
    *("compute_barriers", "map_md_hops", "rank_barriers", "compute_electrode", "tabulate_electrodes"),
    *("build_family", "relax_family", "judge_family", "study_survivors", "rank_family"),
}
# Rules with a job in a sweep that asks for nothing beyond the default analyses.
BY_DEFAULT = set(RULE) - ON_REQUEST - {"analyse_spectra", "relate_order"}

# The jobs are small: more of them fit into the memory than the rules ask for.
LOCALLY = ("--profile", "profiles/local", "--resources", "mem_mb=64000")

# The command as a user types it; the environment names where it is.
SALTFLOW = (sys.executable, "-m", "saltflow")

# One core per job; modules are compiled once, at their first import; no colours to look for words between.
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
    "OMP_NUM_THREADS": "1",
    "NO_COLOR": "1",
    "PYTHONPATH": "scripts",  # of the copy that a test works in
}


@dataclass(frozen=True)
class Workplace:
    """A repository and a working directory that a test may change.

    repo: copy of the sources. work: where results, logs and Snakemake's records are. config: the configuration.
    options: of Snakemake, how to run. environment: of everything that runs here.
    """

    repo: Path
    work: Path
    config: str = "tests/tiny/config.yaml"
    options: tuple[str, ...] = LOCALLY
    environment: Mapping[str, str] = field(default_factory=lambda: ENVIRONMENT)

    def command(self, *arguments: str) -> list[str]:
        """Snakemake as a user starts it; targets go first, or an option would swallow them."""
        configuration = ["--configfile", self.config] if self.config else []
        return [
            *(sys.executable, "-m", "snakemake", *arguments, *self.options),
            *("--directory", str(self.work), *configuration),
        ]

    def run(self, *arguments: str) -> subprocess.CompletedProcess:
        """Run Snakemake to its end; standard error is joined to standard output."""
        return self._called(self.command(*arguments))

    def resume(self, *arguments: str) -> subprocess.CompletedProcess:
        """`saltflow resume` in the working directory, to its end."""
        return self._called([*self.resuming(), *arguments])

    def saltflow(self, command: str) -> subprocess.CompletedProcess:
        """A command about this sweep, such as "plan"; standard error is joined to standard output."""
        settings = ["--configfile", self.config] if command != "resume" else []
        return self._called([*SALTFLOW, command, str(self.work), *settings])

    def resuming(self) -> list[str]:
        """`saltflow resume` in the working directory."""
        return [*SALTFLOW, "resume", str(self.work)]

    def _called(self, command: Sequence[str]) -> subprocess.CompletedProcess:
        if self.environment is ENVIRONMENT:
            return call_program(command, self.repo, joined=True)
        return subprocess.run(
            command,
            cwd=self.repo,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=RUN_LIMIT_S,
        )

    def plan(self, *arguments: str) -> dict[str, str]:
        """What a dry run would do: 'rule wildcard=value …' → the reason, without the rule `all`."""
        dry = self.run("--dry-run", *arguments)
        assert dry.returncode == 0, dry.stdout[-3000:]
        jobs = _planned_jobs(dry.stdout)
        assert jobs or "Nothing to be done" in dry.stdout, dry.stdout[-3000:]
        return jobs

    def killed(self, sign: signal.Signals, *arguments: str, when: Callable[[], bool]) -> str:
        """Start Snakemake, send a signal to its whole process group as soon as `when` holds; its output."""
        return self.ended(sign, self.command(*arguments), when=when)

    def ended(self, sign: signal.Signals, command: Sequence[str], *, when: Callable[[], bool]) -> str:
        """Start a command, send a signal to its whole process group as soon as `when` holds; its output."""
        log_path = self.work / "killed.log"
        with log_path.open("w") as log:
            process = subprocess.Popen(
                command,
                cwd=self.repo,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                wait_for(lambda: when() or process.poll() is not None, seconds=RUN_LIMIT_S)
                assert process.poll() is None, f"ended before it could be killed:\n{log_path.read_text()[-3000:]}"
            finally:
                os.killpg(process.pid, sign)
                process.wait(timeout=60)
                wait_for(lambda: not _group_lives(process.pid), seconds=60)
        assert process.returncode != 0
        return log_path.read_text()

    def replace(self, path: str, old: str, new: str) -> None:
        """Edit a source file: one occurrence of `old` becomes `new`."""
        text = (self.repo / path).read_text()
        assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times in {path}"
        (self.repo / path).write_text(text.replace(old, new))

    def append(self, path: str, text: str) -> None:
        """Add text at the end of a source file."""
        with (self.repo / path).open("a") as handle:
            handle.write(text)


@cache
def _server() -> subprocess.Popen:
    """The process from which programs are forked; it ends with this one."""
    environment = {name: value for name, value in ENVIRONMENT.items() if name != "PYTHONPATH"}
    command = [sys.executable, str(Path(__file__).with_name("program_server.py"))]
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def call_program(command: Sequence[str], folder: Path, *, joined: bool = False) -> subprocess.CompletedProcess:
    """What `subprocess.run` returns for python -m MODULE … in a folder and `ENVIRONMENT`, in half the time.

    joined: standard error is in standard output.
    """
    server = _server()
    with tempfile.NamedTemporaryFile("r") as stdout, tempfile.NamedTemporaryFile("r") as stderr:
        program = {"command": command, "folder": str(folder), "environment": ENVIRONMENT, "limit_s": RUN_LIMIT_S}
        server.stdin.write(
            json.dumps(program | {"stdout": stdout.name, "stderr": (stdout if joined else stderr).name}) + "\n"
        )
        server.stdin.flush()
        status = int(server.stdout.readline())
        return subprocess.CompletedProcess(command, status, stdout.read(), stderr.read())


def _planned_jobs(output: str) -> dict[str, str]:
    jobs = {}
    for _, rule, block in JOB.findall(output):
        facts = dict(re.findall(r"^ +(\w+): (.*)$", block, re.MULTILINE))
        if rule != "all":
            wildcards = facts["wildcards"].split(", ") if "wildcards" in facts else []
            jobs[" ".join([rule, *sorted(wildcards)])] = facts.get("reason", "")
    return jobs


def wait_for(condition: Callable[[], bool], *, seconds: float) -> None:
    """Return as soon as a condition holds; that it never does fails the test."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s in vain"
        time.sleep(0.02)


def _group_lives(group: int) -> bool:
    """Whether a process of the group still runs; one that is dead and not yet reaped does not."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, process_group = status.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(process_group) == group and state != "Z":
            return True
    return False


def copy_sources(target: Path) -> None:
    """Copy what a run needs of the repository, with its times; and what is compiled of it, which these times prove."""
    for name in SOURCES:
        source = ROOT / name
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=UNFINISHED)
        else:
            shutil.copy2(source, target / name)
