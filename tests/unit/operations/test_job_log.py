"""The last word of a job: one sentence where there is one, the traceback in the log where there is none."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def script(folder: Path, body: str, *, log: str = "logs/deep/job.log") -> list[str]:
    """The command of an entry script that sets up its log and then does what `body` says."""
    start = f"""
        from types import SimpleNamespace
        from saltflow.operations.job_log import start_job
        job = SimpleNamespace(rule="run_md", log=["{log}"], input=[], output=[], params=[], threads=1, resources=None)
        start_job(job, subject="LiCl, 600 K")
        """
    (folder / "entry.py").write_text(textwrap.dedent(start) + textwrap.dedent(body))
    return [sys.executable, "entry.py"]


def run(folder: Path, body: str, **choices) -> tuple[int, str, str]:
    """Exit code, standard error and log of an entry script."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "scripts")}
    done = subprocess.run(
        script(folder, body, **choices), cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    log = folder / "logs/deep/job.log"
    return done.returncode, done.stderr, log.read_text() if log.exists() else ""


def test_an_error_with_a_sentence_is_that_sentence(tmp_path):
    body = """
        from saltflow.base.errors import SaltflowError
        raise SaltflowError("The model is missing; put it there.")
        """
    code, console, log = run(tmp_path, body)
    assert code == 1
    assert console == "LiCl, 600 K | The model is missing; put it there.\n"
    assert log.endswith(" The model is missing; put it there.\n")
    assert log.count("\n") == 1


def test_every_problem_of_an_input_has_its_line(tmp_path):
    code, console, _ = run(
        tmp_path,
        'from saltflow.base.errors import InputError\nraise InputError(["first; mend it.", "second; mend it."])',
    )
    assert code == 1
    assert console.splitlines() == ["LiCl, 600 K | first; mend it.", "second; mend it."]


def test_an_unexpected_error_leaves_its_traceback_in_the_log_alone(tmp_path):
    code, console, log = run(tmp_path, "def burst():\n    return 1 / 0\n\nburst()")
    assert code == 1
    assert console == (
        "LiCl, 600 K | Unexpected ZeroDivisionError: division by zero; the traceback is in logs/deep/job.log.\n"
    )
    assert "Traceback" in log
    assert "return 1 / 0" in log


def test_a_full_disk_is_said_plainly(tmp_path):
    code, console, log = run(tmp_path, 'with open("/dev/full", "w") as target:\n    target.write("label")')
    assert code == 1
    assert console == (
        "LiCl, 600 K | No space left on device; free or mend it and start the same command again to go on.\n"
    )
    assert "Traceback" not in log


def test_a_disk_too_full_for_the_log_leaves_the_sentence_on_the_console(tmp_path):
    body = 'import logging\nlogging.getLogger("saltflow.md").info("step 1")\nopen("gone/product", "w")'
    code, console, _ = run(tmp_path, body, log="/dev/full")
    assert code == 1
    assert console.splitlines()[:2] == [
        "LiCl, 600 K | step 1",
        "LiCl, 600 K | No such file or directory: gone/product; "
        "free or mend it and start the same command again to go on.",
    ]
    assert "Traceback" not in console


def test_progress_goes_to_the_log_and_the_console(tmp_path):
    code, console, log = run(tmp_path, 'import logging\nlogging.getLogger("saltflow.dynamics").info("step 1 of 2")')
    assert code == 0
    assert console == "LiCl, 600 K | step 1 of 2\n"
    assert log.endswith(" step 1 of 2\n")


def test_a_new_start_begins_a_new_log(tmp_path):
    run(tmp_path, 'import logging\nlogging.getLogger("saltflow").info("first")')
    _, _, log = run(tmp_path, 'import logging\nlogging.getLogger("saltflow").info("second")')
    assert "first" not in log
    assert "second" in log


@pytest.mark.parametrize("waiting", ["time.sleep(60)", "while True: pass"])
def test_an_interrupt_says_how_to_go_on(tmp_path, waiting):
    command = script(tmp_path, f"import time\nopen('started', 'w').close()\n{waiting}")
    environment = os.environ | {"PYTHONPATH": str(ROOT / "scripts")}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) as job:
        while not (tmp_path / "started").exists():
            time.sleep(0.02)
        job.send_signal(signal.SIGINT)
        _, console = job.communicate(timeout=20)
    assert job.returncode != 0
    assert console == "LiCl, 600 K | Interrupted; start the same command again to go on.\n"
