"""What a job asks of a machine: how much work it has, and the memory and walltime that are safe for it.

Work and its units are those of config/calibration.tsv, by which the plan estimates hours. Requests are policy,
not estimates: ceilings that no job should exceed, so that a queue is asked for enough and not for days.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from saltflow.base.errors import InputError
from saltflow.campaign.campaign import Campaign
from saltflow.operations import amounts
from saltflow.operations.amounts import Wildcards

Place = Literal["cpu", "gpu"]
Job = tuple[str, Wildcards]

SNAKEMAKE_MB = 300  # two Snakemake processes run beside the script in every job of a cluster
LIBRARIES_MB = 1200  # torch and mace, loaded; 500 on the CPU, more with CUDA (assumed)
POINT_ANALYSES = (
    *("analyse_transport", "analyse_structure", "analyse_residence"),
    *("analyse_motion", "analyse_pathways", "analyse_spectra"),
)
FEATURES = 256  # scalars of two layers of 128 channels; other foundations have as many or a few times that
SHORTEST_MIN = 10  # a shared file system may be slow


class Work(NamedTuple):
    """An amount of work and its unit."""

    amount: float
    unit: str


class Ceiling(NamedTuple):
    """What no job should exceed: seconds before the work begins, and seconds per unit of it."""

    start_s: float
    per_unit_s: float


# Codes that are assumed to need about the same.
DFT_CODES = ("cp2k", "quantum-espresso", "gpaw")

# A job that resumes is submitted so often, each time it reaches its walltime; then it makes no headway.
MOST_PIECES = 100


@dataclass(frozen=True)
class Task:
    """How the jobs of a rule are sized.

    unit: of the work. amount: the work of a job. need_MB: memory of its script alone.
    ceilings: by what does the work: a device, the code of a reference, or '' where there is no choice.
    resumes: whether a job that reached its walltime goes on from there when it is submitted again.
    """

    unit: str
    amount: Callable[[Campaign, Wildcards], float]
    need_MB: Callable[[Campaign, Wildcards], float]
    ceilings: Mapping[str, Ceiling]
    resumes: bool = False


def units_of_work(campaign: Campaign, rule: str, wildcards: Wildcards) -> Work:
    """The most work that a job can have.

    Args:
        campaign: the checked campaign.
        rule: name of the rule.
        wildcards: of the job.
    """
    return Work(TASKS[rule].amount(campaign, wildcards), TASKS[rule].unit)


def done_by(campaign: Campaign, rule: str, wildcards: Wildcards) -> str:
    """What does the work of a job: a device (cpu, cuda), the code of a reference (cp2k, tblite …), or ''.

    Seconds per unit of one are no measure of another.
    """
    known = TASKS[rule].ceilings
    if "" in known:
        return ""
    if "cuda" in known:
        return campaign.settings.execution.device
    reference = wildcards.get("reference") or campaign.potentials[wildcards["potential"]].reference
    return campaign.settings.references[reference].code


def cores(campaign: Campaign, rule: str, wildcards: Wildcards) -> int:
    """Cores of a job: those of the MPI ranks that the atoms of its largest frame keep busy, else one."""
    if rule != "label_frames":
        return 1
    reference = campaign.settings.references[campaign.potentials[wildcards["potential"]].reference]
    asked = campaign.settings.execution.labelling
    if "{ranks}" not in getattr(reference, "command", ""):
        return 1
    ranks = math.ceil(amounts.largest_labelled(campaign, wildcards) / asked.atoms_per_rank)
    return asked.threads_per_rank * max(1, min(ranks, asked.most_cores // asked.threads_per_rank))


def speedup(campaign: Campaign, rule: str, wildcards: Wildcards) -> float:
    """How much faster a job is on its cores than on one; each after the first adds 0.7 (assumed)."""
    return 1 + 0.7 * (cores(campaign, rule, wildcards) - 1)


def memory_MB(campaign: Campaign, rule: str, wildcards: Wildcards) -> int:
    """Memory for a first attempt, the Snakemake processes inside the job included, in full hundreds."""
    return 100 * math.ceil((TASKS[rule].need_MB(campaign, wildcards) + SNAKEMAKE_MB) / 100)


def place(campaign: Campaign, rule: str, wildcards: Wildcards) -> Place:
    """The nodes that a job runs on while its generation has work to do: with a GPU or without."""
    if rule == "propose_initial_frames" and campaign.foundation(wildcards["potential"])["kind"] == "none":
        return "cpu"
    return "gpu" if done_by(campaign, rule, wildcards) == "cuda" else "cpu"


def together(campaign: Campaign, rule: str, wildcards: Wildcards) -> list[Job]:
    """The jobs that one submission runs one after another when all of them are due; often one alone.

    The rules name these groups by `group:`, and a profile says by `group-components` that they are wanted.
    """
    if rule in ("explore", "select_frames"):
        return [("explore", wildcards), ("select_frames", wildcards)]
    if rule == "quench_cell":
        return [(rule, {**wildcards, "replica": str(replica)}) for replica in campaign.replicas]
    if rule == "label_atom":
        elements = campaign.elements_of_reference(wildcards["reference"])
        return [(rule, {**wildcards, "element": element}) for element in elements]
    if rule in (*POINT_ANALYSES, "assess_domain"):
        covered = ("assess_domain", {"composition": wildcards["composition"]})
        points = [{**wildcards, "temperature": str(kelvin)} for kelvin in campaign.temperatures_K]
        return [covered, *((each, point) for point in points for each in POINT_ANALYSES)]
    if rule == "analyse_constrained_md":
        name = wildcards["composition"]
        modes, temperatures_K = campaign.frozen_modes(name), campaign.coupling_temperatures_K(name)
        every = [{"mode": mode, "temperature": str(kelvin)} for mode in modes for kelvin in temperatures_K]
        return [(rule, {**wildcards, **each}) for each in every]
    return [(rule, wildcards)]


def needed_min(campaign: Campaign, rule: str, wildcards: Wildcards) -> int:
    """Minutes that a job stays below in one go, whatever a site allows."""
    start_s, per_unit_s = TASKS[rule].ceilings[done_by(campaign, rule, wildcards)]
    work = units_of_work(campaign, rule, wildcards).amount / speedup(campaign, rule, wildcards)
    seconds = start_s + per_unit_s * work
    return max(SHORTEST_MIN, math.ceil(seconds / 60))


def runtime_min(campaign: Campaign, rule: str, wildcards: Wildcards) -> int:
    """Walltime to ask for, at most what the site allows to the whole submission.

    Jobs that resume share what is left to them, and take as many attempts as they need.

    Raises:
        InputError: jobs of the submission that cannot resume may need longer.
    """
    where, needed = place(campaign, rule, wildcards), needed_min(campaign, rule, wildcards)
    longest = longest_min(campaign, where)
    every = [(TASKS[name].resumes, needed_min(campaign, name, of)) for name, of in together(campaign, rule, wildcards)]
    if longest is None or sum(minutes for _, minutes in every) <= longest:
        return needed
    unbroken, resumed = (sum(minutes for resumes, minutes in every if resumes is which) for which in (False, True))
    if unbroken >= longest:
        asked = f"{' '.join([rule, *wildcards.values()])} may take {unbroken} min in one job and cannot resume"
        limit = f"execution.site.{where}.longest_min is {longest}"
        raise InputError([f"{asked}, but {limit}; raise it, or give the job less to do."])
    return max(1, (longest - unbroken) * needed // resumed) if TASKS[rule].resumes else needed


def longest_min(campaign: Campaign, where: Place) -> int | None:
    """The longest walltime of a site, in minutes; None where nothing limits it."""
    return getattr(campaign.settings.execution.site, where).longest_min


def escalated_MB(base_MB: int, *, out_of_memory: int) -> int:
    """Memory of a further attempt: twice as much after each that ran out of it; nothing else makes it grow."""
    return base_MB * 2**out_of_memory


def site_requests(campaign: Campaign, where: Place) -> dict[str, str]:
    """What the site wants to be told besides cores, memory and time, by the names of the executor plugin."""
    site = campaign.settings.execution.site
    nodes = getattr(site, where)
    asked = {"slurm_account": site.account, "slurm_partition": nodes.partition, "qos": nodes.qos}
    asked |= {"constraint": nodes.constraint, "gpu_model": getattr(nodes, "model", None)}
    return {name: value for name, value in asked.items() if value is not None}


def _fixed(need_MB: float) -> Callable[[Campaign, Wildcards], float]:
    return lambda campaign, wildcards: need_MB


def _of_batch(atoms: Callable[[Campaign, Wildcards], int]) -> Callable[[Campaign, Wildcards], float]:
    """The libraries, and about 1 MB per atom for the graphs of its neighbours."""
    return lambda campaign, wildcards: LIBRARIES_MB + atoms(campaign, wildcards)


def _label_MB(campaign: Campaign, wildcards: Wildcards) -> float:
    """117 MB measured for 15 atoms by tblite; the others' grids grow with the cell, and each further core
    holds 150 MB (assumed, at CP2K's 800 Ry).
    """
    atoms = amounts.largest_labelled(campaign, wildcards)
    if done_by(campaign, "label_frames", wildcards) == "tblite":
        return 400 + 5 * atoms
    return 700 + 30 * atoms + 150 * (cores(campaign, "label_frames", wildcards) - 1)


def _training_MB(campaign: Campaign, wildcards: Wildcards) -> float:
    """The libraries, the graphs of a batch (1 MB per atom) and those of all frames without gradients (10 kB)."""
    batch = campaign.learning(wildcards["potential"])["training"]["batch_frames"]
    atoms = batch * amounts.largest_labelled(campaign, wildcards)
    return LIBRARIES_MB + atoms + 0.01 * amounts.training_frame_atoms(campaign, wildcards)


def _gathering_MB(campaign: Campaign, wildcards: Wildcards) -> float:
    """The libraries, the graph of a frame, and environments twice: as they are and in standard deviations."""
    graph_MB = amounts.largest_labelled(campaign, wildcards)
    return LIBRARIES_MB + graph_MB + 3 * _environments_MB(campaign, wildcards["potential"])


def _covering_MB(campaign: Campaign, wildcards: Wildcards) -> float:
    """The libraries, the graph of a replica, and the environments of training with those of one element once more."""
    potential = campaign.row(wildcards["composition"]).potential
    return LIBRARIES_MB + amounts.cell_atoms(campaign, wildcards) + 2 * _environments_MB(campaign, potential)


def _environments_MB(campaign: Campaign, potential: str) -> float:
    """Gathered environments in single precision."""
    return 4e-6 * FEATURES * amounts.gathered_environments(campaign, potential)


def _analysis_MB(campaign: Campaign, wildcards: Wildcards) -> float:
    """Memory of the analysis of a point."""
    return _trajectories_MB(
        frame_atoms=amounts.recorded_frame_atoms(campaign, wildcards),
        frames=amounts.recorded_frames(campaign, wildcards),
    )


def _constrained_analysis_MB(campaign: Campaign, wildcards: Wildcards) -> float:
    """Memory of the analysis of a constrained point."""
    return _trajectories_MB(
        frame_atoms=amounts.constrained_frame_atoms(campaign, wildcards),
        frames=amounts.constrained_frames(campaign, wildcards),
    )


def _trajectories_MB(*, frame_atoms: float, frames: float) -> float:
    """Libraries, a piece of a trajectory at a time, and 1 kB per frame for sums over its atoms."""
    return 700 + min(2 * frame_atoms * 3 * 8 / 1e6, 700) + 1.3e-3 * frames


def _residence_MB(campaign: Campaign, wildcards: Wildcards) -> float:
    """Libraries, a piece of a trajectory, and for each origin the ions that are followed (10 kB for 250 of them)."""
    origins = campaign.section("residence", composition=wildcards["composition"])["origins_per_replica"]
    return 700 + 1e-4 * origins * amounts.cell_atoms(campaign, wildcards)


def _motion_MB(campaign: Campaign, wildcards: Wildcards) -> float:
    """Libraries, a stretch of a trajectory, a frame for each origin, and hops: as many as one per atom and 10 ps."""
    composition = wildcards["composition"]
    origins = campaign.section("motion", composition=composition)["origins_per_replica"]
    production = campaign.section("dynamics", composition=composition)["production"]
    hops = amounts.point_atoms(campaign, wildcards) * production["duration_ps"] / 10
    return 700 + 12e-6 * origins * amounts.cell_atoms(campaign, wildcards) + 2e-4 * hops


def _density_MB(campaign: Campaign, wildcards: Wildcards) -> float:
    """Libraries, a piece of a trajectory, and 60 bytes per voxel for counts, densities and clusters."""
    spacing_A = campaign.section("pathways", composition=wildcards["composition"])["spacing_A"]
    return 500 + 60e-6 * amounts.cell_A3(campaign, wildcards) / spacing_A**3


# Seconds on the CPU were measured on one core by the demonstration (42 atoms, 16 channels) and are a hundredfold
# for the models of config.yaml. What is said of cuda and of CP2K beyond 42 atoms is assumed.
TRAINING = Task(
    "frame-atom-epochs",
    amounts.trained_frame_atoms,
    _training_MB,
    {"cpu": Ceiling(300, 3e-2), "cuda": Ceiling(300, 1e-3)},
    resumes=True,
)
TASKS: Mapping[str, Task] = {
    "build_cell": Task("atoms", amounts.cell_atoms, _fixed(700), {"": Ceiling(60, 0.1)}),
    "label_atom": Task(
        "isolated atoms",
        amounts.one,
        _fixed(1200),
        {**dict.fromkeys(DFT_CODES, Ceiling(60, 300)), "tblite": Ceiling(30, 5), "vasp": Ceiling(60, 600)},
    ),
    "label_frames": Task(
        "frame-atoms",
        amounts.chunk_frame_atoms,
        _label_MB,
        {**dict.fromkeys(DFT_CODES, Ceiling(60, 30)), "tblite": Ceiling(60, 0.3), "vasp": Ceiling(60, 60)},
        resumes=True,
    ),
    "collect_labels": Task("frames", amounts.collected_frames, _fixed(700), {"": Ceiling(60, 0.1)}),
    "propose_initial_frames": Task(
        "atom-steps",
        amounts.seed_atom_steps,
        _of_batch(amounts.seed_atoms),
        {"cpu": Ceiling(600, 1e-2), "cuda": Ceiling(600, 6e-5)},
        resumes=True,
    ),
    "explore": Task(
        "atom-steps",
        amounts.exploration_atom_steps,
        _of_batch(amounts.explored_atoms),
        {"cpu": Ceiling(600, 1e-2), "cuda": Ceiling(600, 6e-5)},
        resumes=True,
    ),
    "select_frames": Task(
        "frame-atoms",
        amounts.explored_frame_atoms,
        _of_batch(amounts.explored_atoms),
        {"cpu": Ceiling(120, 2e-2), "cuda": Ceiling(120, 1e-3)},
    ),
    "measure_diffusion": Task("frame-atoms", amounts.explored_frame_atoms, _fixed(900), {"": Ceiling(120, 1e-4)}),
    "fine_tune": TRAINING,
    "assess_potential": Task(
        "frame-atoms by a model",
        amounts.assessed_frame_atoms,
        _of_batch(amounts.largest_labelled),
        {"": Ceiling(120, 5e-2)},
    ),
    "fine_tune_loco": TRAINING,
    "assess_loco": Task(
        "frame-atoms by a model",
        amounts.judged_frame_atoms,
        _of_batch(amounts.largest_labelled),
        {"": Ceiling(120, 5e-2)},
    ),
    "gather_environments": Task("frame-atoms", amounts.gathered_frame_atoms, _gathering_MB, {"": Ceiling(120, 3e-2)}),
    "assess_domain": Task(
        "frame-atoms by a model", amounts.covered_frame_atoms, _covering_MB, {"": Ceiling(300, 5e-2)}
    ),
    "release_potential": Task("jobs", amounts.one, _fixed(700), {"": Ceiling(60, 1)}),
    "describe_dataset": Task("frames", amounts.described_frames, _fixed(700), {"": Ceiling(60, 0.1)}),
    "quench_cell": Task(
        "atom-steps",
        amounts.quench_atom_steps,
        _of_batch(amounts.cell_atoms),
        {"cpu": Ceiling(300, 1e-2), "cuda": Ceiling(300, 6e-5)},
        resumes=True,
    ),
    "run_md": Task(
        "atom-steps",
        amounts.md_atom_steps,
        _of_batch(amounts.point_atoms),
        {"cpu": Ceiling(300, 1e-2), "cuda": Ceiling(300, 6e-5)},
        resumes=True,
    ),
    "find_groups": Task("frame-atoms", amounts.looked_at_frame_atoms, _fixed(1400), {"": Ceiling(120, 1e-3)}),
    "run_constrained_md": Task(
        "atom-steps",
        amounts.constrained_atom_steps,
        _of_batch(amounts.point_atoms),
        {"cpu": Ceiling(300, 1e-2), "cuda": Ceiling(300, 6e-5)},
        resumes=True,
    ),
    "analyse_constrained_md": Task(
        "frame-atoms", amounts.constrained_frame_atoms, _constrained_analysis_MB, {"": Ceiling(120, 1e-5)}
    ),
    "relate_coupling": Task("frame-atoms", amounts.coupled_frame_atoms, _fixed(2000), {"": Ceiling(120, 1e-5)}),
    "analyse_transport": Task("frame-atoms", amounts.recorded_frame_atoms, _analysis_MB, {"": Ceiling(120, 1e-5)}),
    "analyse_structure": Task("frame-atoms", amounts.structure_frame_atoms, _analysis_MB, {"": Ceiling(120, 2e-3)}),
    "analyse_residence": Task("frame-atoms", amounts.recorded_frame_atoms, _residence_MB, {"": Ceiling(300, 3e-6)}),
    "analyse_motion": Task("frame-atoms", amounts.recorded_frame_atoms, _motion_MB, {"": Ceiling(300, 2e-6)}),
    "fit_residence": Task("resamples", amounts.resamples, _fixed(700), {"": Ceiling(60, 0.2)}),
    "analyse_pathways": Task("frame-atoms", amounts.recorded_frame_atoms, _density_MB, {"": Ceiling(600, 3e-6)}),
    "analyse_spectra": Task("frame-atoms", amounts.spectra_frame_atoms, _analysis_MB, {"": Ceiling(600, 2e-6)}),
    "draw_pathways": Task("jobs", amounts.one, _fixed(900), {"": Ceiling(60, 30)}),
    "fit_arrhenius": Task("resamples", amounts.resamples, _fixed(700), {"": Ceiling(60, 0.02)}),
    "tabulate_conductivity": Task("points", amounts.points, _fixed(700), {"": Ceiling(60, 0.1)}),
    "tabulate_structure": Task("points", amounts.points, _fixed(700), {"": Ceiling(60, 0.1)}),
    "relate_order": Task("points", amounts.points, _fixed(900), {"": Ceiling(300, 5)}),
    "rank_electrolytes": Task("points", amounts.points, _fixed(700), {"": Ceiling(60, 0.1)}),
}
