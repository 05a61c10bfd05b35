"""The rules of the workflow, one row each, in the order of the flow.

A new rule is a block in rules/*.smk, an entry script of its name, and a row here.
"""

from collections.abc import Mapping

from saltflow.campaign.campaign import Campaign
from saltflow.campaign.generation_files import ROOT as POTENTIALS
from saltflow.operations import cost_model, memory_model, storage_model
from saltflow.operations.job_sets import (
    if_crystals,
    if_electrodes,
    if_family,
    if_requested,
    once,
    once_for_all,
    per_chunk,
    per_composition,
    per_composition_quenched_together,
    per_composition_run_together,
    per_constrained_composition,
    per_constrained_run,
    per_constrained_temperature,
    per_crystal,
    per_crystal_with_md,
    per_domain,
    per_driving_potential,
    per_electrode,
    per_element,
    per_generation,
    per_loco_member,
    per_loco_potential,
    per_member,
    per_potential,
    per_relaxation,
    per_replica,
    per_replica_quenched_alone,
    per_state_point,
    per_state_point_alone,
    per_study,
    per_trained_potential,
)
from saltflow.operations.memory_model import fixed, of_batch
from saltflow.operations.rule_spec import Deletable, JobGroup, RuleSpec, UpperBound, Wildcards

POTENTIAL = f"{POTENTIALS}/{{potential}}"
GENERATION = f"{POTENTIAL}/generation{{generation}}"
COMPOSITION = "results/{composition}"
REPLICA = f"{COMPOSITION}/replica{{replica}}"
STATE_POINT = f"{COMPOSITION}/md/{{temperature}}K"
CONSTRAINED = f"{COMPOSITION}/coupling/{{mode}}/{{temperature}}K"
BARRIERS = "results/studies/barriers"
SCREENING = "results/studies/screening"
ELECTRODES = "results/studies/electrodes"
SUMMARY = "results/summary"

# Upper bounds are policy, not estimates: long enough for a job, short enough for a queue. Seconds on the CPU were
# measured on one core by the demonstration (42 atoms, 16 channels) and are a hundredfold for the models of production.
# Those of cuda and of DFT codes beyond 42 atoms are assumed.
DFT_CODES = ("cp2k", "quantum-espresso", "gpaw")
SAMPLING = {"cpu": UpperBound(600, 1e-2), "cuda": UpperBound(600, 6e-5)}
UNIVERSAL = {"universal": UpperBound(300, 0.1)}
DYNAMICS = {"cpu": UpperBound(300, 1e-2), "cuda": UpperBound(300, 6e-5), **UNIVERSAL}
TRAINING = {"cpu": UpperBound(300, 3e-2), "cuda": UpperBound(300, 1e-3)}
EVALUATION = {"": UpperBound(120, 5e-2)}


def _sampling(_campaign: Campaign, wildcards: Wildcards) -> list[tuple[str, Wildcards]]:
    return [("explore", wildcards), ("select_frames", wildcards)]


def _replicas(campaign: Campaign, wildcards: Wildcards) -> list[tuple[str, Wildcards]]:
    return [("quench_cell", {**wildcards, "replica": str(replica)}) for replica in campaign.replicas]


def _atoms(campaign: Campaign, wildcards: Wildcards) -> list[tuple[str, Wildcards]]:
    elements = campaign.reference_elements(wildcards["reference"])
    return [("label_atom", {**wildcards, "element": element}) for element in elements]


def _melts(campaign: Campaign, wildcards: Wildcards) -> bool:
    """Whether initial structures are melted by a foundation; else they are only packed and displaced."""
    return campaign.potential(wildcards["potential"]).row.foundation != "none"


def _analyses(campaign: Campaign, wildcards: Wildcards) -> list[tuple[str, Wildcards]]:
    own = {"composition": wildcards["composition"]}
    points = [{**wildcards, "temperature": str(kelvin)} for kelvin in campaign.temperatures_K]
    rules = [spec for spec in RULES if spec.group is ANALYSES]
    return [
        (spec.name, where)
        for spec in rules
        for where in (points if "temperature" in spec.wildcards else [own])
        if spec.is_requested(campaign)
    ]


def _constrained(campaign: Campaign, wildcards: Wildcards) -> list[tuple[str, Wildcards]]:
    composition = campaign.composition(wildcards["composition"])
    return [
        ("analyse_constrained_md", {**wildcards, "mode": mode, "temperature": str(kelvin)})
        for mode in composition.frozen_modes
        for kelvin in composition.constrained_temperatures_K
    ]


def _crystals(campaign: Campaign, wildcards: Wildcards) -> list[tuple[str, Wildcards]]:
    batch = campaign.crystal(wildcards["structure"]).batch
    together = campaign.settings.barriers.structures_per_submission
    names = list(campaign.crystals)[batch * together : (batch + 1) * together]
    return [("compute_barriers", {"structure": name}) for name in names]


def _batch(campaign: Campaign, wildcards: Wildcards) -> Wildcards:
    return {"batch": str(campaign.crystal(wildcards["structure"]).batch)}


def _hosts(campaign: Campaign, wildcards: Wildcards) -> list[tuple[str, Wildcards]]:
    batch = campaign.electrode(wildcards["electrode"]).batch
    together = campaign.settings.electrodes.structures_per_submission
    names = list(campaign.electrodes)[batch * together : (batch + 1) * together]
    return [("compute_electrode", {"electrode": name}) for name in names]


def _batch_of_hosts(campaign: Campaign, wildcards: Wildcards) -> Wildcards:
    return {"batch": str(campaign.electrode(wildcards["electrode"]).batch)}


QUENCH_SIZES = {
    ".extxyz": storage_model.structures(cost_model.cell_atoms),
    ".h5md": storage_model.trajectory(storage_model.quench_frames),
}
QUENCH_DELETABLE = (
    Deletable(
        "quench.h5md", "trajectories of the quench", "a look at the melt; no step reads it", "may be deleted now"
    ),
)
PRODUCTION_SIZES = {".h5md": storage_model.trajectory(storage_model.production_frames)}
PRODUCTION_DELETABLE = (
    Deletable("*.h5md", "production trajectories", "every other analysis: it runs the MD again", "only when archived"),
)
ANALYSES = JobGroup("analysis_{composition}", _analyses)

RULES: tuple[RuleSpec, ...] = (
    # ── labels ─────────────────────────────────────────────────────────────────────────────────
    RuleSpec(
        "label_atom",
        stage="labels",
        product="results/references/{reference}/{element}.json",
        environment="reference",
        jobs=per_element,
        unit="isolated atoms",
        work=cost_model.one,
        memory_MB=fixed(1200),
        protocol="labels.protocol",
        upper_bounds={
            **dict.fromkeys(DFT_CODES, UpperBound(60, 300)),
            "tblite": UpperBound(30, 5),
            "universal": UpperBound(300, 60),
            "vasp": UpperBound(60, 600),
        },
        group=JobGroup("atoms_{reference}", _atoms),
    ),
    RuleSpec(
        "propose_initial_frames",
        stage="labels",
        product=f"{POTENTIAL}/generation0/frames.extxyz",
        environment="dynamics",
        jobs=per_trained_potential,
        unit="atom-steps",
        work=cost_model.initial_atom_steps,
        memory_MB=of_batch(cost_model.initial_atoms),
        protocol="learning.protocol",
        uses_device=_melts,
        upper_bounds=SAMPLING | UNIVERSAL,
        resumes=True,
        sizes={".extxyz": storage_model.structures(cost_model.labelled_frame_atoms)},
    ),
    RuleSpec(
        "explore",
        stage="labels",
        product=f"{GENERATION}/exploration.extxyz",
        environment="dynamics",
        jobs=per_generation(first=1),
        unit="atom-steps",
        work=cost_model.exploration_atom_steps,
        memory_MB=of_batch(cost_model.explored_atoms),
        upper_bounds=SAMPLING,
        resumes=True,
        passes_on=True,
        group=JobGroup("sampling_{potential}_{generation}", _sampling),
        sizes={".extxyz": storage_model.structures(cost_model.explored_frame_atoms)},
        deletable=(
            Deletable(
                "exploration.extxyz",
                "explorations",
                "other frames to label need the exploration again",
                "may be deleted now",
            ),
        ),
    ),
    RuleSpec(
        "select_frames",
        stage="labels",
        product=f"{GENERATION}/frames.extxyz",
        environment="learning",
        jobs=per_generation(first=1),
        unit="frame-atoms",
        work=cost_model.explored_frame_atoms,
        memory_MB=of_batch(cost_model.explored_atoms),
        upper_bounds={"cpu": UpperBound(120, 2e-2), "cuda": UpperBound(120, 1e-3)},
        passes_on=True,
        group=JobGroup("sampling_{potential}_{generation}", _sampling),
        sizes={".extxyz": storage_model.structures(cost_model.labelled_frame_atoms)},
    ),
    RuleSpec(
        "measure_diffusion",
        stage="analysis",
        product=f"{GENERATION}/diffusion.json",
        environment="analysis",
        jobs=per_generation(first=1, where=lambda potential: potential.assessment.compares_diffusion),
        unit="frame-atoms",
        work=cost_model.explored_frame_atoms,
        memory_MB=fixed(900),
        upper_bounds={"": UpperBound(120, 1e-4)},
    ),
    RuleSpec(
        "label_frames",
        stage="labels",
        product=f"{GENERATION}/labels/chunk{{chunk}}.extxyz",
        environment="reference",
        jobs=per_chunk,
        unit="frame-atoms",
        work=cost_model.chunk_frame_atoms,
        memory_MB=memory_model.labels_MB,
        cores=cost_model.labelling_cores,
        upper_bounds={
            **dict.fromkeys(DFT_CODES, UpperBound(60, 30)),
            "tblite": UpperBound(60, 0.3),
            "universal": UpperBound(300, 0.3),
            "vasp": UpperBound(60, 60),
        },
        resumes=True,
        passes_on=True,
        sizes={".extxyz": storage_model.labelled(cost_model.chunk_frame_atoms)},
        scratch=storage_model.label_scratch,
    ),
    RuleSpec(
        "collect_labels",
        stage="labels",
        product=f"{GENERATION}/dataset/ledger.tsv",
        environment="reference",
        jobs=per_generation(),
        unit="frames",
        work=cost_model.collected_frames,
        memory_MB=fixed(700),
        upper_bounds={"": UpperBound(60, 0.1)},
        is_local=True,
        sizes={".extxyz": storage_model.labelled(cost_model.collected_frame_atoms, files=3)},
    ),
    # ── potentials ─────────────────────────────────────────────────────────────────────────────
    RuleSpec(
        "fine_tune",
        stage="potential",
        product=f"{GENERATION}/committee/member{{member}}.model",
        environment="learning",
        jobs=per_member,
        unit="frame-atom-epochs",
        work=cost_model.trained_frame_atoms,
        memory_MB=memory_model.training_MB,
        protocol="learning.protocol",
        upper_bounds=TRAINING,
        resumes=True,
        passes_on=True,
        sizes={".model": storage_model.model},
        deletable=(
            Deletable(
                "member*",
                "committees of earlier generations",
                "another criterion of convergence: it learns the potential again",
                "only when archived",
                superseded=True,
            ),
        ),
        scratch=storage_model.checkpoints,
    ),
    RuleSpec(
        "assess_potential",
        stage="potential",
        product=f"{GENERATION}/assessment.json",
        environment="learning",
        jobs=per_generation(),
        unit="frame-atoms by a model",
        work=cost_model.assessed_frame_atoms,
        memory_MB=of_batch(cost_model.largest_labelled),
        upper_bounds=EVALUATION,
    ),
    RuleSpec(
        "release_potential",
        stage="potential",
        product=f"{POTENTIAL}/released.model",
        environment="workflow",
        jobs=per_potential,
        unit="jobs",
        work=cost_model.one,
        memory_MB=fixed(700),
        protocol="learning.protocol",
        upper_bounds={"": UpperBound(60, 1)},
        is_local=True,
        sizes={".model": storage_model.model},
    ),
    RuleSpec(
        "describe_dataset",
        stage="potential",
        product=f"{POTENTIAL}/dataset.json",
        environment="reference",
        jobs=per_trained_potential,
        unit="frames",
        work=cost_model.described_frames,
        memory_MB=fixed(700),
        upper_bounds={"": UpperBound(60, 0.1)},
        is_local=True,
        is_target=True,
    ),
    RuleSpec(
        "gather_environments",
        stage="potential",
        product=f"{POTENTIAL}/training_environments.npz",
        environment="learning",
        jobs=per_driving_potential,
        unit="frame-atoms",
        work=cost_model.gathered_frame_atoms,
        memory_MB=memory_model.gathering_MB,
        upper_bounds={"": UpperBound(120, 3e-2)},
        sizes={".npz": storage_model.environments},
    ),
    RuleSpec(
        "fine_tune_loco",
        stage="potential",
        product=f"{GENERATION}/loco/{{excluded}}/member{{member}}.model",
        environment="learning",
        jobs=per_loco_member,
        unit="frame-atom-epochs",
        work=cost_model.trained_frame_atoms,
        memory_MB=memory_model.training_MB,
        protocol="learning.protocol",
        upper_bounds=TRAINING,
        resumes=True,
        sizes={".model": storage_model.model},
        scratch=storage_model.checkpoints,
    ),
    RuleSpec(
        "assess_loco",
        stage="potential",
        product=f"{POTENTIAL}/loco.tsv",
        environment="learning",
        jobs=per_loco_potential,
        unit="frame-atoms by a model",
        work=cost_model.loco_frame_atoms,
        memory_MB=of_batch(cost_model.largest_labelled),
        upper_bounds=EVALUATION,
        is_target=True,
    ),
    # ── cells and molecular dynamics ───────────────────────────────────────────────────────────
    RuleSpec(
        "build_cell",
        stage="cells",
        product=f"{REPLICA}/cell.extxyz",
        environment="dynamics",
        jobs=per_replica,
        unit="atoms",
        work=cost_model.cell_atoms,
        memory_MB=fixed(700),
        upper_bounds={"": UpperBound(60, 0.1)},
        is_local=True,
        sizes={".extxyz": storage_model.structures(cost_model.cell_atoms)},
    ),
    RuleSpec(
        "quench_cell",
        stage="cells",
        product=f"{REPLICA}/quenched.extxyz",
        environment="dynamics",
        jobs=per_replica_quenched_alone,
        unit="atom-steps",
        work=cost_model.quench_atom_steps,
        memory_MB=of_batch(cost_model.cell_atoms),
        upper_bounds=DYNAMICS,
        resumes=True,
        group=JobGroup("replicas_{composition}", _replicas),
        sizes=QUENCH_SIZES,
        deletable=QUENCH_DELETABLE,
    ),
    RuleSpec(
        "quench_replicas",
        stage="cells",
        product=f"{COMPOSITION}/quenches.json",
        environment="dynamics",
        jobs=per_composition_quenched_together,
        unit="atom-steps",
        work=cost_model.quenches_atom_steps,
        memory_MB=of_batch(cost_model.state_point_atoms),
        upper_bounds=DYNAMICS,
        resumes=True,
        sizes=QUENCH_SIZES,
        deletable=QUENCH_DELETABLE,
    ),
    RuleSpec(
        "run_md",
        stage="MD",
        product=f"{STATE_POINT}/md.json",
        environment="dynamics",
        jobs=per_state_point_alone,
        unit="atom-steps",
        work=cost_model.md_atom_steps,
        expected_share=cost_model.state_point_share,
        memory_MB=of_batch(cost_model.state_point_atoms),
        simulated_ps=cost_model.production_ps,
        upper_bounds=DYNAMICS,
        resumes=True,
        sizes=PRODUCTION_SIZES,
        deletable=PRODUCTION_DELETABLE,
    ),
    RuleSpec(
        "run_state_points",
        stage="MD",
        product=f"{COMPOSITION}/md/md.json",
        environment="dynamics",
        jobs=per_composition_run_together,
        unit="atom-steps",
        work=cost_model.state_points_atom_steps,
        expected_share=cost_model.state_point_share,
        memory_MB=of_batch(cost_model.state_points_atoms),
        simulated_ps=cost_model.production_ps,
        upper_bounds=DYNAMICS,
        resumes=True,
        sizes=PRODUCTION_SIZES,
        deletable=PRODUCTION_DELETABLE,
    ),
    # ── analysis of state points ───────────────────────────────────────────────────────────────
    RuleSpec(
        "analyse_structure",
        stage="analysis",
        product=f"{STATE_POINT}/structure.json",
        environment="analysis",
        jobs=per_state_point(),
        unit="frame-atoms",
        work=cost_model.structure_frame_atoms,
        memory_MB=memory_model.analysis_MB,
        upper_bounds={"": UpperBound(120, 2e-3)},
        is_target=True,
        group=ANALYSES,
    ),
    RuleSpec(
        "analyse_transport",
        stage="analysis",
        product=f"{STATE_POINT}/transport.json",
        environment="analysis",
        jobs=per_state_point(),
        unit="frame-atoms",
        work=cost_model.recorded_frame_atoms,
        expected_share=cost_model.production_share,
        memory_MB=memory_model.analysis_MB,
        upper_bounds={"": UpperBound(120, 1e-5)},
        group=ANALYSES,
    ),
    RuleSpec(
        "analyse_residence",
        stage="analysis",
        product=f"{STATE_POINT}/residence.json",
        environment="analysis",
        jobs=per_state_point("residence"),
        unit="frame-atoms",
        work=cost_model.recorded_frame_atoms,
        expected_share=cost_model.production_share,
        memory_MB=memory_model.residence_MB,
        upper_bounds={"": UpperBound(300, 3e-6)},
        group=ANALYSES,
    ),
    RuleSpec(
        "analyse_motion",
        stage="analysis",
        product=f"{STATE_POINT}/motion.json",
        environment="analysis",
        jobs=per_state_point("motion"),
        unit="frame-atoms",
        work=cost_model.recorded_frame_atoms,
        expected_share=cost_model.production_share,
        memory_MB=memory_model.motion_MB,
        upper_bounds={"": UpperBound(300, 2e-6)},
        is_target=True,
        group=ANALYSES,
    ),
    RuleSpec(
        "analyse_pathways",
        stage="analysis",
        product=f"{STATE_POINT}/pathways.json",
        environment="analysis",
        jobs=per_state_point("pathways"),
        unit="frame-atoms",
        work=cost_model.recorded_frame_atoms,
        expected_share=cost_model.production_share,
        memory_MB=memory_model.pathways_MB,
        upper_bounds={"": UpperBound(600, 3e-6)},
        is_target=True,
        group=ANALYSES,
        sizes={".cube": storage_model.cube},
    ),
    RuleSpec(
        "analyse_spectra",
        stage="analysis",
        product=f"{STATE_POINT}/spectra.json",
        environment="analysis",
        jobs=per_state_point("spectra"),
        unit="frame-atoms",
        work=cost_model.spectra_frame_atoms,
        expected_share=cost_model.production_share,
        memory_MB=memory_model.analysis_MB,
        upper_bounds={"": UpperBound(600, 2e-6)},
        reads_velocities=True,
        is_target=True,
        group=ANALYSES,
    ),
    # ── analysis of compositions ───────────────────────────────────────────────────────────────
    RuleSpec(
        "assess_domain",
        stage="analysis",
        product=f"{COMPOSITION}/domain.json",
        environment="learning",
        jobs=per_domain,
        unit="frame-atoms by a model",
        work=cost_model.domain_frame_atoms,
        memory_MB=memory_model.domain_MB,
        upper_bounds={"": UpperBound(300, 5e-2)},
        is_target=True,
        group=ANALYSES,
    ),
    RuleSpec(
        "draw_pathways",
        stage="analysis",
        product=f"{COMPOSITION}/pathways.html",
        environment="analysis",
        jobs=per_composition("pathways"),
        unit="jobs",
        work=cost_model.one,
        memory_MB=fixed(900),
        upper_bounds={"": UpperBound(60, 30)},
        is_local=True,
        is_target=True,
    ),
    RuleSpec(
        "fit_arrhenius",
        stage="analysis",
        product=f"{COMPOSITION}/arrhenius.json",
        environment="analysis",
        jobs=per_composition(),
        unit="resamples",
        work=cost_model.resamples,
        memory_MB=fixed(700),
        upper_bounds={"": UpperBound(60, 0.02)},
        is_local=True,
        is_target=True,
    ),
    RuleSpec(
        "fit_residence",
        stage="analysis",
        product=f"{COMPOSITION}/residence.json",
        environment="analysis",
        jobs=per_composition("residence"),
        unit="resamples",
        work=cost_model.resamples,
        memory_MB=fixed(700),
        upper_bounds={"": UpperBound(60, 0.2)},
        is_local=True,
        is_target=True,
    ),
    # ── constrained runs ───────────────────────────────────────────────────────────────────────
    RuleSpec(
        "find_groups",
        stage="analysis",
        product=f"{COMPOSITION}/coupling/groups/{{temperature}}K/groups.json",
        environment="dynamics",
        jobs=per_constrained_temperature,
        unit="frame-atoms",
        work=cost_model.groups_frame_atoms,
        memory_MB=fixed(1400),
        upper_bounds={"": UpperBound(120, 1e-3)},
    ),
    RuleSpec(
        "run_constrained_md",
        stage="MD",
        product=f"{CONSTRAINED}/md.json",
        environment="dynamics",
        jobs=per_constrained_run,
        unit="atom-steps",
        work=cost_model.constrained_atom_steps,
        memory_MB=of_batch(cost_model.state_point_atoms),
        simulated_ps=cost_model.constrained_ps,
        upper_bounds=DYNAMICS,
        resumes=True,
        sizes={".h5md": storage_model.trajectory(cost_model.constrained_frames)},
        deletable=(
            Deletable(
                "*.h5md",
                "production trajectories",
                "every other analysis: it runs the MD again",
                "only when archived",
            ),
        ),
    ),
    RuleSpec(
        "analyse_constrained_md",
        stage="analysis",
        product=f"{CONSTRAINED}/transport.json",
        environment="analysis",
        jobs=per_constrained_run,
        unit="frame-atoms",
        work=cost_model.constrained_frame_atoms,
        memory_MB=memory_model.constrained_analysis_MB,
        upper_bounds={"": UpperBound(120, 1e-5)},
        group=JobGroup("coupling_{composition}", _constrained),
    ),
    RuleSpec(
        "relate_coupling",
        stage="analysis",
        product=f"{COMPOSITION}/coupling/coupling.json",
        environment="analysis",
        jobs=per_constrained_composition,
        unit="frame-atoms",
        work=cost_model.coupling_frame_atoms,
        memory_MB=fixed(2000),
        upper_bounds={"": UpperBound(120, 1e-5)},
        is_target=True,
    ),
    # ── studies ────────────────────────────────────────────────────────────────────────────────
    RuleSpec(
        "compute_barriers",
        stage="studies",
        product=f"{BARRIERS}/{{structure}}/barriers.json",
        environment="dynamics",
        jobs=per_crystal,
        unit="atom-steps",
        work=cost_model.barrier_atom_steps,
        expected_share=cost_model.barrier_share,
        memory_MB=memory_model.barriers_MB,
        protocol="barriers.protocol",
        upper_bounds=DYNAMICS,
        resumes=True,
        is_target=True,  # a record that was deleted is made again
        group=JobGroup("barriers_{batch}", _crystals, fields=_batch),
    ),
    RuleSpec(
        "map_md_hops",
        stage="studies",
        product=f"{BARRIERS}/{{structure}}/md_hops.json",
        environment="dynamics",
        jobs=per_crystal_with_md,
        unit="frame-atoms",
        work=cost_model.crystal_md_frame_atoms,
        memory_MB=memory_model.md_hops_MB,
        upper_bounds={"": UpperBound(120, 1e-5)},
    ),
    RuleSpec(
        "rank_barriers",
        stage="studies",
        product=f"{BARRIERS}/ranking.tsv",
        environment="analysis",
        jobs=if_crystals,
        unit="crystals",
        work=cost_model.crystals,
        memory_MB=fixed(700),
        upper_bounds={"": UpperBound(60, 0.2)},
        is_local=True,
        is_target=True,
    ),
    RuleSpec(
        "build_family",
        stage="studies",
        product=f"{SCREENING}/family.json",
        environment="dynamics",
        jobs=if_family,
        unit="crystals",
        work=cost_model.members,
        memory_MB=fixed(2500),
        upper_bounds={"": UpperBound(300, 30.0)},
    ),
    RuleSpec(
        "relax_family",
        stage="studies",
        product=f"{SCREENING}/relaxed/{{part}}.json",
        environment="dynamics",
        jobs=per_relaxation,
        unit="atom-steps",
        work=cost_model.relaxed_atom_steps,
        expected_share=cost_model.relaxed_share,
        memory_MB=memory_model.relaxed_MB,
        protocol="screening.protocol",
        upper_bounds=DYNAMICS,
        resumes=True,
    ),
    RuleSpec(
        "judge_family",
        stage="studies",
        product=f"{SCREENING}/judged.json",
        environment="dynamics",
        jobs=if_family,
        unit="crystals",
        work=cost_model.members,
        memory_MB=fixed(1500),
        upper_bounds={"": UpperBound(120, 10.0)},
    ),
    RuleSpec(
        "study_survivors",
        stage="studies",
        product=f"{SCREENING}/studied/{{part}}.json",
        environment="dynamics",
        jobs=per_study,
        unit="atom-steps",
        work=cost_model.studied_atom_steps,
        expected_share=cost_model.studied_share,
        memory_MB=memory_model.studied_MB,
        protocol="screening.protocol",
        upper_bounds=DYNAMICS,
        resumes=True,
    ),
    RuleSpec(
        "rank_family",
        stage="studies",
        product=f"{SCREENING}/screening.tsv",
        environment="dynamics",
        jobs=if_family,
        unit="crystals",
        work=cost_model.members,
        memory_MB=fixed(900),
        upper_bounds={"": UpperBound(60, 0.2)},
        is_local=True,
        is_target=True,
    ),
    RuleSpec(
        "compute_electrode",
        stage="studies",
        product=f"{ELECTRODES}/{{electrode}}/electrode.json",
        environment="dynamics",
        jobs=per_electrode,
        unit="atom-steps",
        work=cost_model.electrode_atom_steps,
        expected_share=cost_model.electrode_share,
        memory_MB=memory_model.electrodes_MB,
        protocol="electrodes.protocol",
        upper_bounds=DYNAMICS,
        resumes=True,
        is_target=True,  # a record that was deleted is made again
        group=JobGroup("electrodes_{batch}", _hosts, fields=_batch_of_hosts),
    ),
    RuleSpec(
        "tabulate_electrodes",
        stage="studies",
        product=f"{ELECTRODES}/voltages.tsv",
        environment="dynamics",
        jobs=if_electrodes,
        unit="hosts",
        work=cost_model.electrodes,
        memory_MB=fixed(700),
        upper_bounds={"": UpperBound(60, 1.0)},
        is_local=True,
        is_target=True,
    ),
    # ── summary ────────────────────────────────────────────────────────────────────────────────
    RuleSpec(
        "tabulate_conductivity",
        stage="summary",
        product=f"{SUMMARY}/conductivity.csv",
        environment="analysis",
        jobs=once_for_all,
        unit="state points",
        work=cost_model.state_points,
        memory_MB=fixed(700),
        upper_bounds={"": UpperBound(60, 0.1)},
        is_local=True,
        is_target=True,
    ),
    RuleSpec(
        "tabulate_structure",
        stage="summary",
        product=f"{SUMMARY}/structure.csv",
        environment="analysis",
        jobs=once_for_all,
        unit="state points",
        work=cost_model.state_points,
        memory_MB=fixed(700),
        upper_bounds={"": UpperBound(60, 0.1)},
        is_local=True,
        is_target=True,
    ),
    RuleSpec(
        "relate_order",
        stage="summary",
        product=f"{SUMMARY}/order.csv",
        environment="analysis",
        jobs=if_requested("order"),
        unit="state points",
        work=cost_model.state_points,
        memory_MB=fixed(900),
        upper_bounds={"": UpperBound(300, 5)},
        is_target=True,
    ),
    RuleSpec(
        "rank_electrolytes",
        stage="summary",
        product=f"{SUMMARY}/ranking.csv",
        environment="analysis",
        jobs=once_for_all,
        unit="state points",
        work=cost_model.state_points,
        memory_MB=fixed(700),
        upper_bounds={"": UpperBound(60, 0.1)},
        is_local=True,
        is_target=True,
    ),
    RuleSpec(
        "write_results_page",
        stage="summary",
        product=f"{SUMMARY}/index.html",
        environment="analysis",
        jobs=once,
        unit="state points",
        work=cost_model.state_points,
        memory_MB=fixed(2000),
        upper_bounds={"": UpperBound(60, 0.1)},
        is_local=True,
        is_target=True,
    ),
)
RULE: Mapping[str, RuleSpec] = {spec.name: spec for spec in RULES}
ORDER: Mapping[str, int] = {spec.name: place for place, spec in enumerate(RULES)}
