"""What rules ask: every question has an answer, files of generations follow each other, nothing before the first."""

import re
from pathlib import Path

import pytest

from saltflow.base.errors import InputError
from saltflow.campaign.campaign import Campaign
from saltflow.campaign.config_files import read_configuration
from saltflow.campaign.generation_files import GenerationFiles, NoGeneration
from saltflow.campaign.loading import load_campaign
from saltflow.campaign.questions import answer

ROOT = Path(__file__).resolve().parents[3]
RULES = "\n".join(path.read_text() for path in sorted((ROOT / "rules").rglob("*.smk")))
GENERATION = "results/potentials/fine-tuned/generation1"


@pytest.fixture(scope="module")
def campaign() -> Campaign:
    return load_campaign(read_configuration([ROOT / "tests/tiny/config.yaml"]))


def questions(kind: str) -> set[str]:
    """What the rule files ask of one kind of subject."""
    found = set(re.findall(rf'(?<![\w.]){kind}\(\s*"([\w.]+)"', RULES))
    assert found
    return found


def test_every_question_about_a_composition_is_answered(campaign):
    for question in questions("composition"):
        answer(campaign.composition("LiAlCl4"), question)


@pytest.mark.parametrize("kind", ["potential", "its_potential"])
def test_every_question_about_a_potential_is_answered(campaign, kind):
    for question in questions(kind):
        for name in campaign.needed_potentials:
            answer(campaign.potential(name), question)


def test_every_question_about_a_generation_is_answered_and_none_before_the_first(campaign):
    for question in questions("generation"):
        assert answer(campaign.potential("base").generation(0), question) is not None
        assert answer(campaign.potential("base").generation(-1), question) == []


def test_a_wrong_question_is_an_error(campaign):
    with pytest.raises(AttributeError):
        answer(campaign.composition("LiAlCl4"), "productoin_dynamics")
    with pytest.raises(AttributeError):
        answer(campaign.potential("base").generation(-1), "modles")
    with pytest.raises(KeyError):
        answer(campaign.potential("base"), "learning.selecton")


def test_an_unknown_composition_is_a_sentence(campaign):
    with pytest.raises(InputError, match="'LiF' is not in compositions.tsv; correct the id or add a row"):
        campaign.composition("LiF")


def test_the_files_of_a_generation(campaign):
    files = campaign.potential("fine-tuned").generation(1)
    assert files.models == [f"{GENERATION}/committee/member{member}.model" for member in (1, 2)]
    assert files.checks[0] == files.first_check == f"{GENERATION}/committee/member1.train_check.json"
    assert files.labels == [f"{GENERATION}/labels/chunk0.extxyz"]
    assert files.loco_models(["LiCl"]) == [f"{GENERATION}/loco/LiCl/member{member}.model" for member in (1, 2)]
    assert files.after_exploration is files


def test_the_first_generation_explores_nothing():
    files = GenerationFiles("base", 0, committee=[1], chunks=[0])
    assert files.after_exploration.exploration == []
    assert NoGeneration().model(1) == NoGeneration().check(1) == []


def test_a_potential_knows_its_parent_and_the_potential_of_a_composition(campaign):
    tuned = campaign.potential("fine-tuned")
    assert campaign.potential_of("LiAlCl4") is tuned
    assert tuned.parent is campaign.potential("base")
    assert tuned.training_potentials == ["fine-tuned", "base"]
    assert tuned.foundation_model == "results/potentials/base/released.model"
    assert tuned.fine_tuning.foundation_heldout == "results/potentials/base/generation0/dataset/test.extxyz"
    assert campaign.potential("base").foundation_model == campaign.potential("base").foundation_record == []


def test_files_that_are_not_asked_for_are_none(campaign):
    tuned = campaign.potential("fine-tuned")
    assert tuned.sampling.prescreening is None
    assert tuned.sampling.prescreening_committee.models == []
    assert tuned.assessment.forgetting_model == tuned.fine_tuning.replayed_frames == []
    assert tuned.assessment.zero_shot_committee(1).models == []
