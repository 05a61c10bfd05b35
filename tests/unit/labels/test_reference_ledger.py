"""A chunk of labels: complete, resumable after a kill, and honest about what failed."""

import json
import logging
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from reference_cases import GFN1, lithium_chloride

from saltflow.base.errors import SaltflowError
from saltflow.campaign.settings.references import TbliteReference
from saltflow.labels.frames import read_frames, write_frames
from saltflow.labels.reference.journal import Journal
from saltflow.labels.reference.label import Label
from saltflow.labels.reference.labelling import label_frames
from saltflow.labels.reference.ledger import (
    MAX_STARTS,
    check_failures,
    failed_fraction,
    join_ledgers,
    label_chunk,
    read_ledger,
)
from saltflow.labels.reference.store import LabelStore

CHUNK = """
import sys
from reference_cases import GFN1
from saltflow.labels.reference.ledger import label_chunk
from saltflow.labels.reference.store import LabelStore
store = LabelStore(sys.argv[5], GFN1, protocol=1)
label_chunk(*sys.argv[1:4], GFN1, reference_name="gfn1-xtb", max_force_eV_A=50.0, store=store, workdir=sys.argv[4])
"""


@pytest.fixture
def chunk(tmp_path):
    """Paths of a chunk and a function that labels it in this process."""
    return Chunk(tmp_path)


class Chunk:
    def __init__(self, folder: Path):
        self.frames, self.labelled = folder / "frames.extxyz", folder / "labelled.extxyz"
        self.ledger, self.workdir, self.store = folder / "ledger.tsv", folder / "work", folder / "store"

    def label(self, reference=GFN1, max_force_eV_A=50.0):
        label_chunk(
            self.frames,
            self.labelled,
            self.ledger,
            reference,
            reference_name="gfn1-xtb",
            max_force_eV_A=max_force_eV_A,
            store=LabelStore(self.store, reference, protocol=1),
            workdir=self.workdir,
        )

    def start(self) -> subprocess.Popen:
        """Label it in a process that can be killed."""
        paths = [self.frames, self.labelled, self.ledger, self.workdir, self.store]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
        return subprocess.Popen([sys.executable, "-c", CHUNK, *map(str, paths)], env=environment)

    def starts(self) -> list[str]:
        text = "".join(path.read_text() for path in self.workdir.glob("failures-*.jsonl"))
        return [line for line in text.splitlines() if line.startswith('{"start"')]

    def labels(self) -> list[dict]:
        """What whole lines of the store hold."""
        text = "".join(path.read_text() for path in self.store.glob("*/*.labels"))
        return [json.loads(line.split(" ", 2)[2]) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def test_products_hold_labels_and_where_they_come_from(chunk, tmp_path):
    atoms = lithium_chloride(seed=4)
    write_frames(chunk.frames, [atoms])
    chunk.label()
    (frame,) = read_frames(chunk.labelled)
    (label,) = label_frames(read_frames(chunk.frames), GFN1, max_force_eV_A=50.0, workdir=tmp_path)
    assert frame.info["REF_energy"] == pytest.approx(label.energy_eV, abs=1e-9)
    np.testing.assert_allclose(frame.arrays["REF_forces"], label.forces_eV_A, atol=1e-8)
    np.testing.assert_allclose(frame.info["REF_stress"], label.stress_eV_A3, atol=1e-9)
    assert frame.info["REF_stress"].shape == (3, 3)
    kept = {name: frame.info[name] for name in ("composition", "lineage", "origin")}
    assert kept == {"composition": "LiCl", "lineage": "LiCl/4", "origin": "rattled"}
    assert frame.info["reference"] == "gfn1-xtb"
    assert frame.info["reference_digest"] == GFN1.digest()
    assert frame.info["dispersion"] == "D3(BJ)"
    assert not list(chunk.workdir.glob("failures-*"))


def test_failed_frame_is_in_the_ledger_and_the_others_go_on(chunk):
    frames = [lithium_chloride(seed=seed) for seed in range(3)]
    frames[1].positions[1] = frames[1].positions[0]
    write_frames(chunk.frames, frames)
    chunk.label()
    rows = read_ledger(chunk.ledger)
    assert [row["status"] for row in rows] == ["ok", "overlap", "ok"]
    assert rows[1]["composition"] == "LiCl"
    assert rows[1]["lineage"] == "LiCl/1"
    assert "0.00 Å apart" in rows[1]["reason"]
    assert [frame.info["lineage"] for frame in read_frames(chunk.labelled)] == ["LiCl/0", "LiCl/2"]
    assert failed_fraction([chunk.ledger]) == pytest.approx(1 / 3)


def test_undefined_positions_survive_the_file_and_end_in_the_ledger(chunk):
    frame = lithium_chloride()
    frame.positions[0, 0] = np.nan
    write_frames(chunk.frames, [frame])
    chunk.label()
    assert read_ledger(chunk.ledger)[0]["status"] == "nan"
    assert read_frames(chunk.labelled) == []


def test_empty_chunk_gives_empty_products(chunk):
    write_frames(chunk.frames, [])
    chunk.label()
    assert read_frames(chunk.labelled) == []
    assert read_ledger(chunk.ledger) == []
    assert failed_fraction([chunk.ledger]) == 0.0


def test_killed_chunk_goes_on_and_labels_no_frame_twice(chunk, caplog):
    write_frames(chunk.frames, [lithium_chloride(seed=seed) for seed in range(8)])
    process = chunk.start()
    while len(chunk.labels()) < 2:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    finished = {label["index"]: label["seconds"] for label in chunk.labels()}
    assert 2 <= len(finished) < 8
    assert not chunk.labelled.exists()

    with caplog.at_level(logging.INFO, logger="saltflow.labels.reference"):
        chunk.label()
    computed = {int(number) - 1 for number in re.findall(r"frame (\d+)/8", caplog.text)}
    assert computed == set(range(8)) - set(finished)
    assert len(read_frames(chunk.labelled)) == 8
    rows = read_ledger(chunk.ledger)
    for index, seconds in finished.items():
        assert rows[index]["seconds"] == f"{seconds:.2f}"


def test_line_cut_short_by_a_kill_is_dropped(tmp_path):
    path = tmp_path / "failures.jsonl"
    failure = Label(0, "not_converged", "no end in sight", 1.0, 1, details={"code": "x"})
    with Journal(path) as journal:
        journal.start(0)
        journal.fail(failure)
    whole = path.read_bytes()
    path.write_bytes(whole + whole[-40:-1])
    with Journal(path) as journal:
        assert journal.failures == {0: failure}
        assert path.read_bytes() == whole


def test_other_settings_or_frames_start_anew(chunk, caplog):
    write_frames(chunk.frames, [lithium_chloride(seed=seed) for seed in range(6)])
    process = chunk.start()
    while not chunk.labels():
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    hotter = TbliteReference(**{**GFN1.model_dump(), "electronic_temperature_K": 3000.0})
    with caplog.at_level(logging.INFO, logger="saltflow.labels.reference"):
        chunk.label(reference=hotter)
    assert len(re.findall(r"frame \d/6", caplog.text)) == 6


def test_frame_that_kills_its_process_is_given_up(chunk, caplog):
    write_frames(chunk.frames, [lithium_chloride(seed=seed) for seed in range(2)])
    process = chunk.start()
    while not chunk.starts():
        assert process.poll() is None
        time.sleep(0.005)
    process.kill()
    process.wait()
    (path,) = chunk.workdir.glob("failures-*.jsonl")
    deadly = len(chunk.labels())
    path.write_text("".join(f'{{"start": {deadly}}}\n' for _ in range(MAX_STARTS)))
    chunk.label()
    rows = read_ledger(chunk.ledger)
    assert rows[deadly]["status"] == "crashed"
    assert f"{MAX_STARTS} times" in rows[deadly]["reason"]
    assert sum(row["status"] == "ok" for row in rows) == 1


def test_two_jobs_cannot_label_one_chunk(tmp_path):
    path = tmp_path / "failures.jsonl"
    with Journal(path), pytest.raises(SaltflowError, match="Another job"):
        Journal(path)


def test_too_many_failures_stop_with_a_table(chunk):
    frames = [lithium_chloride(seed=seed) for seed in range(2)]
    frames[1].positions[1] = frames[1].positions[0]
    write_frames(chunk.frames, frames)
    chunk.label()
    check_failures([chunk.ledger], max_failed_fraction=0.5)
    with pytest.raises(SaltflowError, match="1 of 2 labels failed") as stop:
        check_failures([chunk.ledger], max_failed_fraction=0.4)
    joined = chunk.workdir / "ledger.tsv"
    join_ledgers([chunk.ledger, chunk.ledger], joined)
    assert read_ledger(joined) == 2 * read_ledger(chunk.ledger)
    assert re.search(r"LiCl +overlap +1 +atoms 0 and 1", str(stop.value))
