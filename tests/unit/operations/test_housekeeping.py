import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from saltflow.base.errors import SaltflowError
from saltflow.operations.housekeeping import check_idle, delete, mark_files
from saltflow.operations.run_lock import start
from saltflow.operations.running_jobs import MARK

POTENTIAL = "results/potentials/P"
POINT = "results/LiCl/md/500K"


@dataclass
class Job:
    rule: str
    outputs: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    due: bool = False
    wildcards: dict[str, str] = field(default_factory=dict)


def jobs(*, due: tuple[str, ...] = ()) -> list[Job]:
    """A small plan in which the jobs of some rules are due."""
    members = [f"{POTENTIAL}/generation{number}/committee/member1.model" for number in (0, 1)]
    labels = tuple(f"{POTENTIAL}/generation1/labels/chunk0.{end}" for end in ("extxyz", "ledger.tsv"))
    exploration = f"{POTENTIAL}/generation1/exploration.extxyz"
    quenched = tuple(f"results/LiCl/replica1/{name}" for name in ("quenched.extxyz", "quench.json", "quench.h5md"))
    plan = [
        Job("explore", (exploration,), (members[0],)),
        Job("select_frames", (f"{POTENTIAL}/generation1/frames.extxyz",), (exploration,)),
        Job("label_frames", labels, (f"{POTENTIAL}/generation1/frames.extxyz",)),
        *(
            Job("fine_tune", (member,), wildcards={"potential": "P", "generation": str(number), "member": "1"})
            for number, member in enumerate(members)
        ),
        Job("quench_cell", quenched),
        Job("run_md", (f"{POINT}/replica1.h5md", f"{POINT}/md.json"), (quenched[0],)),
        Job("analyse_transport", (f"{POINT}/transport.json",), (f"{POINT}/replica1.h5md", f"{POINT}/md.json")),
    ]
    for job in plan:
        job.due = job.rule in due
    return plan


def write(sweep: Path, *paths: str) -> None:
    for path in paths:
        (sweep / path).parent.mkdir(parents=True, exist_ok=True)
        (sweep / path).write_text("1234567890")


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """A sweep in which every product of the plan is there, and what killed jobs left behind."""
    write(tmp_path, *(path for job in jobs() for path in job.outputs))
    write(
        tmp_path,
        f"{POINT}/.md.json.work/0123/state.pt",
        f"{POTENTIAL}/generation1/labels/.chunk0.extxyz.work/0123/cp2k-x/RESTART.wfn",
        f"{POINT}/.writing-abc.h5md",
        "results/notes.txt",
        "results/Gone/md/500K/.md.json.work/0123/state.pt",
        "logs/LiCl/replica1/quench_cell.log",
        ".snakemake/metadata/cmVz",
        "archives/LiCl.zip",
        "labels/0123-1/4567.labels",
        f"{POINT}/.md.json.made.json",
    )
    return tmp_path


def marks(sweep: Path, plan: list[Job]) -> dict[str, str]:
    return {entry.path: entry.kind.mark for entry in mark_files(sweep, plan, archived={})}


def paths_of(found: dict[str, str], mark: str) -> set[str]:
    return {path for path in found if found[path] == mark}


WORK_FOLDERS = {
    f"{POINT}/.md.json.work/0123/state.pt",
    f"{POTENTIAL}/generation1/labels/.chunk0.extxyz.work/0123/cp2k-x/RESTART.wfn",
}
INTERMEDIATES = {f"{POTENTIAL}/generation1/exploration.extxyz", "results/LiCl/replica1/quench.h5md"}


def test_a_finished_sweep_gives_up_work_folders_remains_and_what_nobody_reads(sweep):
    found = marks(sweep, jobs())
    assert paths_of(found, "may be deleted now") == WORK_FOLDERS | INTERMEDIATES | {f"{POINT}/.writing-abc.h5md"}


def test_what_an_analysis_would_be_made_from_may_go_only_when_archived(sweep):
    member = f"{POTENTIAL}/generation0/committee/member1.model"
    assert paths_of(marks(sweep, jobs()), "only when archived") == {f"{POINT}/replica1.h5md", member}


def test_labels_results_logs_records_and_what_is_not_ours_never_go(sweep):
    never = paths_of(marks(sweep, jobs()), "never delete")
    assert {
        *(f"{POTENTIAL}/generation1/labels/chunk0.{end}" for end in ("extxyz", "ledger.tsv")),
        f"{POTENTIAL}/generation1/committee/member1.model",  # one generation more would start from it
        "results/LiCl/replica1/quenched.extxyz",
        f"{POINT}/md.json",
        f"{POINT}/transport.json",
        "logs/LiCl/replica1/quench_cell.log",
        ".snakemake/metadata/cmVz",
        "archives/LiCl.zip",
        "labels/0123-1/4567.labels",
        f"{POINT}/.md.json.made.json",
        "results/notes.txt",
        "results/Gone/md/500K/.md.json.work/0123/state.pt",
    } <= never


def test_what_a_due_job_reads_makes_or_goes_on_from_is_still_needed(sweep):
    found = marks(sweep, jobs(due=("run_md", "select_frames")))
    assert paths_of(found, "still needed") == {
        "results/LiCl/replica1/quenched.extxyz",
        f"{POINT}/.md.json.work/0123/state.pt",
        f"{POINT}/.writing-abc.h5md",
        f"{POINT}/replica1.h5md",
        f"{POINT}/md.json",
        f"{POTENTIAL}/generation1/exploration.extxyz",
        f"{POTENTIAL}/generation1/frames.extxyz",
    }


def test_only_what_may_go_now_is_deleted_and_its_work_folders_with_it(sweep):
    entries = mark_files(sweep, jobs(), archived={})
    now = {entry.path for entry in entries if entry.kind.mark == "may be deleted now"}
    assert set(delete(sweep, entries)) == now
    left = {path.relative_to(sweep).as_posix() for path in sweep.rglob("*") if path.is_file()}
    assert left == {entry.path for entry in entries} - now
    assert not (sweep / POINT / ".md.json.work").exists()
    assert not (sweep / POTENTIAL / "generation1/labels/.chunk0.extxyz.work").exists()


def test_a_file_that_changed_since_it_was_marked_stays(sweep):
    entries = mark_files(sweep, jobs(), archived={})
    changed = sweep / "results/LiCl/replica1/quench.h5md"
    os.utime(changed, ns=(1, 1))
    assert "results/LiCl/replica1/quench.h5md" not in delete(sweep, entries)
    assert changed.is_file()


def test_nothing_behind_a_link_is_listed_or_deleted(sweep, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    write(elsewhere, "quench.h5md", "replica1/quench.h5md")
    (sweep / "results/LiCl/replica2").symlink_to(elsewhere)
    (sweep / "results/LiCl/replica1/quench.h5md").unlink()
    (sweep / "results/LiCl/replica1/quench.h5md").symlink_to(elsewhere / "quench.h5md")
    entries = mark_files(sweep, jobs(), archived={})
    links = {entry.path: entry.kind.mark for entry in entries if entry.kind.title == "links"}
    assert links == {path: "never delete" for path in ("results/LiCl/replica2", "results/LiCl/replica1/quench.h5md")}
    delete(sweep, entries)
    assert (elsewhere / "quench.h5md").is_file()


def test_a_folder_that_became_a_link_since_it_was_marked_is_not_entered(sweep, tmp_path_factory):
    entries = mark_files(sweep, jobs(), archived={})
    moved = tmp_path_factory.mktemp("moved") / "replica1"
    (sweep / "results/LiCl/replica1").rename(moved)
    (sweep / "results/LiCl/replica1").symlink_to(moved)
    delete(sweep, entries)
    assert (moved / "quench.h5md").is_file()


def test_results_that_are_a_link_are_refused(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "results").symlink_to(tmp_path / "disk")
    with pytest.raises(SaltflowError, match="--directory"):
        mark_files(tmp_path, [], archived={})


def test_an_idle_sweep_may_be_tidied(sweep):
    check_idle(sweep)


def test_nothing_is_deleted_where_a_run_has_not_ended(sweep):
    start(sweep, snakefile=Path("Snakefile"), slurm=False)
    os.environ.pop(MARK)
    with pytest.raises(SaltflowError, match=r"Nothing was deleted or reduced\. Another Snakemake works"):
        check_idle(sweep)


def test_nothing_is_deleted_while_a_job_of_an_earlier_run_lives(sweep):
    job = subprocess.Popen(["sleep", "60"], env=os.environ | {MARK: str(sweep)})
    try:
        with pytest.raises(SaltflowError, match=f"Nothing was deleted or reduced: sleep.*{job.pid}"):
            check_idle(sweep)
    finally:
        job.kill()
        job.wait()


def test_nothing_is_deleted_under_snakemakes_lock(sweep):
    write(sweep, ".snakemake/locks/0.input.lock")
    with pytest.raises(SaltflowError, match="saltflow resume"):
        check_idle(sweep)
