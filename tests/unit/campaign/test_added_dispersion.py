"""The switch `dynamics.dispersion`: what rules are told, and what is refused."""

import pytest
from campaign_project import Project

from saltflow.campaign.questions import answer

ADDED = "D3(BJ) of PBE"


@pytest.fixture
def project(tmp_path):
    """A campaign whose labels by PBE have no dispersion and whose dynamics adds it."""
    project = Project(tmp_path)
    project.config["references"]["pbe"] = {"like": "pbe-d3", "dispersion": "none"}
    project.config["dynamics"]["dispersion"] = "D3(BJ)"
    tables = {name: (tmp_path / f"{name}.txt").read_text() for name in ("compositions", "potentials")}
    project.write(potentials=tables["potentials"].replace("gfn1-xtb", "pbe"), compositions=tables["compositions"])
    return project


def test_rules_are_told_the_functional_of_the_labels(project):
    campaign = project.load()
    asked = campaign.composition("LiAlCl4")
    every = [asked.quench_dynamics, asked.production_dynamics, asked.constrained_dynamics]
    assert {each["dispersion"] for each in every} == {ADDED}
    assert campaign.potential("base").sampling.dynamics["dispersion"] == ADDED
    assert campaign.potential("aluminium").sampling.initial_dynamics["dispersion"] == ADDED
    assert campaign.potential("base").sampling.initial_dynamics["dispersion"] == "none", "nothing melts its cells"
    project.config["references"]["pbe"]["functional"] = "r2SCAN"
    assert project.load().composition("LiAlCl4").production_dynamics["dispersion"] == "D3(BJ) of r2SCAN"


def test_the_switch_leaves_labels_alone(project):
    with_d3 = project.load()
    project.config["dynamics"]["dispersion"] = "none"
    without = project.load()
    assert without.composition("LiAlCl4").production_dynamics["dispersion"] == "none"
    for name in ("labelling", "dataset_facts", "fine_tuning.settings", "sampling.initial_dynamics"):
        assert answer(with_d3.potential("base"), name) == answer(without.potential("base"), name)
    assert with_d3.reference_identity("pbe") == without.reference_identity("pbe")


def test_a_release_says_what_sampled_its_frames(project):
    assert project.load().potential("base").sampling.released_reference["sampled_with"] == ADDED
    project.config["learning"]["generations"] = 0
    campaign = project.load()
    undriven = campaign.potential("base").sampling.released_reference
    assert undriven == campaign.reference_identity("pbe"), "no frame of it was ever driven"
    assert campaign.potential("aluminium").sampling.released_reference["sampled_with"] == ADDED
    project.write(overrides="potentials: {aluminium: {dynamics: {dispersion: none}}}")
    campaign = project.load()
    assert campaign.potential("aluminium").sampling.released_reference == campaign.reference_identity("pbe")
    assert campaign.composition("LiAlCl4").production_dynamics["dispersion"] == ADDED


@pytest.mark.parametrize(("reference", "held"), [("pbe-d3", r"D3(BJ)"), ("gfn1-xtb", "D3(BJ)"), ("gfn2", "D4")])
def test_dispersion_twice_is_refused(project, tmp_path, reference, held):
    project.config["references"]["gfn2"] = {"like": "gfn1-xtb", "method": "GFN2-xTB"}
    table = tmp_path / "potentials.txt"
    table.write_text(table.read_text().replace("\tpbe\t", f"\t{reference}\t"))
    sentences = project.problems()
    assert len(sentences) == 5  # one for each potential, and none for the compositions that follow theirs
    assert sentences[0] == (
        f"Potential base: dynamics.dispersion D3(BJ) would count twice, as the labels of '{reference}' hold {held}; "
        "write none into dynamics.dispersion (overrides.yaml changes it for one), or choose a reference with "
        "dispersion none for base."
    )


def test_a_teacher_without_a_functional_has_no_parameters_for_dispersion(project, tmp_path):
    project.config["references"]["teacher"] = {"like": "chgnet-pbe", "functional": None}
    table = tmp_path / "potentials.txt"
    table.write_text(table.read_text().replace("\tpbe\t", "\tteacher\t"))
    assert project.problems()[0] == (
        "Potential base: dynamics.dispersion D3(BJ) needs the parameters of a functional, and 'teacher' names none; "
        "write none into dynamics.dispersion."
    )
    project.config["references"]["teacher"]["functional"] = "PBE"
    assert project.load().composition("LiAlCl4").production_dynamics["dispersion"] == ADDED


def test_dispersion_twice_is_refused_for_one_composition(project, tmp_path):
    table = tmp_path / "potentials.txt"
    table.write_text(table.read_text().replace("\tpbe\t", "\tpbe-d3\t"))
    project.config["dynamics"]["dispersion"] = "none"
    assert project.load().composition("LiAlCl4").production_dynamics["dispersion"] == "none"
    project.write(overrides="compositions: {LiAlCl4: {dynamics: {dispersion: D3(BJ)}}}")
    (sentence,) = project.problems()
    assert sentence.startswith("Composition LiAlCl4: dynamics.dispersion D3(BJ) would count twice, as the labels of")


def test_another_correction_is_no_choice(project):
    project.config["dynamics"]["dispersion"] = "D4"
    (sentence,) = project.problems()
    assert "dynamics.dispersion" in sentence
    assert "'none' or 'D3(BJ)'" in sentence
