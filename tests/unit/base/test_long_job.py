"""A long job resumes at its checkpoint, and is not done again where its products are there."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from saltflow.base.long_job import LongJob


class JobKilledError(Exception):
    """Stands for whatever ends a job before its block does."""


def begin(target: Path, settings: object, inputs: list[Path]) -> Path:
    """Open a job's scratch folder, leave a checkpoint there and die."""
    folders = []
    with suppress(JobKilledError), LongJob([target], settings, inputs=inputs).scratch() as folder:
        folders.append(folder)
        (folder / "checkpoint").write_text("half")
        raise JobKilledError
    return folders[0]


def finish(target: Path, settings: object, inputs: list[Path], content: str = "whole") -> LongJob:
    job = LongJob([target, target.with_suffix(".json")], settings, inputs=inputs)
    with job.scratch():
        for path in (target, target.with_suffix(".json")):
            path.write_text(content)
    return job


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    path = tmp_path / "frames.extxyz"
    path.write_text("frames")
    return path


def test_a_killed_job_finds_its_checkpoint_and_a_finished_one_leaves_its_record(tmp_path, frames):
    folder = begin(tmp_path / "product", {"epochs": 3}, [frames])
    copied = tmp_path / "elsewhere.extxyz"
    shutil.copy(frames, copied)
    with LongJob([tmp_path / "product"], {"epochs": 3}, inputs=[copied]).scratch() as again:
        assert again == folder
        assert (again / "checkpoint").read_text() == "half"
    assert sorted(os.listdir(tmp_path)) == [".product.made.json", "elsewhere.extxyz", "frames.extxyz"]


@pytest.mark.parametrize(("settings", "content"), [({"epochs": 4}, "frames"), ({"epochs": 3}, "other frames")])
def test_another_request_leaves_the_checkpoints_until_it_is_done(tmp_path, frames, settings, content):
    earlier = begin(tmp_path / "product", {"epochs": 3}, [frames])
    frames.write_text(content)
    other = begin(tmp_path / "product", settings, [frames])
    assert other != earlier
    assert (earlier / "checkpoint").exists()
    finish(tmp_path / "product", settings, [frames])
    assert not earlier.exists()


def test_two_products_in_one_folder_keep_their_checkpoints_apart(tmp_path, frames):
    first, second = (begin(tmp_path / name, {}, [frames]) for name in ("member1", "member2"))
    assert first != second
    assert (first / "checkpoint").exists()
    assert (second / "checkpoint").exists()


def test_what_is_there_is_kept_and_gets_the_present_time(tmp_path, frames):
    job = finish(tmp_path / "product", {"epochs": 3}, [frames])
    os.utime(tmp_path / "product", (0, 0))
    assert job.is_done()
    assert LongJob([tmp_path / "product", tmp_path / "product.json"], {"epochs": 3}, inputs=[frames]).is_done()
    assert (tmp_path / "product").stat().st_mtime > frames.stat().st_mtime - 1


def test_other_settings_other_inputs_and_damaged_products_are_not_done(tmp_path, frames):
    product = tmp_path / "product"
    job = finish(product, {"epochs": 3}, [frames])
    assert not LongJob([product, tmp_path / "product.json"], {"epochs": 4}, inputs=[frames]).is_done()
    product.write_text("who")
    assert not job.is_done()
    product.unlink()
    assert not job.is_done()
    product.write_text("whole")
    assert job.is_done()
    (tmp_path / ".product.made.json").write_text("{")
    assert not job.is_done()
    finish(product, {"epochs": 3}, [frames])
    frames.write_text("other frames")
    assert not LongJob([product, tmp_path / "product.json"], {"epochs": 3}, inputs=[frames]).is_done()
