"""Ctrl-C and SIGKILL in the middle of each long stage: it goes on where it was and ends with the same numbers."""

import random
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from signal import SIGINT, SIGKILL, Signals

import ase.io
import numpy as np
import pytest
from workplaces import Workplace

from saltflow.labels.reference.ledger import read_ledger
from saltflow.trajectory.h5md import read_trajectory

SIGNALS = pytest.mark.parametrize("sign", [SIGINT, SIGKILL], ids=["Ctrl-C", "SIGKILL"])
LABELS = "results/potentials/base/generation0/labels"
LOOP = "results/potentials/fine-tuned/generation1"
COMMITTEE = "results/potentials/base/generation0/committee"
QUENCH = "results/LiAlCl4/replica1"
POINT = "results/LiAlCl4/md/500K"
TABLE = "results/summary/conductivity.csv"


def lose(campaign: Workplace, folder: str, *names: str) -> list[Path]:
    """Delete products, so that their job runs again."""
    paths = [campaign.work / folder / name for name in names]
    for path in paths:
        path.unlink()
    return paths


def lose_replica(campaign: Workplace) -> list[Path]:
    """Delete a replica."""
    return lose(campaign, QUENCH, "quenched.extxyz", "quench.json", "quench.h5md")


def found(campaign: Workplace, pattern: str) -> Callable[[], bool]:
    """Whether a file of this pattern is there."""
    return lambda: any(campaign.work.glob(pattern))


def some_time_after(when: Callable[[], bool], *, at_most_s: float) -> Callable[[], bool]:
    """Whether a condition has held for a time drawn by chance."""
    wait_s, begun = random.uniform(0, at_most_s), []

    def waited() -> bool:
        if not begun and when():
            begun.append(time.monotonic())
        return bool(begun) and time.monotonic() - begun[0] >= wait_s

    return waited


def interrupt(campaign: Workplace, sign: Signals, target: str, lost: list[Path], when: Callable[[], bool]) -> None:
    """Kill the job of a target, check that nothing of it is half there, and go on to the end.

    After Ctrl-C by the same command, after SIGKILL by `saltflow resume`.
    """
    said = campaign.killed(sign, target, when=when)
    if sign is SIGINT:
        assert " | Interrupted; start the same command again to go on." in said
        assert "Traceback" not in said
    assert [path for path in lost if path.exists()] == []
    again = campaign.run(target) if sign is SIGINT else campaign.resume()
    assert again.returncode == 0, again.stdout[-3000:]
    assert [path for path in lost if not path.exists()] == []
    folders = {path.parent for path in lost}
    assert [path for folder in folders for path in folder.rglob(".writing-*")] == []


def log_of(campaign: Workplace, name: str) -> str:
    return (campaign.work / "logs" / name).read_text()


def test_labels_go_on_with_the_next_frame(campaign: Workplace, finished: Path):
    lost = lose(campaign, LABELS, "chunk0.extxyz", "chunk0.ledger.tsv")
    shutil.rmtree(campaign.work / "labels")

    def some_frames_are_labelled() -> bool:
        return any(path.read_bytes().count(b"\n") >= 3 for path in campaign.work.glob("labels/*/*.labels"))

    interrupt(campaign, SIGKILL, str(lost[0].relative_to(campaign.work)), lost, some_frames_are_labelled)
    log = log_of(campaign, "potentials/base/generation0/labels/label_frames.chunk0.log")
    done, different = map(int, re.search(r"(\d+) of (\d+) different frames are already labelled", log).groups())
    assert 3 <= done < different <= 12
    assert log.count(" frame ") == different - done
    before = ase.io.read(finished / "work" / LABELS / "chunk0.extxyz", ":")
    after = ase.io.read(lost[0], ":")
    assert len(after) == len(before) == 12
    for old, new in zip(before, after, strict=True):
        assert new.positions == pytest.approx(old.positions, abs=0)
        # The density of the frame before is the first guess of the next, so the last digits differ.
        assert new.info["REF_energy"] == pytest.approx(old.info["REF_energy"], abs=1e-5)
        assert new.arrays["REF_forces"] == pytest.approx(old.arrays["REF_forces"], abs=1e-4)


@SIGNALS
def test_training_goes_on_with_the_next_epoch(campaign: Workplace, sign: Signals):
    campaign.replace("tests/tiny/config.yaml", "epochs: 6", "epochs: 150")
    lost = lose(campaign, COMMITTEE, "member1.model", "member1.train_check.json")

    def some_epochs_are_done() -> bool:
        logs = campaign.work.glob(f"{COMMITTEE}/.member1.model.work/*/member-*.log")
        return any("Epoch 40:" in path.read_text() for path in logs)

    interrupt(campaign, sign, str(lost[0].relative_to(campaign.work)), lost, some_epochs_are_done)
    log = log_of(campaign, "potentials/base/generation0/committee/fine_tune.member1.log")
    epochs = [int(number) for number in re.findall(r"epoch (\d+) of 150", log)]
    assert 40 <= epochs[0] <= epochs[-1] == 135
    assert not found(campaign, f"{COMMITTEE}/.member1.model.work/*")()


def test_a_quench_goes_on_with_the_next_segment(campaign: Workplace, finished: Path):
    lost = lose_replica(campaign)
    first_segment = found(campaign, f"{QUENCH}/.quenched.extxyz.work/*/*/segment-000000.pt")
    interrupt(campaign, SIGKILL, str(lost[0].relative_to(campaign.work)), lost, first_segment)
    assert_continued(log_of(campaign, "LiAlCl4/replica1/quench_cell.log"))
    assert lost[0].read_bytes() == (finished / "work" / QUENCH / "quenched.extxyz").read_bytes()
    # The replica is what it was, so what was made from it is still good.
    assert campaign.plan() == {}


@SIGNALS
def test_a_point_goes_on_with_the_next_segment(campaign: Workplace, finished: Path, sign: Signals):
    lost = lose(campaign, POINT, "replica1.h5md", "replica2.h5md", "md.json")
    first_segment = found(campaign, f"{POINT}/.md.json.work/*/segment-000000.pt")
    interrupt(campaign, sign, str(lost[0].relative_to(campaign.work)), lost, first_segment)
    assert_continued(log_of(campaign, "LiAlCl4/md/500K/run_md.log"))
    for path in lost[:2]:
        before = read_trajectory(finished / "work" / path.relative_to(campaign.work))
        after = read_trajectory(path)
        assert np.array_equal(after.positions_A, before.positions_A)
        assert np.array_equal(after.times_ps, before.times_ps)


def assert_continued(log: str) -> None:
    """The job began behind the segments that were finished, not at its first step."""
    steps = [int(number) for number in re.findall(r"step (\d+) of \d+", log)]
    assert steps
    assert steps[0] > 20
    assert steps == sorted(set(steps))


def test_a_loop_killed_at_random_instants_ends_with_the_same_ledger(campaign: Workplace, finished: Path):
    """A generation is killed in its exploration, in its selection and in its training, and goes on each time."""
    shutil.rmtree(campaign.work / LOOP)
    assessment = f"{LOOP}/assessment.json"
    stages = {
        f"{LOOP}/.exploration.extxyz.work/*": 3.0,
        f"{LOOP}/exploration.extxyz": 5.0,  # the selection has begun
        f"{LOOP}/committee/.member*.model.work/*": 4.0,
    }
    command = campaign.command(assessment)
    for pattern, at_most_s in stages.items():
        campaign.ended(SIGKILL, command, when=some_time_after(found(campaign, pattern), at_most_s=at_most_s))
        assert not (campaign.work / assessment).exists()
        command = campaign.resuming()
    again = campaign.resume()
    assert again.returncode == 0, again.stdout[-3000:]
    ledgers = [read_ledger(each / f"{LOOP}/dataset/ledger.tsv") for each in (campaign.work, finished / "work")]
    for ledger in ledgers:
        assert ledger
        for row in ledger:
            del row["seconds"]
    assert ledgers[0] == ledgers[1]
    for name in ("frames.extxyz", "exploration.extxyz", "explored.json"):
        assert (campaign.work / LOOP / name).read_bytes() == (finished / "work" / LOOP / name).read_bytes()
    assert campaign.plan(assessment) == {}


def test_a_sweep_killed_twice_ends_with_the_same_table(campaign: Workplace, finished: Path):
    """From the quench on everything of one composition is gone; the run is killed there and again in its points."""
    shutil.rmtree(campaign.work / "results/LiAlCl4/md")
    lose_replica(campaign)
    shutil.rmtree(campaign.work / "results/summary")
    campaign.killed(SIGINT, TABLE, when=found(campaign, f"{QUENCH}/.quenched.extxyz.work/*/*/segment-*.pt"))
    campaign.killed(SIGKILL, TABLE, when=found(campaign, "results/LiAlCl4/md/*/.md.json.work/*/segment-*.pt"))
    again = campaign.resume()
    assert again.returncode == 0, again.stdout[-3000:]
    # What had been finished was not done again.
    assert "rule propose_initial_frames" not in again.stdout
    assert "rule quench_cell" not in again.stdout
    assert (campaign.work / TABLE).read_bytes() == (finished / "work" / TABLE).read_bytes()
    assert campaign.plan(TABLE) == {}
