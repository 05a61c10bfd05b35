"""Who controls a folder: one at a time, and nobody over what a killed one has left."""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from commands.sweep import find_sweep
from saltflow.base.errors import SaltflowError
from saltflow.operations import run_lock
from saltflow.operations.run_lock import RECORD, REPOSITORY, RunLock, claim, read_run_lock, start, stop, take_over
from saltflow.operations.running_jobs import MARK

SNAKEFILE = REPOSITORY / "Snakefile"


@pytest.fixture(autouse=True)
def _unmarked(monkeypatch: pytest.MonkeyPatch):
    """`start` marks the environment of what it starts; not that of the other tests."""
    monkeypatch.setenv(MARK, "")


def a_run(**changes) -> RunLock:
    return replace(RunLock(["python", "-m", "snakemake"], "sweeps", {}, slurm=False), **changes)


def killed_process() -> int:
    """A number that a process had, and that no process has now."""
    with subprocess.Popen([sys.executable, "-c", "pass"]) as process:
        return process.pid


def leave(folder: Path, **changes) -> RunLock:
    """Put the record of a run into a folder."""
    run = a_run(**changes)
    claim(folder, seen=read_run_lock(folder), by=run)
    return run


def test_this_process_lives():
    assert a_run().lives


def test_a_process_that_has_ended_does_not_live():
    assert not a_run(pid=killed_process()).lives


def test_a_process_that_was_given_the_number_later_is_another_one():
    assert not a_run(born_s=a_run().born_s - 60).lives


def test_a_process_that_nobody_has_waited_for_does_not_live():
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    assert not a_run(pid=process.pid).lives
    process.wait()


def test_a_process_of_another_machine_is_not_looked_for_here():
    assert not a_run(host="login9").lives


def test_of_two_that_start_at_the_same_time_one_is_refused(tmp_path):
    first, second = a_run(), a_run()
    claim(tmp_path, seen=None, by=first)
    with pytest.raises(SaltflowError, match="at this moment"):
        claim(tmp_path, seen=None, by=second)
    assert read_run_lock(tmp_path) == first


def test_of_two_that_saw_the_same_record_one_is_refused(tmp_path):
    before, first, second = leave(tmp_path, state="stopped"), a_run(), a_run()
    claim(tmp_path, seen=before, by=first)
    with pytest.raises(SaltflowError, match="at this moment"):
        claim(tmp_path, seen=before, by=second)
    assert read_run_lock(tmp_path) == first
    assert [path.name for path in (tmp_path / RECORD).parent.iterdir()] == [RECORD.name]


def test_a_folder_that_cannot_be_written_is_said_plainly(tmp_path):
    (tmp_path / ".snakemake").write_text("a file")
    with pytest.raises(SaltflowError, match="free or mend it"):
        claim(tmp_path, seen=None, by=a_run())


def test_a_record_cut_short_by_a_power_loss_is_no_record(tmp_path):
    leave(tmp_path)
    text = (tmp_path / RECORD).read_text()
    (tmp_path / RECORD).write_text(text[:40])
    assert read_run_lock(tmp_path) is None


@pytest.mark.parametrize("state", [None, "stopped", "finished"])
def test_a_run_starts_in_a_free_folder(tmp_path, state):
    if state:
        leave(tmp_path, state=state, pid=killed_process())
    mine = start(tmp_path, snakefile=SNAKEFILE, slurm=False)
    assert read_run_lock(tmp_path) == mine
    assert mine.state == "running"
    assert mine.command == [sys.executable, *sys.orig_argv[1:]]
    assert os.environ[MARK] == str(tmp_path)


def test_no_run_starts_beside_a_living_one(tmp_path):
    leave(tmp_path)
    with pytest.raises(SaltflowError, match=rf"Another Snakemake works in .*process {os.getpid()}.*Ctrl-C"):
        start(tmp_path, snakefile=SNAKEFILE, slurm=False)


def test_no_run_starts_over_a_killed_one(tmp_path):
    leave(tmp_path, pid=killed_process())
    with pytest.raises(SaltflowError, match=r"was killed; type `saltflow resume .*`"):
        start(tmp_path, snakefile=SNAKEFILE, slurm=False)
    assert "was killed" in run_lock.notice(tmp_path)


def test_a_run_of_another_machine_is_left_to_that_machine(tmp_path):
    leave(tmp_path, host="login9")
    with pytest.raises(SaltflowError, match=r"look on login9 .* --lost-host login9"):
        start(tmp_path, snakefile=SNAKEFILE, slurm=False)
    for lost_host in (None, "login8"):
        with pytest.raises(SaltflowError, match="look on login9"):
            take_over(tmp_path, lost_host=lost_host)
    assert take_over(tmp_path, lost_host="login9").command == a_run().command


def test_no_run_starts_while_jobs_without_a_controller_work(tmp_path):
    with subprocess.Popen(["sleep", "60"], env=os.environ | {MARK: str(tmp_path)}) as job:
        try:
            with pytest.raises(SaltflowError, match=rf"sleep \(process {job.pid}\); type `saltflow resume"):
                start(tmp_path, snakefile=SNAKEFILE, slurm=False)
        finally:
            job.kill()
    assert not (tmp_path / RECORD).exists()


def test_a_run_that_ended_well_leaves_nothing_to_take_over(tmp_path):
    start(tmp_path, snakefile=SNAKEFILE, slurm=False)
    assert stop(tmp_path, well=True, note=pytest.fail) is None
    assert read_run_lock(tmp_path).state == "finished"
    assert run_lock.notice(tmp_path) is None
    assert take_over(tmp_path, lost_host=None) is None


def test_a_run_that_was_interrupted_notes_what_was_finished_and_can_go_on(tmp_path):
    mine, noted = start(tmp_path, snakefile=SNAKEFILE, slurm=False), []
    assert stop(tmp_path, well=False, note=noted.append) is None
    assert noted[0] < datetime.fromisoformat(mine.began) <= datetime.now(UTC)
    assert read_run_lock(tmp_path).state == "stopped"
    assert take_over(tmp_path, lost_host=None).command == mine.command
    with pytest.raises(SaltflowError, match="Another Snakemake"):
        take_over(tmp_path, lost_host=None)


def test_a_run_whose_jobs_do_not_end_with_it_asks_for_a_resume(tmp_path, monkeypatch):
    monkeypatch.setattr(run_lock, "CANCELLED_WITHIN_S", 0.5)
    start(tmp_path, snakefile=SNAKEFILE, slurm=False)
    with subprocess.Popen(["sleep", "60"], env=os.environ | {MARK: str(tmp_path)}) as job:
        assert "saltflow resume" in stop(tmp_path, well=False, note=pytest.fail)
        job.kill()
    assert read_run_lock(tmp_path).state == "running"


def test_the_end_of_another_run_is_not_put_on_record(tmp_path):
    leave(tmp_path, pid=killed_process())
    stop(tmp_path, well=True, note=pytest.fail)
    assert json.loads((tmp_path / RECORD).read_text())["state"] == "running"


@pytest.mark.parametrize(
    ("arguments", "started_in"),
    [
        (["-m", "snakemake", "--profile", "profiles/local"], "/sweeps/saltflow"),
        (["snakemake", "--snakefile", "saltflow/Snakefile"], "/sweeps"),
        (["snakemake", "--snakefile=./Snakefile"], "/sweeps/saltflow"),
        (["snakemake", "-s", "/sweeps/saltflow/Snakefile"], "/home/me"),
        (["snakemake", "-s", "../saltflow/Snakefile"], "/home/me"),
    ],
)
def test_where_it_was_started_follows_from_its_snakefile(monkeypatch, arguments, started_in):
    monkeypatch.setenv("PWD", "/home/me")
    assert str(run_lock._started_in(arguments, Path("/sweeps/saltflow/Snakefile"))) == started_in


def test_the_command_names_the_sweep_as_make_takes_it():
    assert run_lock.resume_command(REPOSITORY / "my-sweep") == "saltflow resume my-sweep"
    assert run_lock.resume_command(Path("/nowhere/a sweep")) == "saltflow resume '/nowhere/a sweep'"


# ── what a folder was run with ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "words",
    [
        ["--configfile", "a.yaml", "b.yaml", "--profile", "site"],
        ["target", "--profile=site", "--configfiles", "a.yaml", "b.yaml"],
        ["--configfile", "c.yaml", "--profile", "site", "--configfile", "a.yaml", "b.yaml", "-n"],
    ],
)
def test_a_sweep_is_that_of_its_last_run(tmp_path, words):
    """Not that of the config.yaml in its folder, which was not read."""
    folder, started_in = tmp_path / "my sweep", tmp_path / "elsewhere"
    (started_in / "site").mkdir(parents=True)
    for path in (folder / "config.yaml", *(started_in / name for name in ("a.yaml", "b.yaml", "site/config.yaml"))):
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    assert find_sweep(folder).configfiles == (str(folder / "config.yaml"),)
    leave(folder, command=["python", "-m", "snakemake", *words], started_in=str(started_in), state="finished")
    sweep = find_sweep(folder, needs_profile=True)
    assert sweep.configfiles == (str(started_in / "a.yaml"), str(started_in / "b.yaml"))
    assert sweep.profile == str(started_in / "site")
    assert find_sweep(folder, [str(started_in / "b.yaml")]).configfiles == (str(started_in / "b.yaml"),)
    assert run_lock.last_command(folder).startswith(f"Last run: snakemake {words[0]}")


def test_settings_that_moved_with_their_folder_are_found(tmp_path):
    folder = tmp_path / "moved"
    folder.mkdir()
    (folder / "config.yaml").write_text("")
    leave(folder, command=["python", "-m", "snakemake", "--configfile", "old/config.yaml"], started_in=str(tmp_path))
    assert find_sweep(folder).configfiles == (str(folder / "config.yaml"),)


def test_a_folder_without_a_sweep_is_refused_with_what_it_holds(tmp_path):
    (tmp_path / "config.yml").write_text("")
    with pytest.raises(SaltflowError, match=r"it has config\.yml, but no config\.yaml and nothing has run there"):
        find_sweep(tmp_path)
