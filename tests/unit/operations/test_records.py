"""What a job has noted of itself becomes Snakemake's record, and only that of a job that ended well."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from snakemake.persistence.file import FilePersistence

from engine.records import record_finished, unlock
from saltflow.operations.finished_jobs import finished_jobs

ROOT = Path(__file__).parents[3]
LOG, OUTPUT, INPUT = "logs/LiCl/run_md.log", "results/LiCl/md.json", "results/LiCl/quenched.extxyz"
JOB = f"""
import sys
from pathlib import Path
from types import SimpleNamespace
from saltflow.operations.job_log import start_job
job = SimpleNamespace(
    rule="run_md", log=["{LOG}"], input=["{INPUT}"], output=["{OUTPUT}"], threads=1, resources=None,
    params=[300, "NVT", {{"dtype": "float32", "steps": [1, 2]}}, None, Path("untracked")],
)
start_job(job, subject="LiCl")
"""
DONE = f'Path("{OUTPUT}").write_text("D")'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path in (INPUT, OUTPUT):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / INPUT).write_text("replica")
    return tmp_path


def run(folder: Path, body: str) -> None:
    """A job that does what `body` says, while Snakemake holds it for unfinished."""
    FilePersistence(path=folder / ".snakemake")._mark_incomplete(OUTPUT, "17")
    environment = os.environ | {"PYTHONPATH": str(ROOT / "scripts")}
    subprocess.run([sys.executable, "-c", JOB + body], cwd=folder, env=environment, stderr=subprocess.DEVNULL)


def record(folder: Path) -> dict | None:
    found = FilePersistence(path=folder / ".snakemake")._read_record(OUTPUT)
    return found and found.model_dump()


def is_incomplete(folder: Path) -> bool:
    return bool(FilePersistence(path=folder / ".snakemake")._filter_incomplete_keys([OUTPUT]))


def test_a_finished_job_is_recorded_once_as_it_was(folder):
    run(folder, DONE)
    assert list(map(str, record_finished(folder, finished_jobs(folder)))) == ["LiCl/run_md"]
    found = record(folder)
    assert found["rule"] == "run_md"
    assert found["params"] == sorted(["300", "'NVT'", "{'dtype': 'float32', 'steps': [1, 2]}", "None"])
    assert found["input"] == [INPUT]
    assert found["input_checksums"][INPUT].startswith("sha256:")
    assert found["endtime"] == (folder / OUTPUT).stat().st_mtime
    assert not is_incomplete(folder)
    assert record_finished(folder, finished_jobs(folder)) == []


@pytest.mark.parametrize("body", ['raise OSError(28, "full")', "import os; os._exit(0)"], ids=["failed", "killed"])
def test_a_job_that_failed_or_was_killed_stays_unfinished(folder, body):
    run(folder, f"{DONE}\n{body}")
    assert record_finished(folder, finished_jobs(folder)) == []
    assert record(folder) is None
    assert is_incomplete(folder)


@pytest.mark.parametrize("content", ["", "DD"])
def test_a_product_that_is_not_as_its_job_left_it_stays_unfinished(folder, content):
    run(folder, DONE)
    (folder / OUTPUT).write_text(content)
    assert record_finished(folder, finished_jobs(folder)) == []
    assert is_incomplete(folder)


def test_a_product_that_is_made_again_at_the_moment_stays_unfinished(folder):
    run(folder, DONE)
    run(folder, "import os; os._exit(9)")
    assert record_finished(folder, finished_jobs(folder)) == []


def test_an_input_that_was_changed_later_is_not_taken_for_the_one_that_was_used(folder):
    run(folder, DONE)
    after = (folder / OUTPUT).stat().st_mtime + 10
    os.utime(folder / INPUT, (after, after))
    record_finished(folder, finished_jobs(folder))
    assert record(folder)["input_checksums"] == {}


def test_a_record_of_other_settings_gives_way_to_what_the_job_says(folder):
    run(folder, DONE)
    record_finished(folder, finished_jobs(folder))
    journal = folder / f"{LOG}.attempts.jsonl"
    start, end = map(json.loads, journal.read_text().splitlines())
    journal.write_text("\n".join(json.dumps(line) for line in (start | {"params": ["600"]}, end)) + "\n")
    assert len(record_finished(folder, finished_jobs(folder))) == 1
    assert record(folder)["params"] == ["600"]


def test_a_lock_is_removed(folder):
    persistence = FilePersistence(path=folder / ".snakemake")
    persistence._write_locks("output", [OUTPUT])
    assert list(FilePersistence(path=folder / ".snakemake")._read_locks())
    unlock(folder)
    assert list(FilePersistence(path=folder / ".snakemake")._read_locks()) == []
