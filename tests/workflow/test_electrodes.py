"""Electrodes through the real rules: a host with voltages and a cycle, and one whose record says why it has none."""

from dataclasses import replace

import pytest
from workplaces import Workplace, copy_sources

from saltflow.base.provenance import read_json
from saltflow.base.tables import read_table
from saltflow.studies.electrodes.electrode_table import COLUMNS

STUDY = "results/studies/electrodes"
JOBS = [
    "compute_electrode electrode=not-learned",
    "compute_electrode electrode=rock-salt",
    "release_potential potential=as-it-is",
    "tabulate_electrodes",
    "write_results_page",
]


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workplace, list[str]]:
    """The study after a real run, and the jobs of a dry run before it."""
    folder = tmp_path_factory.mktemp("electrodes")
    copy_sources(folder / "repo")
    (folder / "work").mkdir()
    place = replace(Workplace(folder / "repo", folder / "work"), config="tests/crystals/electrodes.yaml")
    jobs = sorted(place.plan())
    ran = place.run()
    assert ran.returncode == 0, ran.stdout[-3000:]
    return place, jobs


def test_each_host_is_a_job_with_a_record(planned):
    place, jobs = planned
    assert jobs == JOBS
    record = read_json(place.work / STUDY / "rock-salt/electrode.json")
    assert (record["electrode"], record["host"], record["ion"]) == ("rock-salt", "Cl", "Li")
    assert record["mean_voltage_V"] == pytest.approx(record["plateaus"][0]["voltage_V"])
    rows = read_table(place.work / STUDY / "voltages.tsv", columns=COLUMNS, key="electrode")
    assert [row.cells["electrode"] for row in rows] == ["rock-salt", "not-learned"]
    assert "Na" in rows[1].cells["status"]
    assert not rows[1].cells["mean_voltage_V"]


def test_the_page_has_its_part_and_the_status_its_hosts(planned):
    place, _ = planned
    page = read_json(place.work / STUDY / "page.json")
    assert [part["title"].partition(",")[0] for part in page["parts"]] == ["Electrode rock-salt"]
    assert page["title"] == "Electrodes: 1 of 2 hosts have a voltage"
    assert page["title"] in (place.work / "results/summary/index.html").read_text()
    assert "Electrodes: 2 of 2 hosts done" in place.saltflow("status").stdout


def test_a_deleted_record_is_made_again_from_what_is_kept(planned):
    place, _ = planned
    assert place.plan() == {}
    record = place.work / STUDY / "rock-salt/electrode.json"
    before = read_json(record)
    record.unlink()
    assert "compute_electrode electrode=rock-salt" in place.plan()
    assert place.run().returncode == 0
    again = read_json(record)
    assert {key: again[key] for key in ("plateaus", "cycling")} == {key: before[key] for key in ("plateaus", "cycling")}
    assert again["seconds"] < before["seconds"]
