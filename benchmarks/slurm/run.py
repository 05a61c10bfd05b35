"""What the workflow costs a cluster: seconds per job beside a bare sbatch, and requests to SLURM's controller.

A private cluster of virtual nodes is started for it (tests/slurm/cluster.py), so it needs root and SLURM's packages.

1. Overhead per job: isolated atoms are labelled by a bare `sbatch` of a Python script, by the workflow with one
   submission per atom, and as the profile does it, all atoms in one submission. Seconds are those of the allocation, by
   slurmctld's log; CPU seconds are those of the same commands run outside it.
2. Load: the whole catalogue goes through slurmctld, by the shipped profile but for its limit on submissions and its
   pause between questions, so that it takes minutes; what counts is the requests per submission and per question.
   Every job is replaced by a `touch`: rules, groups, dependencies and local rules are the catalogue's, Snakemake, its
   executor and SLURM are real, and only what runs inside an allocation is not.

usage: python benchmarks/slurm/run.py [--compositions 112 1120] [--submissions 2000]
"""

import argparse
import csv
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from statistics import mean

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY / "scripts"), str(REPOSITORY / "tests/slurm")]

from cluster import Cluster, missing, running_cluster  # noqa: E402

from engine.dag import load_dag  # noqa: E402
from saltflow.campaign.config_files import read_configuration  # noqa: E402

PROFILE = REPOSITORY / "profiles/slurm"
ELEMENTS = ("Al", "Cl", "Li", "O", "P", "S")
IN_HASTE = ("--max-jobs-per-timespan", "1000/1m", "--slurm-init-seconds-before-status-checks", "10")
# What slurmctld hears from users; its nodes talk to it as well, alike for every way to submit.
ASKED = re.compile(
    r"REQUEST_(?:SUBMIT_BATCH_JOB|JOB_INFO|JOB_INFO_SINGLE|JOB_USER_INFO|BUILD_INFO|PARTITION_INFO|PING)$"
)


@dataclass(frozen=True)
class Run:
    """A command that has ended: its seconds, those of its CPU with its children, and its largest process."""

    wall_s: float
    cpu_s: float
    memory_MB: float


def measure(command: list[str], folder: Path, environment: Mapping[str, str], stop_when=lambda: False) -> Run:
    """Run a command to its end, or to a Ctrl-C as soon as a condition holds."""
    began = time.perf_counter()
    with open(folder / "output.txt", "w") as output:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT)
        ended, stopped = (0, 0, None), False
        while ended[0] == 0:
            ended = os.wait4(process.pid, os.WNOHANG)
            if not stopped and stop_when():
                process.send_signal(signal.SIGINT)
                stopped = True
            time.sleep(0.05)
    if ended[1] != 0 and not stopped:
        raise SystemExit(f"{shlex.join(command)} failed:\n{(folder / 'output.txt').read_text()[-3000:]}")
    usage = ended[2]
    return Run(time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def environment_of(cluster: Cluster, **more: str) -> dict[str, str]:
    """What a user of the cluster has, on one thread."""
    return dict(os.environ) | cluster.environment | {"OMP_NUM_THREADS": "1"} | more


def snakemake(*options: str) -> list[str]:
    return [sys.executable, "-m", "snakemake", *options]


# ── overhead per job ───────────────────────────────────────────────────────────────────────────

BARE = """
import sys, tempfile
from pathlib import Path
sys.path.insert(0, {scripts!r})
from saltflow.campaign.config_files import read_configuration
from saltflow.labels.reference.labelling import label_isolated_atoms
from saltflow.campaign.settings.references import TbliteReference
reference = TbliteReference(**{settings!r})
print(label_isolated_atoms([{element!r}], reference, workdir=Path(tempfile.mkdtemp())))
"""


def bare_scripts(folder: Path) -> list[list[str]]:
    """The commands that label one isolated atom each, without a workflow."""
    settings = read_configuration([])["references"]["gfn1-xtb"]
    commands = []
    for element in ELEMENTS:
        script = folder / f"{element}.py"
        script.write_text(BARE.format(scripts=str(REPOSITORY / "scripts"), settings=settings, element=element))
        commands.append([sys.executable, str(script)])
    return commands


def allocations(cluster: Cluster, *, after: int) -> dict[int, float]:
    """Job id → seconds from its allocation to its end, of all ended jobs with a larger id, by slurmctld's log."""
    times: dict[int, dict[str, datetime]] = defaultdict(dict)
    line = re.compile(
        r"^\[(\S+)\] (?:.*(?:Allocate|Started) JobId=(\d+)|_job_complete: JobId=(\d+) done)", re.MULTILINE
    )
    for stamp, began, ended in line.findall((cluster.folder / "slurmctld.log").read_text()):
        times[int(began or ended)]["began" if began else "ended"] = datetime.fromisoformat(stamp)
    whole = {job: both for job, both in times.items() if job > after and len(both) == 2}
    return {job: (both["ended"] - both["began"]).total_seconds() for job, both in whole.items()}


def wait_for_jobs(cluster: Cluster) -> None:
    while cluster.ask("squeue", "--noheader").strip():
        time.sleep(0.2)


def batch_scripts(cluster: Cluster, *, after: int) -> list[str]:
    """What the jobs with a larger id run."""
    ids = cluster.ask("squeue", "--states=all", "--noheader", "--format=%i").split()
    return [cluster.ask("scontrol", "write", "batch_script", job, "-") for job in ids if int(job) > after]


def without_srun(folder: Path) -> Path:
    """A folder for PATH whose srun runs its command as a child, where its CPU time can be seen."""
    step = folder / "bin/srun"
    step.parent.mkdir()
    step.write_text('#!/bin/sh\nwhile [ "${1#-}" != "$1" ]; do shift; done\nexec "$@"\n')
    step.chmod(0o755)
    return step.parent


def measure_overhead() -> Iterator[str]:
    """Rows of the first table."""
    with running_cluster() as cluster, tempfile.TemporaryDirectory() as folder:
        folder, last = Path(folder), 0
        environment = environment_of(cluster)
        bare = bare_scripts(folder)
        for command in bare:  # one at a time: they share the cores of this machine
            cluster.ask("sbatch", "--output=/dev/null", "--ntasks=1", "--mem=1000", f"--wrap={shlex.join(command)}")
            wait_for_jobs(cluster)
        bare_s = mean(allocations(cluster, after=last).values())
        bare_cpu_s = mean(measure(command, folder, environment).cpu_s for command in bare)
        yield f"| bare `sbatch` | {len(bare)} | {bare_s:.1f} | {bare_cpu_s:.1f} | | |"
        for name, options in (
            ("workflow, each job alone", ["--group-components", "atoms_{reference}=1", "--jobs", "1"]),
            ("workflow, jobs together", []),
        ):
            last = max(allocations(cluster, after=0))
            work = folder / name.split()[-1]
            work.mkdir()
            targets = [f"results/references/gfn1-xtb/{element}.json" for element in ELEMENTS]
            started = snakemake(*targets, "--snakefile", str(REPOSITORY / "Snakefile"), "--profile", str(PROFILE))
            measure([*started, *options, "--slurm-init-seconds-before-status-checks", "5"], work, environment)
            took = allocations(cluster, after=last)
            inside = environment | {"PATH": f"{without_srun(work)}:{environment['PATH']}", "SLURM_JOB_ID": "1"}
            cpu_s = 0.0
            for number, script in enumerate(batch_scripts(cluster, after=last)):
                path = work / f"job{number}.sh"
                path.write_text(script)
                # A job waits for this folder of its controller.
                for gone in re.findall(r"[\w/.-]+/\.snakemake/tmp\.\w+", script):
                    Path(gone).mkdir(exist_ok=True)
                for target in targets:
                    (work / target).unlink(missing_ok=True)
                cpu_s += measure(["sh", str(path)], work, inside).cpu_s
            seconds, cpu_s = sum(took.values()) / len(targets), cpu_s / len(targets)
            yield (
                f"| {name} | {len(took)} | {seconds:.1f} | {cpu_s:.1f} "
                f"| {seconds - bare_s:.1f} | {cpu_s - bare_cpu_s:.1f} |"
            )


# ── load on the controller ─────────────────────────────────────────────────────────────────────

STAND_IN = """
import json
JOBS = json.load(open("jobs.json"))
localrules: {local}

rule all:
    input: JOBS["all"]
"""
RULE = """
rule {rule}:
    input: lambda wildcards: JOBS[wildcards.job]
    output: "{folder}{rule}/{{job}}"
    {group}
    shell: "touch {{output}}"
"""
# Put before sbatch: what a job runs becomes a touch of the files that it should make.
SUBMIT = """#!/usr/bin/python3 -SE
import os, re, sys
words = sys.argv[1:]
for place, word in enumerate(words):
    if word.startswith("--wrap="):
        made = re.findall(r"(\\w+):(?:group=(\\d+),)?job=(\\d+)", word)
        made += [(rule, group, job) for rule, job, group in re.findall(r"(\\w+):job=(\\d+),group=(\\d+)", word)]
        files = sorted(os.path.join(*filter(None, (group, rule, job))) for rule, group, job in set(made))
        folders = sorted(set(map(os.path.dirname, files)))
        words[place] = "--wrap=mkdir -p " + " ".join(folders) + "; touch " + " ".join(files)
os.execv({sbatch!r}, ["sbatch", *words])
"""


def write_catalogue(folder: Path, compositions: int) -> None:
    """The shipped rows that are simulated, again and again under new names, as a configuration in a folder."""
    with open(REPOSITORY / "config/compositions.tsv") as table:
        rows = [row for row in csv.DictReader(table, delimiter="\t") if row["start"] == "pack"]
    copies = [
        rows[index % len(rows)] | {"id": f"{rows[index % len(rows)]['id']}.{index}"} for index in range(compositions)
    ]
    # The potentials train on rows of the shipped table, which therefore stay in it.
    with open(folder / "compositions.tsv", "w", newline="") as table:
        writer = csv.DictWriter(table, fieldnames=rows[0].keys(), delimiter="\t")
        writer.writeheader()
        writer.writerows(rows + copies)
    settings = {
        "tables": {"compositions": "compositions.tsv"},
        "sweep": {"compositions": [row["id"] for row in copies]},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))


def write_stand_in(folder: Path, compositions: int) -> tuple[int, int]:
    """A Snakefile with the catalogue's jobs, groups and dependencies, and nothing to do in them; jobs, submissions."""
    write_catalogue(folder, compositions)
    dag = load_dag(folder, configfiles=[folder / "config.yaml"], profile=PROFILE)
    together = {job.rule for job in dag.jobs if job.group is not None}
    made = [
        f"{job.group}/{job.rule}/{job.index}" if job.rule in together else f"{job.rule}/{job.index}" for job in dag.jobs
    ]
    needs = {job.index: [made[other] for other in job.dependencies] for job in dag.jobs}
    wanted = set(made) - {path for paths in needs.values() for path in paths}
    (folder / "jobs.json").write_text(json.dumps(needs | {"all": sorted(wanted)}))
    local = {job.rule for job in dag.jobs if job.local}
    rules = [
        RULE.format(
            rule=rule,
            folder="{group}/" if rule in together else "",
            group='group: "together_{group}"\n    resources: serial_slot=1' if rule in together else "",
        )
        for rule in dag.rules
        if any(job.rule == rule for job in dag.jobs)
    ]
    (folder / "Snakefile").write_text(STAND_IN.format(local=", ".join(["all", *sorted(local)])) + "".join(rules))
    alone = [job for job in dag.jobs if job.group is None and not job.local]
    return len(dag.jobs), len(alone) + len(dag.groups)


def requests(cluster: Cluster) -> dict[str, int]:
    """Requests of users that slurmctld has answered, by their kind."""
    counted = re.findall(r"^\s*(\w+)\s*\(\s*\d+\)\s*count:(\d+)", cluster.ask("sdiag"), re.MULTILINE)
    return {kind: int(count) for kind, count in dict(counted).items() if ASKED.match(kind)}


def measure_load(compositions: int, most: int) -> str:
    """A row of the second table.

    Args:
        most: submissions after which the run is stopped.
    """
    with running_cluster() as cluster, tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        jobs, submissions = write_stand_in(folder, compositions)
        stand_in = folder / "bin/sbatch"
        stand_in.parent.mkdir()
        stand_in.write_text(SUBMIT.format(sbatch=shutil.which("sbatch")))
        stand_in.chmod(0o755)
        environment = environment_of(cluster, PATH=f"{stand_in.parent}:{cluster.environment['PATH']}")

        def enough() -> bool:
            time.sleep(1)
            return requests(cluster).get("REQUEST_SUBMIT_BATCH_JOB", 0) >= most

        options = ["--group-components", "together_{group}=100000", "--latency-wait", "5", *IN_HASTE]
        cluster.ask("sdiag", "--reset")
        run = measure(snakemake("--profile", str(PROFILE), *options), folder, environment, stop_when=enough)
        asked = requests(cluster)
        submitted = asked.pop("REQUEST_SUBMIT_BATCH_JOB")
        if submitted < min(most, submissions):
            raise SystemExit(f"Only {submitted} jobs of {submissions} were submitted; see {folder}.")
        questions = asked["REQUEST_JOB_INFO"]
        ended = len(allocations(cluster, after=0))
        return (
            f"| {compositions} | {jobs} | {submissions} | {submitted} | {ended} | {run.wall_s / 60:.0f} | {questions} "
            f"| {sum(asked.values()) / questions:.2f} | {1000 * run.cpu_s / submitted:.0f} | {run.memory_MB:.0f} |"
        )


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--compositions", type=int, nargs="+", default=[112, 1120])
    parser.add_argument("--submissions", type=int, default=2000, help="stop a run after so many")
    arguments = parser.parse_args()
    if problem := missing():
        raise SystemExit(problem)
    slurm = subprocess.run(["sinfo", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    print(f"snakemake {version('snakemake')}, executor {version('snakemake-executor-plugin-slurm')}, {slurm}")
    print("| | submissions | s per job | CPU s per job | more s | more CPU s |")
    print("|---|---|---|---|---|---|")
    for line in measure_overhead():
        print(line, flush=True)
    print(
        "| compositions | jobs | submissions | submitted | ended | minutes | questions | requests per question "
        "| CPU ms per submission | memory MB |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for count in arguments.compositions:
        print(measure_load(count, arguments.submissions), flush=True)


if __name__ == "__main__":
    main()
