"""Time and memory of planning a campaign, beside a bare Snakefile with as many jobs of the same shape.

Campaigns of 77, 200 and 700 compositions × 5 temperatures are planned (`snakemake -n`) when nothing is done and when
all is done. The peer is Snakemake itself: as many jobs with the same files per composition, but shell rules without
parameters, resources, logs, tables or settings.

usage: python benchmarks/workflow/run.py [--compositions 77 200 700]
"""

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Cost:
    """CPU seconds, wall seconds and peak memory of a command and its children."""

    cpu_s: float
    wall_s: float
    memory_MB: float


def measure(command: list[str], folder: Path) -> Cost:
    """Run a command to its end in a folder."""
    with open(folder / "output.txt", "w") as output:
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{(folder / 'output.txt').read_text()[-2000:]}")
    return Cost(usage.ru_utime + usage.ru_stime, time.perf_counter() - began, usage.ru_maxrss / 1024)


def write_campaign(folder: Path, compositions: int) -> list[str]:
    """A campaign with as many copies of the shipped rows as needed; returns the command that plans it."""
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
        "sweep": {"compositions": [row["id"] for row in copies], "temperatures_K": [500, 600, 700, 800, 900]},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    return snakemake("--snakefile", str(REPOSITORY / "Snakefile"), "--configfile", "config.yaml")


BARE = """
COMPOSITIONS = [f"c{{number}}" for number in range({compositions})]
TEMPERATURES = [500, 600, 700, 800, 900]
REPLICAS = [1, 2, 3]

rule all:
    input:
        "summary/table.csv",
        expand("{{c}}/arrhenius.json", c=COMPOSITIONS),
        expand("{{c}}/md/{{t}}K/structure.json", c=COMPOSITIONS, t=TEMPERATURES),

rule label:
    output: "potential/{{chunk}}.xyz", "potential/{{chunk}}.tsv"
    shell: "touch {{output}}"

rule train:
    input: expand("potential/{{chunk}}.xyz", chunk=range({labels}))
    output: "potential/model", "potential/released.json"
    shell: "touch {{output}}"

rule pack:
    output: "{{c}}/replica{{g}}/packed.xyz"
    shell: "touch {{output}}"

rule quench:
    input: "{{c}}/replica{{g}}/packed.xyz", "potential/model", "potential/released.json"
    output: "{{c}}/replica{{g}}/replica.xyz", "{{c}}/replica{{g}}/quench.json", "{{c}}/replica{{g}}/quench.h5"
    shell: "touch {{output}}"

rule md:
    input: expand("{{{{c}}}}/replica{{g}}/replica.xyz", g=REPLICAS), "potential/model", "potential/released.json"
    output: expand("{{{{c}}}}/md/{{{{t}}}}K/replica{{g}}.h5", g=REPLICAS), "{{c}}/md/{{t}}K/md.json"
    shell: "touch {{output}}"

rule transport:
    input: expand("{{{{c}}}}/md/{{{{t}}}}K/replica{{g}}.h5", g=REPLICAS), "{{c}}/md/{{t}}K/md.json"
    output: "{{c}}/md/{{t}}K/transport.json", "{{c}}/md/{{t}}K/transport.svg"
    shell: "touch {{output}}"

rule structure:
    input: expand("{{{{c}}}}/md/{{{{t}}}}K/replica{{g}}.h5", g=REPLICAS), "{{c}}/md/{{t}}K/md.json"
    output: "{{c}}/md/{{t}}K/structure.json", "{{c}}/md/{{t}}K/structure.svg"
    shell: "touch {{output}}"

rule fit:
    input: expand("{{{{c}}}}/md/{{t}}K/transport.json", t=TEMPERATURES)
    output: "{{c}}/arrhenius.json", "{{c}}/arrhenius.svg"
    shell: "touch {{output}}"

rule table:
    input: expand("{{c}}/md/{{t}}K/transport.json", c=COMPOSITIONS, t=TEMPERATURES)
    output: "summary/table.csv"
    shell: "touch {{output}}"
"""


def write_peer(folder: Path, compositions: int, jobs: int) -> list[str]:
    """A bare Snakefile with the same files per composition and the same number of jobs; returns the command."""
    per_composition = 3 + 3 + 3 * 5 + 1
    others = 3  # train, table, all
    (folder / "Snakefile").write_text(
        BARE.format(compositions=compositions, labels=jobs - others - per_composition * compositions)
    )
    return snakemake("--workflow-profile", str(REPOSITORY / "profiles/default"))


def snakemake(*options: str) -> list[str]:
    """The command line that both sides share."""
    return [sys.executable, "-m", "snakemake", *options]


def finish(command: list[str], folder: Path) -> None:
    """Make every product exist and recorded, without running a job."""
    summary = subprocess.run([*command, "--summary"], cwd=folder, capture_output=True, text=True, check=True).stdout
    for line in summary.splitlines()[1:]:
        product = folder / line.split("\t")[0]
        product.parent.mkdir(parents=True, exist_ok=True)
        # What a rule's resources are asked of: a generation that has not converged.
        product.write_text('{"converged": false}' if product.name == "assessment.json" else "")
    # --touch rests after each job; the record that it leaves is the same without the rest.
    restless = "import sys, time; time.sleep = lambda _: None; from snakemake.cli import main; main(sys.argv[1:])"
    touch = [sys.executable, "-c", restless, *command[3:], "--touch", "--cores", "1", "--quiet", "all"]
    subprocess.run(touch, cwd=folder, capture_output=True, check=True)


def planned_jobs(folder: Path) -> int:
    """The total of the job table in a dry run's output."""
    lines = (folder / "output.txt").read_text().splitlines()
    return next((int(line.split()[-1]) for line in lines if line.startswith("total")), 0)


def compare(compositions: int) -> Iterator[str]:
    """One campaign and its peer, when nothing and when all is done; rows of the table, each as soon as it is there."""
    with tempfile.TemporaryDirectory() as ours, tempfile.TemporaryDirectory() as peers:
        ours, peers = Path(ours), Path(peers)
        command = write_campaign(ours, compositions)
        fresh = measure([*command, "--dry-run", "--quiet", "rules", "host"], ours)
        jobs = planned_jobs(ours)
        peer = write_peer(peers, compositions, jobs)
        bare = measure([*peer, "--dry-run", "--quiet", "rules", "host"], peers)
        if planned_jobs(peers) != jobs:
            raise SystemExit(f"The peer plans {planned_jobs(peers)} jobs instead of {jobs}.")
        yield row(compositions, jobs, "nothing", fresh, bare)
        finish(command, ours)
        finish(peer, peers)
        done = measure([*command, "--dry-run", "--quiet", "rules", "host"], ours)
        if planned_jobs(ours):
            raise SystemExit("The finished campaign plans jobs:\n" + (ours / "output.txt").read_text()[-2000:])
        bare = measure([*peer, "--dry-run", "--quiet", "rules", "host"], peers)
        yield row(compositions, jobs, "all", done, bare)


def row(compositions: int, jobs: int, done: str, ours: Cost, peer: Cost) -> str:
    """One line of the Markdown table."""
    return (
        f"| {compositions} × 5 | {jobs} | {done} | {ours.cpu_s:.1f} | {peer.cpu_s:.1f} | {ours.cpu_s / peer.cpu_s:.2f} "
        f"| {ours.wall_s:.1f} | {ours.memory_MB:.0f} | {peer.memory_MB:.0f} | {ours.memory_MB / peer.memory_MB:.2f} |"
    )


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--compositions", type=int, nargs="+", default=[77, 200, 700])
    print(f"snakemake {version('snakemake')}")
    print("| compositions | jobs | done | CPU s | bare CPU s | ratio | wall s | memory MB | bare memory MB | ratio |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for count in parser.parse_args().compositions:
        for line in compare(count):
            print(line, flush=True)


if __name__ == "__main__":
    main()
