"""Ten structures through the funnel by the real rules: four that cannot be built, six that stages judge."""

from dataclasses import replace

import pytest
from workplaces import Workplace, copy_sources

from saltflow.base.provenance import read_json
from saltflow.base.tables import read_table

STUDY = "results/studies/screening"
JOBS = [
    "build_family",
    "judge_family",
    "rank_family",
    "relax_family part=0",
    "relax_family part=1",
    "release_potential potential=as-it-is",
    "study_survivors part=0",
    "study_survivors part=1",
    "write_results_page",
]


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workplace, dict, list[str]]:
    """The study after a real run, the plan that was made before it, and the jobs of a dry run."""
    folder = tmp_path_factory.mktemp("families")
    copy_sources(folder / "repo")
    (folder / "work").mkdir()
    place = replace(Workplace(folder / "repo", folder / "work"), config="tests/families/config.yaml")
    asked = place.saltflow("plan")
    assert asked.returncode == 0, asked.stdout[-3000:]
    jobs = sorted(place.plan())
    ran = place.run()
    assert ran.returncode == 0, ran.stdout[-3000:]
    return place, read_json(place.work / "plan/plan.json"), jobs


def test_the_plan_and_the_graph_know_its_rules(planned):
    _, plan, jobs = planned
    assert jobs == JOBS
    rules = {row["rule"]: row for row in plan["rules"]}
    assert (rules["relax_family"]["stage"], rules["relax_family"]["due"]) == ("studies", 2)
    for edge in (
        ["build_family", "relax_family"],
        ["relax_family", "judge_family"],
        ["study_survivors", "rank_family"],
    ):
        assert edge in plan["graph"]["edges"]


def test_every_structure_is_ranked_or_says_why_not(planned):
    place, _, _ = planned
    table = place.work / STUDY / "screening.tsv"
    columns = table.read_text().splitlines()[0].split("\t")
    rows = {row.cells["member"]: row.cells for row in read_table(table, columns=columns, key="member")}
    assert len(rows) == 10
    assert "does not know Na" in rows["not-learned"]["status"]
    assert "broken.cif" in rows["broken"]["status"]
    assert "leave -1 e" in rows["charged"]["status"]
    assert rows["metal"]["status"].startswith("not built: ")
    assert rows["caesium-chloride"]["status"].startswith("imaginary modes: ")
    salt = rows["rock-salt"]
    assert salt["status"] in ("below the hull", "on the hull", "metastable")
    assert all(float(salt[column]) > 0 for column in ("bulk_GPa", "barrier_3D_eV"))
    # Three starts of one crystal, in other jobs, end as one.
    for other in ("stretched", "squeezed"):
        assert float(rows[other]["formation_eV_atom"]) == pytest.approx(float(salt["formation_eV_atom"]), abs=2e-3)
    survivors = {path.stem for path in (place.work / STUDY / "survivors").glob("*.cif")}
    assert {"rock-salt", "stretched", "squeezed"} <= survivors
    assert not survivors & {"caesium-chloride", "metal", "broken", "charged", "not-learned"}


def test_the_page_has_the_funnel_and_the_hulls(planned):
    place, _, _ = planned
    page = read_json(place.work / STUDY / "page.json")
    assert page["title"] in (place.work / "results/summary/index.html").read_text()
    funnel, ranking = page["blocks"][:2]
    stages = [row[0] for row in funnel["rows"]]
    assert stages[:4] == ["neutral and ordered", "relaxed", "stable", "isolated anions"]
    assert stages[4:] == ["phonons", "elastic moduli", "barriers"]
    assert funnel["rows"][0][2:4] == [10, 6]
    assert len(ranking["rows"]) == 10
    for _, address in page["blocks"][-1]["links"]:
        assert (place.work / "results/summary" / address).is_file(), address
    assert (place.work / STUDY / "hulls/Cl-Li.svg").is_file()


def test_only_what_changed_runs_again(planned):
    place, _, _ = planned
    assert place.plan() == {}
    (place.work / STUDY / "relaxed/1.json").unlink()
    family = place.repo / "tests/families/family.yaml"
    family.write_text(family.read_text().replace("barrier_eV: 2.0", "barrier_eV: 1.5"))
    due = place.plan()
    assert "relax_family part=1" in due
    assert "relax_family part=0" not in due or "build_family" in due
