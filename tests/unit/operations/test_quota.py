import csv

import pytest

from saltflow.operations.housekeeping import FINISHED_WORK, LEARNED, Entry, FileKind
from saltflow.operations.quota import quota_text, size_GB, table, write_list

TRAJECTORIES = FileKind("only when archived", "production trajectories", "every other analysis")
EARLIER_COMMITTEES = FileKind("only when archived", "committees of earlier generations", "the potential")

GB = 10**9


@pytest.fixture
def entries() -> list[Entry]:
    """Files of every mark but one: 1 GB of leftovers, 20 GB of trajectories, 4 GB of models, 2 GB of labels."""
    return [
        Entry("results/A/md/500K/.md.json.work/state.pt", GB, 1, FINISHED_WORK),
        Entry("results/A/md/500K/replica1.h5md", 4 * GB, 1, TRAJECTORIES, archive="archives/A.zip"),
        Entry("results/B/md/500K/replica1.h5md", 6 * GB, 1, TRAJECTORIES),
        Entry("results/C/md/500K/replica1.h5md", 10 * GB, 1, TRAJECTORIES),
        Entry("results/potentials/P/generation0/committee/member1.model", 4 * GB, 1, EARLIER_COMMITTEES),
        Entry("results/potentials/P/generation0/labels/chunk0.extxyz", 2 * GB, 1, LEARNED),
    ]


def test_a_sweep_within_its_quota_says_so(entries):
    assert quota_text(entries, quota_GB=27) == "The sweep holds 27.000 GB of the 27 GB of execution.quota_GB."


@pytest.mark.parametrize(("quota_GB", "lines"), [(26.5, 1), (25, 2), (22, 2), (21, 3), (3, 5)])
def test_no_more_is_named_than_must_go(entries, quota_GB, lines):
    assert len(quota_text(entries, quota_GB=quota_GB).splitlines()) == 1 + lines


def test_first_goes_what_nobody_misses_then_what_is_archived_then_the_largest(entries):
    assert quota_text(entries, quota_GB=1).splitlines()[1:] == [
        "  1.000 GB  may be deleted now: work folders of finished jobs",
        "  4.000 GB  once archives/A.zip lies on another disk: production trajectories of A",
        "  10.000 GB  once archived: production trajectories of C",
        "  6.000 GB  once archived: production trajectories of B",
        "  4.000 GB  once archived: committees of earlier generations of P",
        "  1.000 GB  more than may go: move archives to another disk or raise the quota",
    ]


def test_the_table_has_a_line_for_every_kind(entries):
    header, *rows = table(entries).splitlines()
    assert "what is lost with it" in header
    assert [row.split()[:6] for row in rows] == [
        ["may", "be", "deleted", "now", "1", "1.000"],
        ["only", "when", "archived", "3", "20.000", "production"],
        ["only", "when", "archived", "1", "4.000", "committees"],
        ["never", "delete", "1", "2.000", "labels,", "datasets,"],
    ]


def test_the_list_has_a_line_for_every_file(entries, tmp_path):
    write_list(tmp_path / "housekeeping.tsv", entries)
    with (tmp_path / "housekeeping.tsv").open() as handle:
        rows = list(csv.DictReader(handle, delimiter="\t"))
    assert [row["path"] for row in rows] == [entry.path for entry in entries]
    assert sum(int(row["size_bytes"]) for row in rows) == size_GB(entries) * GB
    assert rows[1]["archive"] == "archives/A.zip"
