"""The campaign: what it asks of the rules follows from the tables and the settings, in plain builtins."""

import copy
import math
from pathlib import Path

import pytest
import yaml
from campaign_project import COMPOSITIONS, POTENTIALS, SHIPPED, Project

from saltflow.base.errors import InputError
from saltflow.campaign.campaign import Campaign
from saltflow.campaign.loading import load_campaign
from saltflow.campaign.production_end import wanted_errors
from saltflow.operations.cost_model import training_frame_atoms

ROOT = Path(__file__).resolve().parents[3]
BUILTINS = (str, int, float, bool, type(None))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_the_shipped_campaign_loads_with_its_tables():
    campaign = load_campaign(SHIPPED)
    assert len(campaign.swept) > 70
    assert set(campaign.needed_potentials) <= set(campaign.potentials)


def test_all_means_every_composition_with_a_structure(project):
    assert project.load().swept == ("LiAlCl4", "2LiCl-ZrCl4")


def test_a_list_is_swept_in_its_order_and_once(project):
    project.config["sweep"]["compositions"] = ["2LiCl-ZrCl4", "LiAlCl4", "2LiCl-ZrCl4"]
    assert project.load().swept == ("2LiCl-ZrCl4", "LiAlCl4")


def test_temperatures_ascend_and_replicas_count_from_one(project):
    project.config["sweep"] |= {"temperatures_K": [900, 500, 700], "replicas": 3}
    campaign = project.load()
    assert campaign.temperatures_K == [500, 700, 900]
    assert campaign.replicas == [1, 2, 3]


@pytest.mark.parametrize(
    ("swept", "needed"),
    [
        (["LiAlCl4"], ["aluminium", "base"]),
        (["2LiCl-ZrCl4"], ["zirconium", "both", "base"]),
        (["LiAlCl4", "2LiCl-ZrCl4"], ["aluminium", "zirconium", "base", "both"]),
    ],
)
def test_a_potential_needs_the_chain_that_it_starts_from(project, swept, needed):
    project.config["sweep"]["compositions"] = swept
    assert project.load().needed_potentials == needed


def test_foundations_are_told_apart(project, tmp_path):
    path = tmp_path / "mace.model"
    path.write_bytes(b"weights")
    sha256 = "0" * 64
    project.write(potentials=POTENTIALS + f"filed\t{path}\t{sha256}\tgfn1-xtb\tLiAlCl4\tfrom a file\n")
    campaign = project.load()
    assert campaign.potential("base").foundation == {"kind": "none"}
    assert campaign.potential("aluminium").foundation == {"kind": "potential", "name": "base"}
    assert campaign.potential("filed").foundation == {"kind": "file", "path": str(path), "sha256": sha256}


def test_only_the_keys_of_its_recipe_reach_a_training(project):
    project.config["learning"]["training"] |= {"recipe": "lora", "lora_rank": 7}
    before = project.load()
    assert before.potential("base").fine_tuning.settings["recipe"] == "naive"
    assert "lora_rank" not in before.potential("base").fine_tuning.settings
    assert before.potential("aluminium").fine_tuning.settings["lora_rank"] == 7
    project.config["learning"]["training"] |= {"frozen": "products", "replay_weight": 9.0}
    assert (
        project.load().potential("aluminium").fine_tuning.settings == before.potential("aluminium").fine_tuning.settings
    )


def test_a_potential_that_replays_knows_the_elements_of_its_foundation(project):
    assert project.load().potential("aluminium").fine_tuning.learned_elements == ["Al", "Cl", "Li"]
    project.config["learning"]["training"]["recipe"] = "replay"
    assert project.load().potential("aluminium").fine_tuning.learned_elements == ["Al", "Cl", "Li", "Zr"]
    assert not project.load().potential("base").fine_tuning.replays


def filed(project: Project, *, reference: str = "gfn1-xtb", **training: object) -> None:
    """Add a potential whose foundation is a file, with a recipe of its own."""
    model = project.folder / "mace.model"
    model.write_bytes(b"weights")
    project.write(
        potentials=POTENTIALS + f"filed\t{model}\t{'0' * 64}\t{reference}\tLiAlCl4\tfrom a file\n",
        overrides=yaml.safe_dump({"potentials": {"filed": {"learning": {"training": training}}}}),
    )


def structures(project: Project, **changes: str) -> dict:
    """The entry that names structures to replay."""
    (project.folder / "set.extxyz").write_text("structures")
    return {"path": str(project.folder / "set.extxyz"), "sha256": "a" * 64, "dispersion": "none"} | changes


def test_a_foundation_file_replays_nothing_without_structures(project):
    filed(project, recipe="replay")
    (problem,) = project.problems()
    assert problem.startswith("Potential filed: learning.training.recipe is replay, but the frames that ")
    assert "name structures that it labels itself in learning.training.replay_structures, choose frozen" in problem


@pytest.mark.parametrize(
    ("reference", "changes", "sentence"),
    [
        ("gfn1-xtb", {"path": "/lost.extxyz"}, "/lost.extxyz is not there; correct its path, relative"),
        ("gfn1-xtb", {"dispersion": "D3(BJ)"}, "dispersion D3(BJ) is not in the labels of 'gfn1-xtb', or is there"),
        ("r2scan", {"dispersion": "D3(BJ)"}, "dispersion D3(BJ) is not in the labels of 'r2scan', or is there"),
    ],
)
def test_structures_that_cannot_be_replayed_are_refused_before_anything_runs(project, reference, changes, sentence):
    project.config["references"]["r2scan"] = {"like": "pbe-d3", "functional": "r2SCAN", "dispersion": "none"}
    filed(project, reference=reference, recipe="replay", replay_structures=structures(project, **changes))
    (problem,) = project.problems()
    assert problem.startswith(f"Potential filed: learning.training.replay_structures: {sentence}")


def test_structures_to_replay_reach_the_training_of_a_foundation_file_alone(project):
    asked = structures(project, dispersion="D3(BJ)")
    filed(project, reference="pbe-d3", recipe="replay", replay_structures=asked)
    campaign = project.load()
    assert campaign.potential("filed").fine_tuning.replay_structures == asked | {"dispersion": "D3(BJ) of PBE"}
    assert campaign.potential("filed").fine_tuning.settings["replay_structures"] == asked | {
        "dispersion": "D3(BJ) of PBE"
    }
    assert campaign.potential("filed").fine_tuning.learned_elements == ["Al", "Cl", "Li"], (
        "those of its own compositions"
    )
    project.config["learning"]["training"] |= {"recipe": "replay", "replay_structures": asked}
    campaign = project.load()
    for other in ("base", "aluminium"):
        assert "replay_structures" not in campaign.potential(other).fine_tuning.settings
        assert campaign.potential(other).fine_tuning.replay_structures is None


def distilled_then_dft(project: Project, *, reference: str = "pbe-d3", **training: object) -> Campaign:
    """A potential that learned from a universal one, with a committee of three, and one that DFT fine-tunes from it."""
    rows = (
        "distilled\tnone\t-\tdiep-r2scan\tLiAlCl4 2LiCl-ZrCl4\t-\n"
        f"dft\tdistilled\t-\t{reference}\tLiAlCl4\t-\n"
        f"more\tdft\t-\t{reference}\tLiAlCl4\t-\n"
    )
    changed = {"learning": {"committee": 3, "initial_structures": {"prescreen": True}, "training": training}}
    overrides = {"potentials": {name: copy.deepcopy(changed) for name in ("distilled", "dft", "more")}}
    project.write(potentials=POTENTIALS + rows, overrides=yaml.safe_dump(overrides))
    return project.load()


def test_dft_fine_tunes_a_distilled_potential_on_its_own_labels_alone(project):
    campaign = distilled_then_dft(project, recipe="naive")
    distilled, dft, more = (campaign.potential(name) for name in ("distilled", "dft", "more"))
    assert dft.foundation_model == distilled.released_model
    assert dft.training_potentials == ["dft"], "the teacher's labels are not DFT's"
    assert dft.fine_tuning.replayed_frames == dft.fine_tuning.foundation_heldout == []
    assert dft.sampling.prescreening is None, "a frame that the teacher labelled is not one that DFT labelled"
    assert dft.assessment.zero_shot_compositions == ["LiAlCl4"], "what the distilled one errs by is measured"
    assert [Path(path).parts[-2] for path in dft.fine_tuning.isolated_atoms] == ["pbe-d3"] * 3
    assert more.training_potentials == ["more", "dft"]
    assert [each.name for each in more.ancestors] == ["dft", "distilled"]
    assert more.fine_tuning.foundation_heldout == dft.last_generation.test
    assert more.sampling.prescreening
    assert more.assessment.zero_shot_compositions == []


@pytest.mark.parametrize(
    ("reference", "dispersion"), [("pbe-d3", "D3(BJ) of PBE"), ("pbe", "none"), ("gfn1-xtb", "none")]
)
def test_frames_of_a_distilled_potential_are_replayed_with_labels_of_its_own(project, reference, dispersion):
    project.config["references"]["pbe"] = {"like": "pbe-d3", "dispersion": "none"}
    campaign = distilled_then_dft(project, reference=reference, recipe="replay")
    distilled, dft = campaign.potential("distilled"), campaign.potential("dft")
    assert dft.fine_tuning.settings["relabelled_dispersion"] == dispersion
    assert dft.fine_tuning.replayed_frames == distilled.last_generation.train
    assert dft.fine_tuning.foundation_heldout == distilled.last_generation.test
    assert dft.fine_tuning.learned_elements == ["Al", "Cl", "Li"], "those that the reference has labelled alone"
    assert "relabelled_dispersion" not in campaign.potential("more").fine_tuning.settings


def test_structures_that_are_named_take_the_place_of_a_distilled_potentials_own_frames(project):
    asked = structures(project, dispersion="D3(BJ)")
    dft = distilled_then_dft(project, recipe="replay", replay_structures=asked).potential("dft")
    assert dft.fine_tuning.replayed_frames == asked["path"]
    assert dft.fine_tuning.replay_structures == asked | {"dispersion": "D3(BJ) of PBE"}
    assert not dft.fine_tuning.relabels
    assert dft.fine_tuning.foundation_heldout == []
    with pytest.raises(InputError, match=r"Potential dft: .*replay_structures: /lost.extxyz is not there"):
        distilled_then_dft(project, recipe="replay", replay_structures=asked | {"path": "/lost.extxyz"})


def test_another_recipe_reads_no_structures(project):
    filed(project, recipe="lora")
    before = project.load().potential("filed").fine_tuning.settings
    filed(project, recipe="lora", replay_structures=structures(project, path="lost.extxyz"))
    assert project.load().potential("filed").fine_tuning.settings == before


def test_as_many_structures_are_expected_as_are_asked_for(project):
    wildcards = {"potential": "filed", "generation": "1"}
    filed(project, recipe="naive")
    own = training_frame_atoms(project.load(), wildcards)
    filed(project, recipe="replay", replay_ratio=0.5, replay_structures=structures(project))
    assert training_frame_atoms(project.load(), wildcards) == pytest.approx(1.5 * own, rel=0.05)


@pytest.mark.parametrize("size", [1, 7, 20, 1000])
def test_chunks_hold_the_most_frames_that_a_generation_can_ask_for(project, size):
    project.config["labels"]["chunk_frames"] = size
    seeds, selection = project.config["learning"]["initial_structures"], project.config["learning"]["selection"]
    campaign = project.load()
    for generation, most in ((0, seeds["cells"] * seeds["frames_per_cell"]), (1, selection["frames"])):
        for potential, members in (("aluminium", 1), ("zirconium", 2)):
            chunks = campaign.potential(potential).chunks(generation)
            assert chunks == list(range(math.ceil(members * most / size)))
            assert len(chunks) * size >= members * most > (len(chunks) - 1) * size


def test_an_override_of_a_potential_changes_its_chunks_alone(project):
    project.write(overrides="potentials: {zirconium: {labels: {chunk_frames: 1}, learning: {generations: 1}}}")
    campaign = project.load()
    assert len(campaign.potential("zirconium").chunks(1)) == 2 * SHIPPED["learning"]["selection"]["frames"]
    assert len(campaign.potential("aluminium").chunks(1)) == 1
    assert campaign.potential("zirconium").generations == [0, 1]
    assert campaign.potential("aluminium").generations == list(range(SHIPPED["learning"]["generations"] + 1))


def test_an_override_of_a_composition_changes_that_one_alone(project):
    project.write(overrides="compositions: {LiAlCl4: {dynamics: {production: {duration_ps: 70.0}}}}")
    campaign = project.load()
    assert campaign.composition("LiAlCl4").production_dynamics["production"]["duration_ps"] == 70.0
    assert campaign.composition("2LiCl-ZrCl4").section("dynamics") == SHIPPED["dynamics"]


def test_production_does_not_touch_the_quench_nor_the_quench_the_production(project):
    before = project.load()
    project.config["dynamics"]["production"]["duration_ps"] += 1
    longer = project.load()
    assert longer.composition("LiAlCl4").quench_dynamics == before.composition("LiAlCl4").quench_dynamics
    assert longer.potential("aluminium").sampling.dynamics == before.potential("aluminium").sampling.dynamics
    assert longer.composition("LiAlCl4").production_dynamics != before.composition("LiAlCl4").production_dynamics
    project.config["dynamics"]["quench"]["melt_ps"] += 1
    assert (
        project.load().composition("LiAlCl4").production_dynamics == longer.composition("LiAlCl4").production_dynamics
    )
    assert project.load().composition("LiAlCl4").quench_dynamics != longer.composition("LiAlCl4").quench_dynamics


def test_shared_errors_are_part_of_a_state_point_only_where_they_are_shared(project):
    equal = project.load().composition("LiAlCl4").production_dynamics["production"]["until_known"]
    assert set(equal) == {"least_ps", "D_relative_error", "sigma_E_relative_error"}
    project.config["dynamics"]["production"]["until_known"]["equal_errors"] = False
    campaign = project.load()
    shared = campaign.composition("LiAlCl4").production_dynamics["production"]["until_known"]
    assert {name: shared[name] for name in equal} == equal
    assert list(shared["error_factors"]) == [str(kelvin) for kelvin in campaign.temperatures_K]
    for kelvin in campaign.temperatures_K:
        factor = shared["error_factors"][str(kelvin)]
        assert wanted_errors(shared, float(kelvin)) == (factor * 0.1, factor * 0.25)
        assert wanted_errors(equal, float(kelvin)) == (0.1, 0.25)


def test_operational_settings_of_a_reference_are_no_part_of_its_identity(project):
    before = project.load().reference_identity("pbe-d3")
    project.config["references"]["pbe-d3"]["command"] = "mpiexec cp2k.psmp -s"
    assert project.load().reference_identity("pbe-d3") == before
    project.config["references"]["pbe-d3"]["cutoff_Ry"] = 1000.0
    assert project.load().reference_identity("pbe-d3") != before


def test_elements_are_those_of_the_members(project):
    campaign = project.load()
    assert campaign.potential("zirconium").elements == ["Al", "Cl", "Li", "Zr"]
    assert campaign.potential("aluminium").elements == ["Al", "Cl", "Li"]


def test_literature_values_are_no_part_of_an_identity(project):
    before = project.load()
    project.write(compositions=COMPOSITIONS.replace("0.1\t30\trecalled", "0.2\t30\trecalled"))
    after = project.load()
    assert before.literature["LiCl"]["sigma_mS_cm"] == 0.1
    assert after.literature["LiCl"]["sigma_mS_cm"] == 0.2
    assert after.composition("LiCl").identity == before.composition("LiCl").identity


def leaves(value: object):
    """Everything inside nested lists and dicts, the keys included; any other container is a leaf."""
    if type(value) is dict:
        for key, inner in value.items():
            yield key
            yield from leaves(inner)
    elif type(value) is list:
        for inner in value:
            yield from leaves(inner)
    else:
        yield value


def handed_to_rules(campaign: Campaign):
    for name in campaign.swept:
        yield [
            campaign.composition(name).identity,
            campaign.composition(name).literature,
            campaign.composition(name).structure_file,
        ]
        yield [campaign.composition(name).section(section) for section in ("cells", "transport")]
        yield [campaign.composition(name).quench_dynamics, campaign.composition(name).production_dynamics]
    for name in campaign.needed_potentials:
        yield [
            campaign.potential(name).learning,
            campaign.potential(name).sampling.dynamics,
            campaign.potential(name).training_compositions,
        ]
        yield [
            campaign.potential(name).foundation,
            campaign.potential(name).elements,
            campaign.potential(name).generations,
            campaign.potential(name).committee,
        ]
        yield [campaign.potential(name).chunks(generation) for generation in campaign.potential(name).generations]
    yield [campaign.reference_identity(name) for name in campaign.settings.references]
    yield [campaign.modules(name) for name in ("workflow", "reference")]
    yield [campaign.temperatures_K, campaign.replicas, campaign.needed_potentials, campaign.settings.sweep.seed]


def test_all_that_a_rule_gets_is_plain_builtins():
    """Snakemake does not see a change inside anything else."""
    found = [leaf for handed in handed_to_rules(load_campaign(SHIPPED)) for leaf in leaves(handed)]
    assert len(found) > 1000
    assert {type(leaf) for leaf in found} <= set(BUILTINS)


def test_a_table_that_is_nowhere_is_named(project):
    project.config["tables"]["potentials"] = "potetials.tsv"
    (sentence,) = project.problems()
    assert sentence == (
        "tables.potentials: there is no file 'potetials.tsv'; correct its path, which is relative to the file of "
        "settings that names it."
    )


def test_every_unknown_or_empty_composition_of_the_sweep_is_listed_at_once(project):
    project.config["sweep"]["compositions"] = ["LiAlCl4", "LiAlBr4", "LiCl", "KCl"]
    sentences = project.problems()
    assert len(sentences) == 3
    assert all("sweep.compositions: " in sentence for sentence in sentences)
    assert [name for name in ("LiAlBr4", "LiCl", "KCl") if not any(f"'{name}'" in each for each in sentences)] == []


def test_every_problem_of_a_table_is_listed_at_once(project):
    broken = COMPOSITIONS.replace("Al:+3", "Al:+2").replace("2LiCl-ZrCl4", "../Zr")
    broken = broken.replace("Li:+1 Cl:-1", "Li:+2 Cl:-1")
    project.write(compositions=broken)
    sentences = project.problems()
    assert len(sentences) >= 3
    assert [word for word in ("(LiAlCl4)", "../Zr", "(LiCl)") if not any(word in each for each in sentences)] == []


def test_an_id_that_is_not_in_the_table_gives_a_sentence(project):
    with pytest.raises(InputError, match="'LiF' is not in compositions.tsv; correct the id or add a row"):
        assert project.load().composition("LiF").identity


def test_a_foundation_judges_seeds_and_is_compared_only_where_there_is_one(project):
    """Its committee must spread, so one model judges nothing; what starts from scratch has nothing to remember."""
    project.write(overrides="potentials:\n  both:\n    learning: {generations: 0, committee: 1}\n")
    campaign = project.load()
    assert (
        campaign.potential("base").sampling.prescreening
        is campaign.potential("base").assessment.forgetting_check
        is None
    )
    assert (
        campaign.potential("aluminium").sampling.prescreening == campaign.potential("aluminium").learning["selection"]
    )
    assert campaign.potential("zirconium").sampling.prescreening is None, "both has one model"
    assert campaign.potential("zirconium").assessment.forgetting_check == SHIPPED["learning"]["forgetting_check"]
    assert (
        campaign.potential("zirconium").assessment.zero_shot_compositions
        == campaign.potential("base").assessment.zero_shot_compositions
        == []
    )


def test_diffusion_is_compared_where_it_is_asked_for(project):
    project.write(overrides="potentials:\n  both:\n    learning: {convergence: {diffusion: null}}\n")
    campaign = project.load()
    assert campaign.potential("base").assessment.convergence == SHIPPED["learning"]["convergence"]
    assert campaign.potential("base").assessment.packed_compositions == ["LiAlCl4", "2LiCl-ZrCl4"]
    assert not campaign.potential("both").assessment.compares_diffusion
    assert "diffusion" not in campaign.potential("both").assessment.convergence


# ── compositions left out ──────────────────────────────────────────────────────────────────────

MORE = "salts\tboth\t-\tgfn1-xtb\tLiAlCl4 LiAl2Cl7 2LiCl-ZrCl4\tthree members\n"
LARGER = """LiAl2Cl7	LiAl2Cl7	-	-	Li	Li:+1 Al:+3 Cl:-1	\
chloride	salts	pack	1.7	guess	-	-	-	-	-	for the test	-
"""


@pytest.fixture
def salts(project: Project) -> Project:
    """With a potential of three compositions, two of which have the same elements."""
    project.write(compositions=COMPOSITIONS + LARGER, potentials=POTENTIALS + MORE)
    return project


def override(project: Project, potential: str, *names: str) -> None:
    entry = {"potentials": {potential: {"learning": {"loco_compositions": list(names)}}}}
    project.write(overrides=yaml.safe_dump(entry))


def test_a_potential_leaves_out_its_members_once_and_says_who_has_met_them(salts):
    salts.config["learning"]["loco_compositions"] = ["LiAl2Cl7", "LiAl2Cl7"]
    campaign = salts.load()
    assert campaign.potential("salts").loco.compositions == ["LiAl2Cl7"]
    assert campaign.potential("base").loco.compositions == []
    assert campaign.with_loco == ["salts"]
    assert campaign.potential("salts").loco.seen_by_ancestors == {"LiAl2Cl7": []}
    override(salts, "salts", "LiAlCl4")
    assert salts.load().potential("salts").loco.seen_by_ancestors == {"LiAlCl4": ["both", "base"]}
    override(salts, "salts")
    assert salts.load().with_loco == []


@pytest.mark.parametrize(
    ("potential", "name", "sentence"),
    [
        (
            None,
            "LiAl2Cl8",
            "learning.loco_compositions: 'LiAl2Cl8' trains no potential (did you mean 'LiAl2Cl7'?); name a",
        ),
        (
            None,
            "LiCl",
            "learning.loco_compositions: 'LiCl' trains no potential; name a composition of potentials.tsv",
        ),
        (
            "aluminium",
            "LiAlCl4",
            "Potential aluminium: learning.loco_compositions: nothing but 'LiAlCl4' trains it; take it",
        ),
        (
            "both",
            "LiAl2Cl7",
            "Potential both: learning.loco_compositions: 'LiAl2Cl7' does not train it; name one of its",
        ),
        (
            "salts",
            "2LiCl-ZrCl4",
            "Potential salts: learning.loco_compositions: without '2LiCl-ZrCl4' nothing that trains it cont",
        ),
    ],
)
def test_what_cannot_be_left_out_is_refused_in_a_sentence(salts, potential, name, sentence):
    if potential:
        override(salts, potential, name)
    else:
        salts.config["learning"]["loco_compositions"] = [name]
    (problem,) = salts.problems()
    assert problem.startswith(sentence)


def test_a_composition_that_is_all_that_its_potentials_learn_is_refused(project):
    alone = "alone\tnone\t-\tgfn1-xtb\tLiAl2Cl7\tone member\n"
    project.write(compositions=COMPOSITIONS + LARGER.replace("\tsalts\t", "\talone\t"), potentials=POTENTIALS + alone)
    project.config["learning"]["loco_compositions"] = ["LiAl2Cl7"]
    (problem,) = project.problems()
    assert problem.startswith(
        "learning.loco_compositions: the potential that 'LiAl2Cl7' trains has no other composition; take"
    )


def test_a_decimal_stoichiometry_is_rounded_where_the_key_confirms_it(project):
    row = COMPOSITIONS.replace("LiAlCl4\tLiAlCl4\t", "LiAlCl4\tLi1.003AlCl4.003\t")
    project.write(compositions=row)
    (problem,) = project.problems()
    assert "the nearest neutral formula is LiAlCl4 (Li -0.3 %, Cl -0.075 %)" in problem
    assert "cells.formula_rounding: 0.003" in problem
    project.config["cells"]["formula_rounding"] = 0.003
    assert project.load().compositions["LiAlCl4"].formula == "LiAlCl4"
