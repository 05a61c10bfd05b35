"""Migration barriers through the real rules: two crystals with barriers, one whose record says why it has none."""

import json
import shutil
from dataclasses import replace

import pytest
from workplaces import Workplace, copy_sources

from saltflow.base.provenance import read_json, sha256_of_file
from saltflow.base.tables import read_table
from saltflow.studies.barriers.barrier_ranking import COLUMNS, OF_MD, OF_TABLE

STUDY = "results/studies/barriers"
JOBS = [
    "compute_barriers structure=not-learned",
    "compute_barriers structure=rock-salt",
    "compute_barriers structure=stretched",
    "rank_barriers",
    "release_potential potential=as-it-is",
    "write_results_page",
]


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workplace, dict, list[str]]:
    """The study after a real run, the plan that was made before it, and the jobs of a dry run."""
    folder = tmp_path_factory.mktemp("barriers")
    copy_sources(folder / "repo")
    (folder / "work").mkdir()
    place = replace(Workplace(folder / "repo", folder / "work"), config="tests/crystals/config.yaml")
    model = place.repo / "tests/crystals/released.model"
    shutil.copy2(place.repo / "config/presets/demo/distilled.model", model)
    model.with_suffix(".json").write_text(json.dumps({"sha256": sha256_of_file(model)}))
    asked = place.saltflow("plan")
    assert asked.returncode == 0, asked.stdout[-3000:]
    jobs = sorted(place.plan())
    ran = place.run()
    assert ran.returncode == 0, ran.stdout[-3000:]
    return place, read_json(place.work / "plan/plan.json"), jobs


def ranking_of(place: Workplace) -> dict[str, dict[str, str]]:
    """Crystal → its row, in the order of the table."""
    columns = [*COLUMNS, *OF_TABLE, *OF_MD]
    rows = read_table(place.work / STUDY / "ranking.tsv", columns=columns, key="structure")
    return {row.cells["structure"]: row.cells for row in rows}


def test_the_plan_and_the_graph_know_its_rules(planned):
    _, plan, jobs = planned
    assert jobs == JOBS
    rules = {row["rule"]: row for row in plan["rules"]}
    assert (rules["compute_barriers"]["stage"], rules["compute_barriers"]["due"]) == ("studies", 3)
    assert rules["compute_barriers"]["memory_MB"] > 1000
    assert ["compute_barriers", "rank_barriers"] in plan["graph"]["edges"]
    assert ["release_potential", "compute_barriers"] in plan["graph"]["edges"]


def test_crystals_are_ranked_and_one_says_why_not(planned):
    place, _, _ = planned
    rows = ranking_of(place)
    assert list(rows)[-1] == "not-learned"
    assert [rows[name]["status"] for name in ("rock-salt", "stretched")] == ["ok", "ok"]
    assert "Na" in rows["not-learned"]["status"]
    assert 0.1 < float(rows["rock-salt"]["barrier_3D_eV"]) < 1.0
    record = read_json(place.work / STUDY / "rock-salt/barriers.json")
    assert record["structure"] == "rock-salt"
    assert record["provenance"]["potential_sha256"] == sha256_of_file(
        place.repo / "config/presets/demo/distilled.model"
    )


def test_the_page_has_its_part_and_the_status_its_crystals(planned):
    place, _, _ = planned
    page = read_json(place.work / STUDY / "page.json")
    assert [part["title"].partition(":")[0] for part in page["parts"]] == [
        row.cells["structure"]
        for row in read_table(
            place.work / STUDY / "ranking.tsv", columns=[*COLUMNS, *OF_TABLE, *OF_MD], key="structure"
        )
        if row.cells["status"] == "ok"
    ]
    assert page["title"] in (place.work / "results/summary/index.html").read_text()
    assert "Migration barriers: 3 of 3 crystals done" in place.saltflow("status").stdout


def test_a_killed_study_goes_on_and_only_what_changed_runs_again(planned):
    place, _, _ = planned
    assert place.plan() == {}
    (place.work / STUDY / "rock-salt/barriers.json").unlink()
    assert "compute_barriers structure=rock-salt" in place.plan()
    log = place.work / "logs/studies/barriers/rock-salt/compute_barriers.log"
    assert place.run().returncode == 0
    assert read_json(place.work / STUDY / "rock-salt/barriers.json")["evaluations"] < 20, log.read_text()
