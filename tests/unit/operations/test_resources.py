"""What jobs ask for: work counted by hand, requests that follow it, and walltimes that a site allows."""

import copy
import re
from dataclasses import replace
from pathlib import Path

import pytest

from saltflow.base.errors import InputError
from saltflow.campaign.campaign import Campaign
from saltflow.campaign.config_files import read_configuration
from saltflow.campaign.crystals_table import CrystalRow
from saltflow.campaign.family import read_family
from saltflow.campaign.hosts_table import HostRow
from saltflow.campaign.loading import load_campaign
from saltflow.campaign.settings.electrodes import ElectrodeOptions
from saltflow.learning.sampling.driving import RELAX_STEPS
from saltflow.operations import cost_model
from saltflow.operations.plan.calibration import SUBMITTED, read_calibration
from saltflow.operations.resources import (
    cores,
    done_by,
    escalated_MB,
    job_group,
    memory_MB,
    needed_min,
    place,
    runtime_min,
    site_requests,
    work_of,
)
from saltflow.operations.rules import RULE

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = read_configuration([])
# For rules of studies; the shipped catalogue has no crystal.
FAMILY = read_family(ROOT / "tests/tiny/family.yaml")
CRYSTALS = {"LiCl": CrystalRow("LiCl", "LiCl.cif", "Li", "Al-oxyhalide", composition="LiAlCl2.5O0.75")}
OPTIONS = ElectrodeOptions(repeat=[2, 2, 1], transport=[600.0, 800.0], cycles=1)
HOSTS = {"LiCoO2": HostRow("LiCoO2", "LiCoO2.cif", "Li", "Al-oxyhalide", composition="", options=OPTIONS)}
OXYHALIDE, CHLORIDE = {"composition": "LiAlCl2.5O0.75"}, {"composition": "LiCl-TaCl5"}
POINT = OXYHALIDE | {"temperature": "500"}
TRAINED = {"potential": "Al-oxyhalide", "generation": "2", "member": "1", "chunk": "0"}
MEMBERS = 9


def campaign(changes: dict | None = None) -> Campaign:
    """The shipped campaign with values changed: 'section.key' → value."""
    config = copy.deepcopy(SHIPPED)
    for path, value in (changes or {}).items():
        *sections, key = path.split(".")
        section = config
        for name in sections:
            section = section[name]
        assert key in section
        section[key] = value
    config["screening"]["potential"] = "Al-oxyhalide"
    return replace(load_campaign(config), crystals=CRYSTALS, electrodes=HOSTS, family=FAMILY)


def wildcards_of(rule: str) -> dict[str, str]:
    """Wildcards of some job of any rule."""
    crystal = {"structure": "LiCl"} if "{structure}" in RULE[rule].product else {}
    crystal |= {"part": "0"} if "{part}" in RULE[rule].product else {}
    host = {"electrode": "LiCoO2"} if "{electrode}" in RULE[rule].product else {}
    return TRAINED | POINT | {"replica": "1", "reference": "pbe-d3", "element": "Li"} | crystal | host


# ── work ───────────────────────────────────────────────────────────────────────────────────────


def test_a_point_has_the_steps_of_all_its_stages_for_the_atoms_of_all_its_replicas():
    changes = {"cells.atoms": 84, "sweep.replicas": 2}
    work = work_of(campaign(changes), "run_md", POINT)
    # LiAlCl2.5O0.75: 21 atoms in the smallest cell; oxygen asks for steps of 1 fs
    assert work == (2 * 84 * (100 + 20 + 10_000) * 1000, "atom-steps")


def test_the_timestep_counts():
    heavy, light = (work_of(campaign(), "quench_cell", each | {"replica": "1"}) for each in (CHLORIDE, OXYHALIDE))
    assert heavy.amount / light.amount == pytest.approx(0.5, rel=0.05)


def test_a_crystal_is_relaxed_and_annealed_but_not_melted():
    tables = {f"tables.{name}": f"tests/tiny/{name}.tsv" for name in ("compositions", "potentials")}
    tiny = campaign(tables)
    crystal = {"composition": "LiCl-crystal", "replica": "1"}
    assert cost_model.cell_atoms(tiny, crystal) == 550
    assert work_of(tiny, "quench_cell", crystal).amount == 550 * (200 + 50 * 1000 / 2)


def test_all_chunks_together_hold_the_frames_of_a_generation():
    ours = campaign({"labels.chunk_frames": 50})
    chunks = [TRAINED | {"chunk": str(number)} for number in ours.potential("Al-oxyhalide").chunks(2)]
    frames = [work_of(ours, "label_frames", chunk).amount // 84 for chunk in chunks]
    assert frames == [50, 50, 50, 30]
    assert sum(frames) == 20 * MEMBERS


def test_training_grows_with_the_generations_and_leaves_out_what_is_held_out():
    first, second, third = (
        work_of(campaign(), "fine_tune", TRAINED | {"generation": number}).amount for number in "012"
    )
    assert first == MEMBERS * (8 - 2) * 5 * 84 * 200
    assert second - first == third - second == MEMBERS * (20 - 4) * 84 * 200


def test_a_training_without_a_composition_lacks_its_frames_and_each_committee_is_asked_of_all_held_out_ones():
    ours = campaign({"learning.loco_compositions": ["LiAlI2.5O0.75", "KAlI2.5O0.75"]})
    full = work_of(ours, "fine_tune", TRAINED).amount
    assert work_of(ours, "fine_tune_loco", TRAINED | {"excluded": "LiAlI2.5O0.75"}).amount == full * 8 / 9
    heldout = MEMBERS * (2 * 5 + 4 * 4)
    assert work_of(ours, "assess_loco", {"potential": "Al-oxyhalide"}).amount == heldout * 84 * 4 * 3


def test_replayed_frames_are_trained_on_too():
    trained = [
        work_of(campaign({"learning.training.recipe": recipe, **changes}), "fine_tune", TRAINED).amount
        for recipe, changes in (
            ("naive", {}),
            ("replay", {"learning.training.replay_ratio": 0.5}),
            ("replay", {"learning.training.replay_ratio": 1e6}),
        )
    ]
    frames = MEMBERS * ((8 - 2) * 5 + 2 * (20 - 4))
    known = 14 * ((8 - 2) * 5 + 4 * (20 - 4))
    assert trained[0] == frames * 84 * 200
    assert (trained[1] - trained[0]) / trained[0] == pytest.approx(0.5, rel=0.1)
    assert (trained[2] - trained[0]) / trained[0] == pytest.approx(known / frames, rel=0.1)


def test_an_assessment_asks_the_models_of_the_generation_before_again():
    first, second = (work_of(campaign(), "assess_potential", TRAINED | {"generation": each}).amount for each in "01")
    assert first == MEMBERS * 2 * 5 * 84 * 4
    assert second == MEMBERS * (2 * (2 * 5 + 4) + 20) * 84 * 4, "and the 20 new labels by the former models"


def test_a_family_is_dealt_to_jobs_that_cost_their_share():
    """Three members with two phases each, of 30 atoms and 300 steps, in one job or in three."""
    where = wildcards_of("relax_family")
    for together, share in ((200, 9), (1, 3)):
        ours = campaign({"screening.members_per_job": together})
        assert work_of(ours, "relax_family", where) == (share * 30 * 300, "atom-steps")
        assert ours.screened.relaxations == 9 // share
    without = replace(FAMILY, funnel=FAMILY.funnel | {"barrier_eV": None, "temperatures_K": None})
    ours = (replace(campaign(), family=without), campaign())
    cheap, dear = (work_of(each, "study_survivors", where).amount for each in ours)
    assert 0 < cheap < 0.1 * dear


def test_barriers_of_the_cheapest_hops_cost_less_and_vibrations_more():
    where = wildcards_of("compute_barriers")

    def expected(changes):
        ours = campaign({f"barriers.{key}": value for key, value in changes.items()})
        rule = RULE["compute_barriers"]
        return rule.work(ours, where) * rule.expected_share(ours, where)

    assert expected({"cheapest": 1}) == pytest.approx(3 / 8 * expected({}))
    vibrations = expected({"prefactor_radius_A": 4.0}) - expected({})
    # 27 atoms of 10 Å³ within 4 Å, displaced along three axes both ways, in three states of eight hops of 100 atoms
    assert vibrations == pytest.approx(8 * 27 * 18 * 100)


def test_electrodes_cost_their_relaxations_and_their_dynamics():
    work = work_of(campaign(), "compute_electrode", wildcards_of("compute_electrode")).amount
    # 120 atoms with 36 sites: 5 × 6 candidates, 72 steps of 6 choices; 72 ps, and 5 × 2 × 2 runs of 50 ps, of 1 fs
    assert work == 120 * ((5 * 6 + 72 * 6) * 300 + 72 * 1000 + 5 * 2 * 2 * 50_000)


def test_seeds_without_a_foundation_are_only_packed():
    packed = work_of(campaign(), "propose_initial_frames", {"potential": "oxyhalide-base"}).amount
    melted = work_of(campaign(), "propose_initial_frames", {"potential": "Al-oxyhalide"}).amount
    assert packed < 14 * 8 * 100
    assert melted > 9 * 8 * 80 * 500


def test_cells_of_a_sampling_are_relaxed_as_long_as_counted():
    assert cost_model.RELAX_STEPS == RELAX_STEPS


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("reference", ["gfn1-xtb", "pbe-d3", "pbe-d3-qe", "pbe-d3-gpaw"])
@pytest.mark.parametrize("rule", RULE)
def test_every_job_has_work_a_calibration_and_a_ceiling_well_above_it(rule, device, reference):
    ours, where = campaign({"execution.device": device}), wildcards_of(rule) | {"reference": reference}
    work, rates = work_of(ours, rule, where), read_calibration([ROOT])
    rate = rates[rule, done_by(ours, rule, where)]
    assert work.amount > 0
    assert work.unit == rate.unit
    expected_s = rate.seconds(work.amount) + rates[SUBMITTED, ""].seconds_per_unit
    assert 60 * needed_min(ours, rule, where) >= 2 * expected_s


# ── memory ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("rule", RULE)
def test_memory_holds_the_script_and_two_snakemakes(rule):
    need_MB = RULE[rule].memory_MB(campaign(), wildcards_of(rule))
    assert need_MB + 300 <= memory_MB(campaign(), rule, wildcards_of(rule)) < need_MB + 400


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("run_md", {"cells.atoms": 2600}),
        ("run_md", {"sweep.replicas": 6}),
        ("quench_cell", {"cells.atoms": 2600}),
        ("analyse_transport", {"dynamics.production.duration_ps": 40_000.0}),
        ("explore", {"learning.exploration.cells": 8}),
        ("label_frames", {"learning.exploration.atoms": 160}),
        ("fine_tune", {"learning.training.batch_frames": 16}),
        ("compute_barriers", {"barriers.prefactor_radius_A": 8.0}),
        ("study_survivors", {"barriers.edge_A": 10.0}),
    ],
)
def test_memory_grows_with_atoms_and_frames(rule, change):
    before, after = (memory_MB(campaign(changes), rule, wildcards_of(rule)) for changes in (None, change))
    assert after > 1.1 * before


def test_memory_doubles_after_each_attempt_that_ran_out_of_it():
    assert [escalated_MB(3000, out_of_memory=times) for times in range(3)] == [3000, 6000, 12_000]


# ── walltime ───────────────────────────────────────────────────────────────────────────────────


def limited(minutes: int | None, changes: dict | None = None) -> Campaign:
    limits = {f"execution.site.{where}.longest_min": minutes for where in ("cpu", "gpu")}
    return campaign(limits | (changes or {}))


@pytest.mark.parametrize("rule", RULE)
def test_without_a_limit_a_job_asks_for_what_it_needs(rule):
    where = wildcards_of(rule)
    assert runtime_min(limited(None), rule, where) == needed_min(limited(None), rule, where) >= 10


@pytest.mark.parametrize("rule", ["run_md", "label_frames", "fine_tune"])
def test_a_job_that_resumes_is_cut_at_the_longest_walltime(rule):
    assert runtime_min(limited(60), rule, wildcards_of(rule)) == 60


def test_a_job_that_cannot_resume_is_refused_with_the_key_to_raise():
    with pytest.raises(InputError, match=r"assess_potential .* cannot resume, but execution\.site\.cpu\.longest_min"):
        runtime_min(limited(20), "assess_potential", wildcards_of("assess_potential"))


@pytest.mark.parametrize("rule", ["quench_cell", "explore", "analyse_transport", "label_atom", "run_md"])
@pytest.mark.parametrize("longest", [None, 3000])
def test_a_submission_with_several_jobs_keeps_to_the_longest_walltime(rule, longest):
    ours = limited(longest)
    jobs = job_group(ours, rule, wildcards_of(rule))
    asked = sum(runtime_min(ours, name, where) for name, where in jobs)
    assert (rule, wildcards_of(rule)) in jobs
    if longest is None:
        assert asked == sum(needed_min(ours, name, where) for name, where in jobs)
    else:
        assert 0 < asked <= longest


def test_analyses_of_a_composition_that_do_not_fit_together_are_refused():
    ours = limited(300)
    assert needed_min(ours, "analyse_transport", POINT) < 300
    with pytest.raises(InputError, match="in one job and cannot resume"):
        runtime_min(ours, "analyse_transport", POINT)


# ── where ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("rule", RULE)
def test_without_gpus_everything_runs_on_cpu_nodes(rule):
    assert place(campaign({"execution.device": "cpu"}), rule, wildcards_of(rule)) == "cpu"


def test_only_models_at_work_need_a_gpu():
    on_gpus = {rule for rule in RULE if place(campaign(), rule, wildcards_of(rule)) == "gpu"}
    assert on_gpus == {
        "propose_initial_frames",
        "explore",
        "select_frames",
        "fine_tune",
        "fine_tune_loco",
        "quench_cell",
        "quench_replicas",
        "run_md",
        "run_state_points",
        "run_constrained_md",
        "compute_barriers",
        "compute_electrode",
        "relax_family",
        "study_survivors",
    }
    assert place(campaign(), "propose_initial_frames", {"potential": "oxyhalide-base"}) == "cpu"


@pytest.mark.parametrize(("device", "where"), [("cpu", "cpu"), ("cuda", "gpu")])
def test_a_teacher_labels_where_its_device_is(device, where):
    teacher = TRAINED | {"reference": "chgnet-pbe"}
    changed = campaign({"references.chgnet-pbe.device": device, "execution.device": "cpu"})
    assert place(changed, "label_frames", teacher) == where
    assert done_by(changed, "label_frames", teacher) == "universal"


def test_a_site_is_told_what_was_filled_in_and_a_model_only_with_a_gpu():
    ours = campaign(
        {
            "execution.site.account": "project123",
            "execution.site.cpu.partition": "long",
            "execution.site.gpu.partition": "gpu",
            "execution.site.gpu.model": "h200",
            "execution.site.gpu.constraint": "None",  # as Snakemake hands on a null of a profile
        }
    )
    assert site_requests(ours, "cpu") == {"slurm_account": "project123", "slurm_partition": "long"}
    assert site_requests(ours, "gpu") == {
        "slurm_account": "project123",
        "slurm_partition": "gpu",
        "gpu_model": "h200",
    }


def test_every_rule_has_a_task():
    rules = "\n".join(path.read_text() for path in sorted((ROOT / "rules").rglob("*.smk")))
    assert set(re.findall(r"^(?:use rule \w+ as|rule) (\w+)(?: with)?:$", rules, flags=re.M)) == set(RULE)


@pytest.mark.parametrize(
    ("atoms", "most", "threads", "wanted"), [(80, 64, 1, 11), (80, 8, 1, 8), (80, 64, 2, 22), (7, 64, 4, 12)]
)
def test_ranks_follow_the_atoms_up_to_the_node(atoms, most, threads, wanted):
    settings = {"learning.initial_structures.atoms": atoms, "learning.exploration.atoms": atoms}
    asked = {"most_cores": most, "atoms_per_rank": 8, "threads_per_rank": threads}
    settings |= {f"execution.labelling.{key}": value for key, value in asked.items()}
    parallel = campaign(settings | {"references.pbe-d3.command": "mpiexec -np {ranks} cp2k.psmp -s"})
    largest = cost_model.largest_labelled(parallel, TRAINED)
    assert largest in (21, 84)
    assert cores(parallel, "label_frames", TRAINED) == wanted
    assert cores(campaign(settings), "label_frames", TRAINED) == 1
    assert cores(parallel, "fine_tune", TRAINED) == 1
    if wanted > 1:
        assert memory_MB(parallel, "label_frames", TRAINED) > memory_MB(campaign(settings), "label_frames", TRAINED)
        assert needed_min(parallel, "label_frames", TRAINED) < needed_min(campaign(settings), "label_frames", TRAINED)
