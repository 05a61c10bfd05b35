"""Accidents in the middle of a chunk: nothing that is finished is lost, and every frame ends with a reason."""

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from ase import Atoms
from reference_cases import GFN1, lithium_chloride

from saltflow.base.errors import SaltflowError
from saltflow.labels.frames import read_frames, write_frames
from saltflow.labels.reference import labelling
from saltflow.labels.reference.child_backend import ChildBackend
from saltflow.labels.reference.frame_order import distance_A, order_by_similarity
from saltflow.labels.reference.label import LabelFailure, Processes, Result
from saltflow.labels.reference.ledger import MAX_STARTS, check_failures, label_chunk, read_ledger
from saltflow.labels.reference.program import disk_is_full, run_program
from saltflow.labels.reference.scf_fallbacks import first_converged
from saltflow.labels.reference.store import LabelStore

CHUNK = """
import sys
import reference_cases
from saltflow.labels.reference.ledger import label_chunk
from saltflow.labels.reference.store import LabelStore
reference = getattr(reference_cases, sys.argv[5])
store = LabelStore(sys.argv[6], reference, protocol=1)
label_chunk(*sys.argv[1:4], reference, reference_name="it", max_force_eV_A=50.0, store=store, workdir=sys.argv[4])
"""


class Chunk:
    """The paths of a chunk, labelled here or in a process that accidents can happen to."""

    def __init__(self, folder: Path, frames, reference: str):
        self.frames, self.labelled, self.ledger = (folder / name for name in ("in.extxyz", "out.extxyz", "ledger.tsv"))
        self.workdir, self.store, self.reference = folder / "work", folder / "store", reference
        write_frames(self.frames, frames)

    def start(self, *, largest_file: int | None = None) -> subprocess.Popen:
        paths = map(str, (self.frames, self.labelled, self.ledger, self.workdir))
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
        limit = largest_file and (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file)))
        command = [sys.executable, "-c", CHUNK, *paths, self.reference, str(self.store)]
        return subprocess.Popen(command, env=environment, preexec_fn=limit, stderr=subprocess.PIPE, text=True)

    def finished(self) -> set[int]:
        labels = "".join(path.read_text() for path in self.store.glob("*/*.labels"))
        failures = "".join(path.read_text() for path in self.workdir.glob("failures-*.jsonl"))
        indices = re.findall(r'^(?:\w+ \w+ |\{"failure": )\{"index": (\d+)', labels + failures, re.MULTILINE)
        return {int(index) for index in indices}

    def go_on(self, reference) -> None:
        label_chunk(
            self.frames,
            self.labelled,
            self.ledger,
            reference,
            reference_name="it",
            max_force_eV_A=50.0,
            store=LabelStore(self.store, reference, protocol=1),
            workdir=self.workdir,
        )


def wait_until(condition, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


# ── kill -9 ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.skipif(not shutil.which("cp2k.psmp"), reason="cp2k.psmp is not installed")
def test_a_killed_chunk_ends_cp2k_and_resumes(tmp_path):
    from reference_cases import DRAFT_PBE

    frames = [Atoms("HCl", [[0.1, 0, 0], [1.3 + 0.02 * index, 0.3, 0]], cell=[4, 4, 4], pbc=True) for index in range(3)]
    chunk = Chunk(tmp_path, frames, "DRAFT_PBE")
    process = chunk.start()
    wait_until(lambda: chunk.finished() or process.poll() is not None)
    below = [child for child in psutil.Process(process.pid).children(recursive=True) if "cp2k" in child.name()]
    assert below
    process.kill()
    process.wait()
    wait_until(lambda: all(map(gone, below)))
    before = chunk.finished()
    assert before
    assert not chunk.labelled.exists()
    chunk.go_on(DRAFT_PBE)
    assert [row["status"] for row in read_ledger(chunk.ledger)] == ["ok"] * 3
    assert len(read_frames(chunk.labelled)) == 3


def test_a_killed_chunk_ends_its_child(tmp_path):
    chunk = Chunk(tmp_path, [lithium_chloride(seed=seed) for seed in range(6)], "GFN1")
    process = chunk.start()
    wait_until(lambda: chunk.finished() or process.poll() is not None)
    (child,) = psutil.Process(process.pid).children()
    process.kill()
    process.wait()
    wait_until(lambda: gone(child))


# ── a full disk ────────────────────────────────────────────────────────────────────────────────


def test_full_disk_stops_the_chunk_and_keeps_what_is_finished(tmp_path):
    chunk = Chunk(tmp_path, [lithium_chloride(seed=seed) for seed in range(4)], "GFN1")
    # Room for the journal of about two frames: the third label does not fit.
    process = chunk.start(largest_file=2000)
    _, output = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "File too large" in output
    before = chunk.finished()
    assert 0 < len(before) < 4
    chunk.go_on(GFN1)
    assert [row["status"] for row in read_ledger(chunk.ledger)] == ["ok"] * 4


def test_a_failure_on_a_full_disk_is_no_failed_frame(tmp_path, monkeypatch):
    chunk = Chunk(tmp_path, [lithium_chloride()], "GFN1")

    class Full:
        def compute(self, atoms):
            raise LabelFailure("crashed", "write error", attempts=1)

        def close(self):
            pass

    monkeypatch.setattr(labelling, "_backend", lambda *about: Full())
    monkeypatch.setattr(labelling, "disk_is_full", lambda folder: True)
    for _ in range(MAX_STARTS - 1):
        with pytest.raises(SaltflowError, match=r"is full \(write error\): free space .* resumes with frame 1"):
            chunk.go_on(GFN1)
        assert not chunk.ledger.exists()
    chunk.go_on(GFN1)
    (row,) = read_ledger(chunk.ledger)
    assert (row["status"], row["reason"]) == ("disk_full", "write error")


def test_a_folder_without_room_is_recognised(tmp_path):
    probe = f"import sys; sys.path[:0] = {sys.path!r}\n"
    probe += "import resource, pathlib\nfrom saltflow.labels.reference.program import disk_is_full\n"
    probe += "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
    probe += f"print(disk_is_full(pathlib.Path({str(tmp_path)!r})))"
    output = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "True"
    assert not disk_is_full(tmp_path)
    assert list(tmp_path.iterdir()) == []


# ── time and crashes ───────────────────────────────────────────────────────────────────────────


class Backend:
    """Behaves as the element of the atom asks for; lives in a process of its own."""

    def compute(self, atoms: Atoms) -> Result:
        what = atoms.get_chemical_formula()
        if what == "H":
            time.sleep(60)
        if what == "He":
            os.kill(os.getpid(), signal.SIGSEGV)
        if what == "Li":
            raise ValueError("garbage")
        if what == "Be":
            raise LabelFailure(
                "not_converged", "no", attempts=2, details={"scf_attempts": [{"settings": "a", "outcome": "b"}]}
            )
        return Result(float(os.getpid()), np.zeros((1, 3)), np.zeros((3, 3)), 1, {})

    def isolated_atom(self, element: str) -> float:
        return 1.5

    def close(self) -> None:
        pass


@pytest.fixture
def child():
    backend = ChildBackend(Backend, name="made up", limit_s=1.0)
    yield backend
    backend.close()


@pytest.mark.parametrize(
    ("symbol", "status", "reason"),
    [
        ("H", "timeout", "no result within 1 s"),
        ("He", "crashed", "the process of made up was ended by SIGSEGV"),
        ("Li", "crashed", "ValueError: garbage"),
        ("Be", "not_converged", "no"),
    ],
)
def test_the_end_of_a_child_is_a_reason_and_the_next_frame_is_labelled(child, symbol, status, reason):
    with pytest.raises(LabelFailure, match=reason) as failure:
        child.compute(Atoms(symbol))
    assert failure.value.status == status
    assert child.compute(Atoms("Ne")).energy_eV != os.getpid()
    assert child.isolated_atom("Li") == 1.5


def test_labels_come_also_to_a_process_whose_threads_have_worked(tmp_path):
    loss = torch.ones((64, 64), requires_grad=True)
    (loss @ loss).sum().backward()
    assert labelling.label_isolated_atoms(["Cl"], GFN1, workdir=tmp_path)["Cl"] < 0


def test_a_frame_that_takes_too_long_is_in_the_ledger_with_its_limit(tmp_path):
    chunk = Chunk(tmp_path, [lithium_chloride()], "GFN1")
    chunk.go_on(GFN1.model_copy(update={"frame_timeout_s": 0.01}))
    (row,) = read_ledger(chunk.ledger)
    assert row["status"] == "timeout"
    assert "frame_timeout_s" in row["reason"]
    assert row["code"] == "tblite"


def test_a_generation_whose_forces_are_no_numbers_ends_with_a_table(tmp_path, monkeypatch):
    class Undefined:
        def compute(self, atoms):
            return Result(-1.0, np.full((len(atoms), 3), np.nan), np.zeros((3, 3)), 1, {"code": "made up"})

        def close(self):
            pass

    monkeypatch.setattr(labelling, "_backend", lambda *about: Undefined())
    chunk = Chunk(tmp_path, [lithium_chloride(seed=seed) for seed in range(3)], "GFN1")
    chunk.go_on(GFN1)
    reason = "the energy, a force or the stress is not a number"
    assert {(row["status"], row["reason"]) for row in read_ledger(chunk.ledger)} == {("nan", reason)}
    assert read_frames(chunk.labelled) == []
    with pytest.raises(
        SaltflowError, match=rf"3 of 3 labels failed \(100%\), more .*; correct .*\n.*\n.* nan +3 +{reason}$"
    ):
        check_failures([chunk.ledger], max_failed_fraction=0.1)


def test_a_program_is_run_without_a_shell_and_ends_with_its_job(tmp_path):
    output = run_program("echo {ranks} {threads} $HOME", folder=tmp_path, limit_s=20, processes=Processes(4, 2))
    assert output == "4 2 $HOME\n"
    with pytest.raises(LabelFailure, match="ended with exit code 1") as failure:
        run_program("false", folder=tmp_path, limit_s=20, processes=Processes())
    assert failure.value.status == "crashed"


# ── SCF fallbacks and the ledger ────────────────────────────────────────────────────────────────


def attempt_with(outcomes):
    def attempt(settings):
        if settings in outcomes:
            raise LabelFailure(outcomes[settings], f"{settings} failed", attempts=1)
        return Result(-1.0, np.zeros((1, 3)), np.zeros((3, 3)), 1, {"code": "x"})

    return attempt


def test_every_attempt_is_recorded_and_the_last_one_counts():
    fallbacks = {"first": 1, "second": 2, "third": 3}
    result = first_converged(fallbacks, attempt_with({1: "not_converged", 2: "crashed"}))
    assert result.attempts == 3
    assert [each["outcome"] for each in result.details["scf_attempts"]] == ["not_converged", "crashed", "ok"]
    with pytest.raises(LabelFailure, match="3 failed") as failure:
        first_converged(fallbacks, attempt_with({1: "crashed", 2: "crashed", 3: "not_converged"}))
    assert (failure.value.attempts, failure.value.status) == (3, "not_converged")
    with pytest.raises(LabelFailure) as failure:
        first_converged(fallbacks, attempt_with({1: "timeout"}))
    assert failure.value.attempts == 1


def test_the_ledger_records_the_scf_attempts(tmp_path):
    chunk = Chunk(tmp_path, [lithium_chloride(seed=seed) for seed in range(2)], "GFN1")
    chunk.go_on(GFN1.model_copy(update={"max_iterations": 2}))
    rows = read_ledger(chunk.ledger)
    assert {row["scf_attempts"] for row in rows} == {
        "mixing 0.4: not_converged; mixing 0.1, 4 × the steps: not_converged"
    }
    assert {row["code"].split()[0] for row in rows} == {"tblite"}
    assert {row["attempts"] for row in rows} == {"2"}


# ── the order of frames ────────────────────────────────────────────────────────────────────────


def test_interleaved_trajectories_are_ordered_by_similarity():
    def trajectory(seed, start):
        random, atoms, frames = np.random.default_rng(seed), lithium_chloride(rattle_A=start, seed=seed), []
        for _ in range(5):
            atoms = atoms.copy()
            atoms.positions += random.normal(scale=0.02, size=(8, 3))
            frames.append(atoms)
        return frames

    mixed = [frame for pair in zip(trajectory(1, 0.3), trajectory(2, 0.3), strict=True) for frame in pair]
    order = order_by_similarity([*mixed, Atoms("H", cell=[5, 5, 5], pbc=True)])
    assert sorted(order) == list(range(11))
    assert [index % 2 for index in order[:10]] == [0] * 5 + [1] * 5
    assert order[10] == 10


def test_distance_knows_periodic_images_and_cells():
    atoms = lithium_chloride()
    wrapped = atoms.copy()
    wrapped.positions += wrapped.cell.array.sum(axis=0)
    assert distance_A(atoms, wrapped) == pytest.approx(0.0, abs=1e-9)
    moved = atoms.copy()
    moved.positions[0] += [0.0, 0.3, 0.0]
    assert distance_A(atoms, moved) == pytest.approx(0.3 / np.sqrt(8))
    broken = atoms.copy()
    broken.positions[0, 0] = np.nan
    assert distance_A(atoms, broken) == np.inf
    assert sorted(order_by_similarity([broken, atoms, broken, moved])) == [0, 1, 2, 3]
