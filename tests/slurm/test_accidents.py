"""Accidents of single jobs: each happens to one job of the same run, which goes on with all the others.

A script that is frozen by SIGSTOP is as long as an accident needs. Only lost products are made again.
"""

import re
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import ase.io
import psutil
import pytest
from on_cluster import Job, OnCluster, StartedRun
from products import same

from saltflow.operations.attempts import Attempt

TOO_LITTLE_MB = 300  # and 300 for Snakemake; the script alone needs more than both
SURELY_MB = 10
BASE, TUNED = "potentials/base/generation0", "potentials/fine-tuned"
ON_GPUS = ("fine_tune", "propose_initial_frames", "run_md")


@dataclass(frozen=True)
class Victim:
    """A job that has an accident: what SLURM calls it, its log (below logs/) and its products (below results/)."""

    name: str
    log: str
    products: tuple[str, ...]


def md(composition: str, kelvin: int) -> Victim:
    folder = f"{composition}/md/{kelvin}K"
    products = tuple(f"{folder}/{name}" for name in ("md.json", "replica1.h5md", "replica2.h5md"))
    return Victim(f"run_md {composition}_{kelvin}", f"{folder}/run_md.log", products)


def labels(potential: str, generation: int) -> Victim:
    folder = f"potentials/{potential}/generation{generation}"
    products = tuple(f"{folder}/labels/chunk0.{name}" for name in ("extxyz", "ledger.tsv"))
    return Victim(f"label_frames {potential}_{generation}_0", f"{folder}/labels/label_frames.chunk0.log", products)


LATE_MD, CANCELLED_MD = md("LiAlCl4", 500), md("LiAlCl4", 700)
LATE_LABELS, LABELS_ON_A_LOST_NODE = labels("base", 0), labels("fine-tuned", 1)
LATE_TRAINING = Victim(
    "fine_tune base_0_1", f"{BASE}/committee/fine_tune.member1.log", (f"{BASE}/committee/member1.model",)
)
INITIAL_FRAMES_WITHOUT_MEMORY = Victim(
    "propose_initial_frames fine-tuned",
    f"{TUNED}/generation0/propose_initial_frames.log",
    (f"{TUNED}/generation0/frames.extxyz",),
)
HOPELESS_ATOM = Victim("label_atom", "references/pbe-d3/label_atom.elementCl.log", ("references/pbe-d3/Cl.json",))
SURVIVORS = (LATE_MD, CANCELLED_MD, LATE_LABELS, LABELS_ON_A_LOST_NODE, LATE_TRAINING, INITIAL_FRAMES_WITHOUT_MEMORY)


@dataclass(frozen=True)
class Story:
    """A run in which every victim had its accident. lost_node: where the labels were that lost theirs."""

    place: OnCluster
    code: int
    said: str
    lost_node: str

    def jobs(self, victim: Victim) -> list[Job]:
        return self.place.jobs_of(victim.name)

    def attempts(self, victim: Victim) -> list[Attempt]:
        return self.place.attempts(victim.log)


def live_through(campaign: OnCluster) -> Story:
    """One run, and an accident for every victim."""
    _prepare(campaign)
    targets = [f"results/{victim.products[0]}" for victim in (*SURVIVORS, HOPELESS_ATOM)]
    with campaign.started(
        *targets,
        *("--allowed-rules", "label_frames", "label_atom", *ON_GPUS),
        *("--set-resources", *(f"{rule}:{what}" for rule in ON_GPUS for what in ("gpu=1", "slurm_partition=gpu"))),
    ) as run:
        halfway = {
            LATE_MD: campaign.found("results/LiAlCl4/md/500K/.md.json.work/*/segment-000000.pt"),
            CANCELLED_MD: campaign.found("results/LiAlCl4/md/700K/.md.json.work/*/segment-000000.pt"),
            LATE_LABELS: _some_labels(campaign, LATE_LABELS),
            LABELS_ON_A_LOST_NODE: _some_labels(campaign, LABELS_ON_A_LOST_NODE),
            LATE_TRAINING: _some_epochs(campaign),
        }
        with ThreadPoolExecutor(len(halfway) + 1) as watchers:
            frozen = [
                watchers.submit(campaign.freeze, victim.log, run, when=when) for victim, when in halfway.items()
            ] + [watchers.submit(_stay_at_too_much_memory, campaign, run)]
        for watched in frozen:
            watched.result()
        jobs = {victim: campaign.jobs_of(victim.name)[-1] for victim in halfway}
        for victim in (LATE_MD, LATE_LABELS, LATE_TRAINING):
            campaign.cluster.ask("scontrol", "update", f"jobid={jobs[victim].id}", "EndTime=now+1")
        campaign.cluster.ask("scancel", jobs[CANCELLED_MD].id)
        lost_node = jobs[LABELS_ON_A_LOST_NODE].node
        campaign.cluster.ask("scontrol", "update", f"nodename={lost_node}", "state=down", "reason=test")
        _reach_the_walltime_again(campaign, run)
        code = run.end()
        return Story(campaign, code, run.said(), lost_node)


def _reach_the_walltime_again(campaign: OnCluster, run: StartedRun) -> None:
    """With one retry, a second walltime would be the end of a job, were walltimes counted as failures."""
    campaign.wait(lambda: len(campaign.attempts(LATE_MD.log)) == 2, run)

    def segments() -> int:  # one of them was written when the first walltime was reached
        return len(list(campaign.work.glob("results/LiAlCl4/md/500K/.md.json.work/*/segment-*.pt")))

    before = segments()
    campaign.freeze(LATE_MD.log, run, when=lambda: segments() > before)
    campaign.cluster.ask("scontrol", "update", f"jobid={campaign.jobs_of(LATE_MD.name)[-1].id}", "EndTime=now+1")


def _stay_at_too_much_memory(campaign: OnCluster, run: StartedRun) -> None:
    """SLURM looks at memory once a second; a script that holds too much is frozen with it, unless it has been seen."""

    def first_attempt() -> list[Attempt]:
        return campaign.attempts(INITIAL_FRAMES_WITHOUT_MEMORY.log)[:1]

    def holds_too_much() -> bool:
        return any(_own_MB(attempt.pid) > attempt.requested.memory_MB + SURELY_MB for attempt in first_attempt())

    with suppress(psutil.NoSuchProcess):
        campaign.wait(holds_too_much, run)
        for attempt in first_attempt():
            psutil.Process(attempt.pid).suspend()


def _own_MB(pid: int) -> float:
    """Memory of a process that it shares with no other, as SLURM counts it."""
    memory = psutil.Process(pid).memory_info()
    return (memory.rss - memory.shared) / 2**20


def _prepare(campaign: OnCluster) -> None:
    """Lose products; make the training long enough, one rule's first request too small, one program unknown."""
    campaign.lose(*(f"results/{product}" for victim in SURVIVORS for product in victim.products))
    shutil.rmtree(campaign.work / "labels")
    campaign.replace("tests/tiny/config.yaml", "epochs: 6", "epochs: 400")
    campaign.append("tests/tiny/config.yaml", "\nreferences:\n  pbe-d3: {command: no-such-program -s}\n")
    campaign.replace(
        "scripts/saltflow/operations/rules.py",
        "memory_MB=of_batch(cost_model.initial_atoms)",
        f"memory_MB=fixed({TOO_LITTLE_MB})",
    )


def _some_labels(campaign: OnCluster, victim: Victim) -> Callable[[], bool]:
    """Whether the fourth frame has begun: the journal has a line for each."""
    labels, chunk = Path("results", victim.products[0]).parent, Path(victim.products[0]).name
    journal = f"{labels}/.{chunk}.work/*/failures-*.jsonl"
    return lambda: any(path.read_text().count("start") >= 4 for path in campaign.work.glob(journal))


def _some_epochs(campaign: OnCluster) -> Callable[[], bool]:
    logs = f"results/{BASE}/committee/.member1.model.work/*/member-*.log"
    return lambda: any("Epoch 60:" in path.read_text() for path in campaign.work.glob(logs))


def assert_resubmitted(story: Story, victim: Victim, reason: str, state: str) -> None:
    """The accident, one more attempt that asked for no more, and nothing else."""
    assert [attempt.reason for attempt in story.attempts(victim)] == [reason, "done"]
    assert [job.state for job in story.jobs(victim)] == [state, "COMPLETED"]
    first, second = (attempt.requested for attempt in story.attempts(victim))
    assert first.memory_MB == second.memory_MB


def assert_same_products(story: Story, finished, victim: Victim) -> None:
    for product in victim.products:
        assert same(story.place.work / "results" / product, finished / "work/results" / product), product


def test_md_that_reaches_its_walltime_twice_goes_on_with_the_next_segment(story: Story, finished):
    assert [attempt.reason for attempt in story.attempts(LATE_MD)] == ["timeout", "timeout", "done"]
    assert [job.state for job in story.jobs(LATE_MD)] == ["TIMEOUT", "TIMEOUT", "COMPLETED"]
    steps = [int(number) for number in re.findall(r"step (\d+) of \d+", story.place.log(LATE_MD.log))]
    assert steps[0] > 40
    assert steps == sorted(set(steps))
    assert_same_products(story, finished, LATE_MD)


def test_training_that_reaches_its_walltime_goes_on_with_the_next_epoch(story: Story):
    assert_resubmitted(story, LATE_TRAINING, "timeout", "TIMEOUT")
    epochs = [int(number) for number in re.findall(r"epoch (\d+) of 400", story.place.log(LATE_TRAINING.log))]
    assert 40 <= epochs[0] <= epochs[-1] == 360
    assert (story.place.work / "results" / LATE_TRAINING.products[0]).stat().st_size > 0


def test_labels_that_reach_their_walltime_go_on_with_the_next_frame(story: Story, finished):
    assert_resubmitted(story, LATE_LABELS, "timeout", "TIMEOUT")
    assert_labels_went_on(story, finished, LATE_LABELS)


def test_labels_on_a_node_that_is_lost_go_on_at_another(story: Story, finished):
    assert_resubmitted(story, LABELS_ON_A_LOST_NODE, "node failure", "NODE_FAIL")
    first, second = story.jobs(LABELS_ON_A_LOST_NODE)
    assert first.node == story.lost_node != second.node
    assert_labels_went_on(story, finished, LABELS_ON_A_LOST_NODE)


def assert_labels_went_on(story: Story, finished, victim: Victim) -> None:
    """What had been labelled was not labelled again, and all labels are there and right."""
    log = story.place.log(victim.log)
    done, frames = map(int, re.search(r"(\d+) of (\d+) different frames are already labelled", log).groups())
    assert done >= 3
    assert log.count(" frame ") == frames - done
    before = ase.io.read(finished / "work/results" / victim.products[0], ":")
    after = ase.io.read(story.place.work / "results" / victim.products[0], ":")
    assert len(after) == len(before) >= frames
    for old, new in zip(before, after, strict=True):
        assert new.positions == pytest.approx(old.positions, abs=0)
        # The density of the frame before is the first guess of the next, so the last digits differ.
        assert new.info["REF_energy"] == pytest.approx(old.info["REF_energy"], abs=1e-5)
        assert new.arrays["REF_forces"] == pytest.approx(old.arrays["REF_forces"], abs=1e-4)


def test_a_cancelled_job_is_submitted_again(story: Story, finished):
    assert_resubmitted(story, CANCELLED_MD, "cancelled", "CANCELLED")
    assert_same_products(story, finished, CANCELLED_MD)


def test_a_job_that_ran_out_of_memory_asks_for_twice_as_much(story: Story, finished):
    attempts = story.attempts(INITIAL_FRAMES_WITHOUT_MEMORY)
    assert [attempt.reason for attempt in attempts] == ["out of memory", "done"]
    assert attempts[1].requested.memory_MB == 2 * attempts[0].requested.memory_MB
    assert attempts[0].requested.memory_MB < attempts[1].peak_memory_MB
    assert_same_products(story, finished, INITIAL_FRAMES_WITHOUT_MEMORY)


def test_a_job_that_fails_for_good_holds_up_no_other_and_is_named_in_the_end(story: Story):
    assert story.code != 0
    attempts = story.attempts(HOPELESS_ATOM)
    assert [attempt.reason for attempt in attempts] == ["failed", "failed"]
    assert "no-such-program" in attempts[-1].sentence
    assert [job.state for job in story.place.jobs() if HOPELESS_ATOM.name in job.name] == ["FAILED", "FAILED"]
    lost = [product for victim in SURVIVORS for product in victim.products]
    assert [product for product in lost if not (story.place.work / "results" / product).exists()] == []
    end = story.said[-3000:]
    assert "label_atom" in end
    assert attempts[-1].sentence in end
    assert "Not done: 1 jobs" in end
    assert "may still work" not in end
