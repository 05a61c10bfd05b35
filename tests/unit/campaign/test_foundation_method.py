"""A foundation that drives dynamics as it is: no job learns it, and its method is told as far as it is known."""

import pytest
from campaign_project import COMPOSITIONS, POTENTIALS, Project

from saltflow.campaign.dispersion_switch import method_name
from saltflow.operations.jobs import jobs_of
from saltflow.operations.resources import done_by, memory_MB, place

SHA256 = "ab" * 32
AS_IT_IS = f"zirconium\tmace.model\t{SHA256}\t-\t2LiCl-ZrCl4\tas it is\n"


@pytest.fixture
def project(tmp_path, monkeypatch) -> Project:
    """A campaign whose chlorozirconate is driven by a foundation as it is."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mace.model").write_bytes(b"weights")
    project = Project(tmp_path)
    rows = POTENTIALS.splitlines(keepends=True)
    project.write(compositions=COMPOSITIONS, potentials="".join([*rows[:4], AS_IT_IS, rows[-1]]))
    return project


def known(project: Project, **method: str) -> None:
    project.config["learning"]["foundation_method"] |= method


def test_no_job_labels_trains_or_assesses_it(project):
    jobs = list(jobs_of(project.load()))
    assert [job.rule for job in jobs if job.wildcards.get("potential") == "zirconium"] == ["release_potential"]
    domains = [job.wildcards["composition"] for job in jobs if job.rule == "assess_domain"]
    runs = {job.wildcards["composition"] for job in jobs if job.rule == "run_md"}
    assert (domains, runs) == (["LiAlCl4"], {"LiAlCl4", "2LiCl-ZrCl4"})
    assert {job.wildcards["reference"] for job in jobs if job.rule == "label_atom"} == {"gfn1-xtb"}


def test_its_file_is_released_and_nothing_of_a_training_is_asked_for(project):
    project.config["labels"]["imported"] = [
        {"path": "set.extxyz", "sha256": SHA256, "reference": "gfn1-xtb", "composition": "LiAlCl4"}
    ]
    project.config["learning"]["training"]["recipe"] = "replay"
    project.write(overrides="potentials: {base: {learning: {training: {recipe: naive}}}}")
    potential = project.load().potential("zirconium")
    assert potential.released_from == potential.foundation_model == "mace.model"
    assert potential.last_generation.first_check == potential.assessments == potential.imported(0) == []
    assert potential.fine_tuning.replay_structures is potential.assessment.forgetting_check is None
    assert potential.elements == ["Cl", "Li", "Zr"]
    assert not potential.loco.compositions


def test_a_composition_that_only_a_foundation_drives_cannot_be_left_out(project):
    project.config["learning"]["loco_compositions"] = ["2LiCl-ZrCl4"]
    table = project.folder / "potentials.txt"
    table.write_text(table.read_text().replace("LiAlCl4 2LiCl-ZrCl4", "LiAlCl4"))
    (sentence,) = project.problems()
    assert sentence.startswith("learning.loco_compositions: '2LiCl-ZrCl4' trains no potential")


@pytest.mark.parametrize(
    ("method", "name", "dispersion"),
    [
        ({}, "zero-shot mace", "unknown"),
        ({"functional": "PBE"}, "zero-shot mace (PBE)", "none"),
        ({"functional": "PBE", "dispersion": "D3(BJ)"}, "zero-shot mace (PBE + D3(BJ))", "D3(BJ)"),
    ],
)
def test_its_method_stands_in_the_place_of_a_reference(project, method, name, dispersion):
    known(project, **method)
    found = project.load().potential("zirconium").sampling.released_reference
    functional = {key: method[key] for key in ("functional",) if key in method}
    assert found == {"name": name, "dispersion": dispersion, "foundation": "mace", "sha256": SHA256} | functional


def test_dispersion_is_added_to_a_known_functional_that_lacks_it(project):
    project.write(overrides="compositions: {2LiCl-ZrCl4: {dynamics: {dispersion: D3(BJ)}}}")
    (sentence,) = project.problems()
    assert sentence == (
        "Composition 2LiCl-ZrCl4: dynamics.dispersion D3(BJ) may count twice and needs the parameters of a functional, "
        "but nothing is known of mace.model; write none into dynamics.dispersion, or what it learned "
        "from into learning.foundation_method of zirconium (overrides.yaml)."
    )
    known(project, functional="r2SCAN")
    campaign = project.load()
    assert campaign.composition("2LiCl-ZrCl4").production_dynamics["dispersion"] == "D3(BJ) of r2SCAN"
    assert "sampled_with" not in campaign.potential("zirconium").sampling.released_reference
    known(project, dispersion="D3(BJ)")
    (sentence,) = project.problems()
    assert "would count twice, as the labels of 'zero-shot mace (r2SCAN + D3(BJ))' hold D3(BJ)" in sentence


# ── a universal potential ──────────────────────────────────────────────────────────────────────


@pytest.fixture
def universal(project) -> Project:
    """The same with a universal potential in the place of a file."""
    table = project.folder / "potentials.txt"
    table.write_text(table.read_text().replace(f"mace.model\t{SHA256}", "diep-r2scan\t-"))
    return project


def test_a_universal_potential_drives_as_it_is_under_its_own_name(universal):
    campaign = universal.load()
    jobs = [job for job in jobs_of(campaign) if job.wildcards.get("potential") == "zirconium"]
    assert [job.rule for job in jobs] == ["release_potential"]
    potential = campaign.potential("zirconium")
    assert potential.released_from == potential.foundation_model == []
    found = potential.sampling.released_reference
    assert (found["name"], found["dispersion"]) == ("zero-shot diep-r2scan (r2SCAN)", "none")
    assert (found["foundation"], found["universal"]["version"]) == ("diep-r2scan", "2.0.0")
    assert method_name({"reference": found}, "none") == "zero-shot diep-r2scan (r2SCAN)"
    universal.config["references"]["diep-r2scan"]["version"] = "3.0.0"
    assert universal.load().potential("zirconium").sampling.released_reference != found


def test_its_dynamics_count_as_its_own_in_plan_and_requests(universal):
    universal.config["execution"]["device"] = "cuda"
    campaign, where = universal.load(), {"composition": "2LiCl-ZrCl4", "temperature": "600"}
    other = where | {"composition": "LiAlCl4"}
    assert [done_by(campaign, "run_md", each) for each in (where, other)] == ["universal", "cuda"]
    assert [place(campaign, "run_md", each) for each in (where, other)] == ["cpu", "gpu"]
    assert memory_MB(campaign, "run_md", where) > memory_MB(campaign, "run_md", other)
    universal.config["references"]["diep-r2scan"]["device"] = "cuda"
    assert place(universal.load(), "run_md", where) == "gpu"


def test_dispersion_is_added_to_a_universal_potential_without_it(universal):
    universal.config["dynamics"]["dispersion"] = "D3(BJ)"
    universal.config["sweep"]["compositions"] = ["2LiCl-ZrCl4"]
    table = universal.folder / "potentials.txt"
    table.write_text(table.read_text().replace("gfn1-xtb", "chgnet-pbe"))
    dynamics = universal.load().composition("2LiCl-ZrCl4").production_dynamics
    assert dynamics["dispersion"] == "D3(BJ) of r2SCAN"


def test_a_teacher_melts_the_first_cells_of_a_training_from_scratch(universal):
    table = universal.folder / "potentials.txt"
    table.write_text(table.read_text().replace("diep-r2scan\t-\t-", "diep-r2scan\t-\tdiep-r2scan"))
    universal.config["learning"]["training"]["recipe"] = "replay"
    universal.write(overrides="potentials: {base: {learning: {training: {recipe: naive}}}}")
    campaign = universal.load()
    potential = campaign.potential("zirconium")
    assert (potential.foundation["kind"], potential.foundation["name"]) == ("universal", "diep-r2scan")
    assert potential.foundation_model == potential.foundation_record == []
    assert potential.fine_tuning.recipe == "naive"
    assert potential.assessment.forgetting_check is None
    assert method_name({"reference": potential.reference_identity}, "none") == "diep-r2scan → mace"
    where = {"potential": "zirconium", "generation": "1"}
    assert done_by(campaign, "propose_initial_frames", where) == "universal"
    assert done_by(campaign, "explore", where) == universal.config["execution"]["device"]


def test_a_foundation_that_has_not_learned_an_element_is_refused(universal):
    universal.config["references"]["diep-r2scan"]["elements"] = ["H-Ar"]
    (sentence,) = universal.problems()
    assert sentence == (
        "Potential zirconium, column foundation: 'diep-r2scan' has not learned Zr; choose another foundation, or leave "
        "the compositions with it out."
    )


def test_no_training_starts_from_it(universal):
    rows = (universal.folder / "potentials.txt").read_text()
    universal.write(potentials=rows.replace("unused\tnone", "unused\tzirconium"))
    (sentence,) = universal.problems()
    assert "'zirconium' is not trained (reference '-')" in sentence
