"""How much work a job has, counted from the campaign before anything runs.

Where files decide (how many frames are selected), the amount is the most that there can be. Sizes of crystals
are those wanted: a unit cell that is larger counts for less than it is.
"""

import math
from collections.abc import Mapping, Sequence

from saltflow.campaign.campaign import Campaign
from saltflow.campaign.composition_view import CompositionView
from saltflow.campaign.potential_view import PotentialView
from saltflow.campaign.settings.references import Reference, UniversalReference
from saltflow.dynamics.schedule import (
    Stage,
    constrained_schedule,
    exploration_schedule,
    production_schedule,
    quench_schedule,
    timestep_fs,
)
from saltflow.operations.expected_length import expected_production_ps
from saltflow.operations.rule_spec import Wildcards

# Of sampled cells, before they are heated (saltflow.learning.sampling, which imports torch, has the same).
RELAX_STEPS = 100
# Volume per atom of a loose iodide; the others are denser.
LOOSEST_A3 = 50.0
# Frames of a sampled cell that are taken besides those of the heating: of the relaxation and the last one.
EXTRA_FRAMES = 4
# Frames of a run in which groups of atoms are looked for (saltflow.materials.groups.persistence).
LOOKS = 400
FEATURES = 256  # scalars of two layers of 128 channels; other foundations have as many or a few times that

# ── cells and state points ───────────────────────────────────────────────────────────────────────────


def cell_atoms(campaign: Campaign, wildcards: Wildcards) -> int:
    """Atoms of a simulated cell."""
    return _composition(campaign, wildcards).cell_atoms()


def state_point_atoms(campaign: Campaign, wildcards: Wildcards) -> int:
    """Atoms of all replicas of a state point, which run together."""
    return cell_atoms(campaign, wildcards) * len(campaign.replicas)


def quench_atom_steps(campaign: Campaign, wildcards: Wildcards) -> int:
    """Atoms × MD steps of one replica."""
    settings = _composition(campaign, wildcards).section("dynamics")["quench"]
    crystal = _composition(campaign, wildcards).row.start != "pack"
    schedule = quench_schedule(settings, cells=1, step_fs=_step_fs(campaign, wildcards), crystal=crystal)
    return cell_atoms(campaign, wildcards) * _steps(schedule)


def quenches_atom_steps(campaign: Campaign, wildcards: Wildcards) -> int:
    """Atoms × MD steps of all replicas."""
    return quench_atom_steps(campaign, wildcards) * len(campaign.replicas)


def production_ps(campaign: Campaign, wildcards: Wildcards) -> float:
    """Picoseconds of one replica at a state point, equilibration included."""
    settings = _production(campaign, wildcards)
    return sum(settings[key] for key in ("equilibrate_npt_ps", "equilibrate_nvt_ps", "duration_ps"))


def constrained_ps(campaign: Campaign, wildcards: Wildcards) -> float:
    """Picoseconds of one replica of a constrained run, equilibration included."""
    settings = _composition(campaign, wildcards).section("constraints")
    return settings["equilibrate_ps"] + settings["duration_ps"]


def md_atom_steps(campaign: Campaign, wildcards: Wildcards) -> int:
    """Atoms × MD steps of a state point."""
    settings = _production(campaign, wildcards)
    schedule = production_schedule(settings, temperatures_K=[300.0], step_fs=_step_fs(campaign, wildcards))
    return state_point_atoms(campaign, wildcards) * _steps(schedule)


def state_points_atoms(campaign: Campaign, wildcards: Wildcards) -> int:
    """Atoms of all replicas at all temperatures, where they run together."""
    return state_point_atoms(campaign, wildcards) * len(campaign.temperatures_K)


def state_points_atom_steps(campaign: Campaign, wildcards: Wildcards) -> int:
    """Atoms × MD steps of all state points of a composition."""
    return md_atom_steps(campaign, wildcards) * len(campaign.temperatures_K)


def constrained_atom_steps(campaign: Campaign, wildcards: Wildcards) -> int:
    """Atoms × MD steps of a constrained run."""
    settings = _composition(campaign, wildcards).section("constraints")
    schedule = constrained_schedule(settings, temperature_K=300.0, cells=1, step_fs=_step_fs(campaign, wildcards))
    return state_point_atoms(campaign, wildcards) * _steps(schedule)


def constrained_frames(campaign: Campaign, wildcards: Wildcards) -> float:
    """Frames of one trajectory of a constrained run."""
    settings = _composition(campaign, wildcards).section("constraints")
    return 1000 * settings["duration_ps"] / settings["frame_interval_fs"]


def constrained_frame_atoms(campaign: Campaign, wildcards: Wildcards) -> float:
    """Frames × atoms of all trajectories of a constrained run."""
    return state_point_atoms(campaign, wildcards) * constrained_frames(campaign, wildcards)


def groups_frame_atoms(campaign: Campaign, wildcards: Wildcards) -> float:
    """Frames × atoms in which groups are looked for at one state point."""
    return state_point_atoms(campaign, wildcards) * min(LOOKS, recorded_frames(campaign, wildcards))


def coupling_frame_atoms(campaign: Campaign, wildcards: Wildcards) -> float:
    """Frames × atoms of the free runs that are compared with constrained ones."""
    temperatures = len(_composition(campaign, wildcards).constrained_temperatures_K)
    return temperatures * recorded_frame_atoms(campaign, wildcards)


def production_share(campaign: Campaign, wildcards: Wildcards) -> float:
    """Expected length of production over the longest."""
    return expected_production_ps(campaign, wildcards) / _production(campaign, wildcards)["duration_ps"]


def state_point_share(campaign: Campaign, wildcards: Wildcards) -> float:
    """Expected length of a state point over the longest, equilibration included in both."""
    longest_ps = production_ps(campaign, wildcards)
    saved_ps = (1 - production_share(campaign, wildcards)) * _production(campaign, wildcards)["duration_ps"]
    return 1 - saved_ps / longest_ps


def recorded_frame_atoms(campaign: Campaign, wildcards: Wildcards) -> float:
    """Frames × atoms of all trajectories of a state point."""
    return state_point_atoms(campaign, wildcards) * recorded_frames(campaign, wildcards)


def recorded_frames(campaign: Campaign, wildcards: Wildcards) -> float:
    """Frames of one trajectory."""
    settings = _production(campaign, wildcards)
    return 1000 * settings["duration_ps"] / settings["frame_interval_fs"]


def velocity_frames(campaign: Campaign, wildcards: Wildcards) -> float:
    """Frames with velocities of one trajectory."""
    settings = _production(campaign, wildcards)
    return (
        1000
        * min(settings["velocities"]["duration_ps"], settings["duration_ps"])
        / settings["velocities"]["interval_fs"]
    )


def spectra_frame_atoms(campaign: Campaign, wildcards: Wildcards) -> float:
    """Frames × atoms that spectra read of a state point: all frames, and those with velocities."""
    velocities = velocity_frames(campaign, wildcards) * state_point_atoms(campaign, wildcards)
    return recorded_frame_atoms(campaign, wildcards) + velocities


def structure_frame_atoms(campaign: Campaign, wildcards: Wildcards) -> int:
    """Frames × atoms that the structure analysis reads of a state point."""
    settings = _composition(campaign, wildcards).section("structure")
    return state_point_atoms(campaign, wildcards) * settings["frames_per_replica"]


def cell_A3(campaign: Campaign, wildcards: Wildcards) -> float:
    """The largest volume that a simulated cell may reach in Å³."""
    return LOOSEST_A3 * cell_atoms(campaign, wildcards)


def state_points(campaign: Campaign, _wildcards: Wildcards) -> int:
    """Compositions × temperatures of the sweep."""
    return len(campaign.swept) * len(campaign.temperatures_K)


def resamples(campaign: Campaign, _wildcards: Wildcards) -> int:
    """Resamples of an Arrhenius fit."""
    return campaign.settings.arrhenius.bootstrap_samples


def _production(campaign: Campaign, wildcards: Wildcards) -> dict:
    return _composition(campaign, wildcards).section("dynamics")["production"]


def _step_fs(campaign: Campaign, wildcards: Wildcards) -> float:
    rules = _composition(campaign, wildcards).section("dynamics")["timestep_fs"]
    return timestep_fs(_composition(campaign, wildcards).row.amounts, rules=rules)


def _steps(schedule: Sequence[Stage]) -> int:
    return sum(stage.steps for stage in schedule)


# ── sampling ───────────────────────────────────────────────────────────────────────────────────


def initial_atoms(campaign: Campaign, wildcards: Wildcards) -> int:
    """Atoms of all cells of generation 0."""
    return _sampled_atoms(campaign, wildcards, "initial_structures")


def explored_atoms(campaign: Campaign, wildcards: Wildcards) -> int:
    """Atoms of all cells that an exploration drives together."""
    return _sampled_atoms(campaign, wildcards, "exploration")


def initial_atom_steps(campaign: Campaign, wildcards: Wildcards) -> float:
    """Evaluations of an atom by a foundation that melts the initial structures; the atoms alone where there is none."""
    if _potential(campaign, wildcards).row.foundation == "none":
        return initial_atoms(campaign, wildcards)
    initial = _potential(campaign, wildcards).learning["initial_structures"]
    steps = _heating_steps(campaign, wildcards, duration_ps=initial["melt_ps"])
    return initial_atoms(campaign, wildcards) * (steps + 2 * initial["frames_per_cell"] + EXTRA_FRAMES)


def exploration_atom_steps(campaign: Campaign, wildcards: Wildcards) -> float:
    """Evaluations of an atom by a model: the heating, and every frame by the other members of the committee."""
    learning = _potential(campaign, wildcards).learning
    heating = _heating_steps(campaign, wildcards, duration_ps=learning["exploration"]["duration_ps"])
    disagreement = _frames_of_cell(learning["exploration"]) * learning["committee"]
    return explored_atoms(campaign, wildcards) * (heating + disagreement)


def explored_frame_atoms(campaign: Campaign, wildcards: Wildcards) -> float:
    """Candidate frames × atoms."""
    exploration = _potential(campaign, wildcards).learning["exploration"]
    return explored_atoms(campaign, wildcards) * _frames_of_cell(exploration)


def _frames_of_cell(exploration: Mapping) -> int:
    return math.ceil(1000 * exploration["duration_ps"] / exploration["stride_fs"]) + EXTRA_FRAMES


def _sampled_atoms(campaign: Campaign, wildcards: Wildcards, section: str) -> int:
    potential = _potential(campaign, wildcards)
    size = potential.learning[section]
    return size["cells"] * sum(member.cell_atoms(size["atoms"]) for member in potential.members)


def _heating_steps(campaign: Campaign, wildcards: Wildcards, *, duration_ps: float) -> int:
    potential = _potential(campaign, wildcards)
    schedule = exploration_schedule(
        temperatures_K=[300.0],
        relax_steps=RELAX_STEPS,
        duration_ps=duration_ps,
        stride_fs=1000 * duration_ps,
        step_fs=timestep_fs(potential.elements, rules=potential.section("dynamics")["timestep_fs"]),
    )
    return _steps(schedule)


# ── labels and training ────────────────────────────────────────────────────────────────────────


def largest_labelled(campaign: Campaign, wildcards: Wildcards) -> int:
    """Atoms of the largest cell that a potential has labelled."""
    return _largest_labelled(_potential(campaign, wildcards))


def chunk_frame_atoms(campaign: Campaign, wildcards: Wildcards) -> int:
    """Frames × atoms of a chunk; the last chunk of a generation holds what is left."""
    potential = _potential(campaign, wildcards)
    size = potential.section("labels")["chunk_frames"]
    left = potential.frames_to_label(int(wildcards["generation"])) - size * int(wildcards["chunk"])
    return min(size, left) * _largest_labelled(potential)


def reference_of(campaign: Campaign, wildcards: Wildcards) -> Reference:
    """The settings of the reference that labels for a job."""
    name = wildcards.get("reference") or campaign.potentials[wildcards["potential"]].reference
    return campaign.settings.references[name]


def driver_of(campaign: Campaign, wildcards: Wildcards) -> UniversalReference | None:
    """The universal potential that drives a job: it melts first cells, runs a composition zero-shot, or a study."""
    if "part" in wildcards:
        return campaign.screened.view.universal
    if "structure" in wildcards:
        return campaign.crystal(wildcards["structure"]).universal
    if "electrode" in wildcards:
        return campaign.electrode(wildcards["electrode"]).universal
    potential = _potential(campaign, wildcards)
    return potential.universal if "potential" in wildcards or not potential.is_trained else None


def labelling_cores(campaign: Campaign, wildcards: Wildcards) -> int:
    """Cores of a labelling job: those of the MPI ranks that the atoms of its largest frame keep busy, else one."""
    requested = campaign.settings.execution.labelling
    if "{ranks}" not in getattr(reference_of(campaign, wildcards), "command", ""):
        return 1
    ranks = math.ceil(largest_labelled(campaign, wildcards) / requested.atoms_per_rank)
    return requested.threads_per_rank * max(1, min(ranks, requested.most_cores // requested.threads_per_rank))


def labelled_frame_atoms(campaign: Campaign, wildcards: Wildcards) -> int:
    """Frames × atoms that a generation asks labels for; of the initial one where the job has no generation."""
    potential = _potential(campaign, wildcards)
    return potential.frames_to_label(int(wildcards.get("generation", 0))) * _largest_labelled(potential)


def collected_frames(campaign: Campaign, wildcards: Wildcards) -> int:
    """Frames of a generation and of all before it."""
    return _collected(_potential(campaign, wildcards), int(wildcards["generation"]))


def collected_frame_atoms(campaign: Campaign, wildcards: Wildcards) -> int:
    """Frames × atoms of a generation and of all before it."""
    return collected_frames(campaign, wildcards) * largest_labelled(campaign, wildcards)


def described_frames(campaign: Campaign, wildcards: Wildcards) -> int:
    """Frames of all generations of a potential."""
    return _collected(_potential(campaign, wildcards))


def training_frame_atoms(campaign: Campaign, wildcards: Wildcards) -> int:
    """Frames × atoms that a model is trained and validated on, replayed ones included.

    Structures of a file that a foundation labels are not read for it: enough cells of our own size are assumed. Of
    the frames, each composition has as many; one may be left out.
    """
    potential, generation = _potential(campaign, wildcards), int(wildcards["generation"])
    frames = _collected(potential, generation) - _heldout(potential, generation)
    if "excluded" in wildcards:
        frames -= frames // len(potential.compositions)
    own = frames * _largest_labelled(potential)
    if not potential.fine_tuning.replays:
        return own
    most = frames * potential.fine_tuning.settings["replay_ratio"]
    if potential.fine_tuning.replay_structures:
        return own + math.ceil(most) * _largest_labelled(potential)
    known = _collected(potential.parent) - _heldout(potential.parent)
    return own + math.ceil(min(most, known)) * _largest_labelled(potential.parent)


def trained_frame_atoms(campaign: Campaign, wildcards: Wildcards) -> int:
    """Frames × atoms × epochs."""
    return training_frame_atoms(campaign, wildcards) * _potential(campaign, wildcards).learning["training"]["epochs"]


def assessed_frame_atoms(campaign: Campaign, wildcards: Wildcards) -> int:
    """Frames × atoms × models: held-out frames by this generation and the one before, new labels by the latter."""
    potential, generation = _potential(campaign, wildcards), int(wildcards["generation"])
    frames = _heldout(potential, generation)
    if generation > 0:
        frames = 2 * frames + potential.frames_to_label(generation)
    return frames * _largest_labelled(potential) * len(potential.committee)


def loco_frame_atoms(campaign: Campaign, wildcards: Wildcards) -> int:
    """Frames × atoms × models: held-out frames by the last committee, and by those without a composition."""
    potential = _potential(campaign, wildcards)
    models = len(potential.committee) * (1 + len(potential.loco.compositions))
    return _heldout(potential) * _largest_labelled(potential) * models


def gathered_frame_atoms(campaign: Campaign, wildcards: Wildcards) -> int:
    """Frames × atoms whose environments are gathered: those of training, also of its ancestors, and held-out ones."""
    lineage = _potential(campaign, wildcards).lineage
    return sum(_collected(potential) * _largest_labelled(potential) for potential in lineage)


def gathered_environments(campaign: Campaign, wildcards: Wildcards) -> int:
    """Environments of all elements that are kept of a potential's training frames, at most."""
    potential = _potential(campaign, wildcards)
    most = len(potential.fine_tuning.learned_elements) * potential.section("domain")["environments_per_element"]
    return min(most, gathered_frame_atoms(campaign, {"potential": potential.name}))


def domain_frame_atoms(campaign: Campaign, wildcards: Wildcards) -> int:
    """Frames × atoms × models: the quenched replicas, and frames of their coolest and hottest run, by every model."""
    frames = 1 + 2 * _composition(campaign, wildcards).section("domain")["frames_per_replica"]
    committee = campaign.potential_of(wildcards["composition"]).committee
    return state_point_atoms(campaign, wildcards) * frames * len(committee)


# ── migration barriers ─────────────────────────────────────────────────────────────────────────

# The file is not read for it: classes of hops, the supercell (a quarter larger along each axis than asked for) and the
# share of steps are assumed, until finished jobs correct them.
MOST_HOP_CLASSES, USUAL_HOP_CLASSES = 30, 8
SOLID_A3, SUPERCELL_EXCESS = 10.0, 1.25
CONVERGED_SHARE = 0.3  # of the steps allowed
PERCOLATING_CLASSES = 3  # that get a path, where it is the lowest only
DISPLACEMENTS = 18  # of each atom that vibrates: of both ends and the saddle


def supercell_atoms(campaign: Campaign, _wildcards: Wildcards) -> int:
    """Atoms of the supercell of a path."""
    return math.ceil((SUPERCELL_EXCESS * campaign.settings.barriers.edge_A) ** 3 / SOLID_A3)


def barrier_atom_steps(campaign: Campaign, wildcards: Wildcards) -> int:
    """Evaluations of an atom: two end states and the images of every class of hops, at every step allowed.

    Vibrations of the end states and the saddle are added where prefactors are asked for.
    """
    evaluations = _path_evaluations(campaign) + _vibration_evaluations(campaign, wildcards)
    return MOST_HOP_CLASSES * evaluations * supercell_atoms(campaign, wildcards)


def barrier_share(campaign: Campaign, wildcards: Wildcards) -> float:
    """Part of them that a usual crystal takes."""
    path, vibrations = _path_evaluations(campaign), _vibration_evaluations(campaign, wildcards)
    cheapest = campaign.settings.barriers.cheapest
    classes = min(USUAL_HOP_CLASSES, max(cheapest, PERCOLATING_CLASSES)) if cheapest else USUAL_HOP_CLASSES
    return (CONVERGED_SHARE * path + vibrations) / (path + vibrations) * classes / MOST_HOP_CLASSES


def _path_evaluations(campaign: Campaign) -> int:
    settings = campaign.settings.barriers
    return (2 + settings.images) * settings.steps


def _vibration_evaluations(campaign: Campaign, wildcards: Wildcards) -> int:
    radius_A = campaign.settings.barriers.prefactor_radius_A
    if not radius_A:
        return 0
    around = math.ceil(4 / 3 * math.pi * radius_A**3 / SOLID_A3)
    return DISPLACEMENTS * min(around, supercell_atoms(campaign, wildcards))


def barrier_atoms(campaign: Campaign, wildcards: Wildcards) -> int:
    """Atoms of the largest batch: images of as many paths as a usual crystal has, or displacements of a state."""
    images = USUAL_HOP_CLASSES * campaign.settings.barriers.images
    displacements = math.ceil(_vibration_evaluations(campaign, wildcards) / 3)
    return max(images, displacements) * supercell_atoms(campaign, wildcards)


def crystal_md_frame_atoms(campaign: Campaign, wildcards: Wildcards) -> float:
    """Frames × atoms of the MD that is compared with the barriers of a crystal."""
    composition = {"composition": campaign.crystal(wildcards["structure"]).row.composition}
    return len(campaign.temperatures_K) * recorded_frame_atoms(campaign, composition)


def crystals(campaign: Campaign, _wildcards: Wildcards) -> int:
    """Crystals whose barriers are computed."""
    return len(campaign.crystals)


# ── screened families ──────────────────────────────────────────────────────────────────────────

# Structures are not read for it: atoms of a crystal, competing phases and survivors are assumed, until finished jobs
# correct them.
MEMBER_ATOMS, PHASES_PER_MEMBER, RELAXED_SHARE = 30, 2, 0.2
STUDIED_ATOMS, SURVIVING_SHARE = 150, 0.2  # of a supercell; of the members
STRAINED_STEPS = 2 * 2 * 6 * 100  # signs, strains and directions of moduli, each relaxed


def members(campaign: Campaign, _wildcards: Wildcards) -> int:
    """Crystals of the family, at most, without what they compete with."""
    return campaign.screened.family.most_members


def relaxed_atom_steps(campaign: Campaign, wildcards: Wildcards) -> int:
    """Evaluations of an atom: a share of all crystals, at every step allowed."""
    screened = campaign.screened
    crystals = math.ceil((1 + PHASES_PER_MEMBER) * members(campaign, wildcards) / screened.relaxations)
    return crystals * MEMBER_ATOMS * screened.relaxing["steps"]


def relaxed_share(_campaign: Campaign, _wildcards: Wildcards) -> float:
    """Part of them that usual crystals take."""
    return RELAXED_SHARE


def studied_atom_steps(campaign: Campaign, wildcards: Wildcards) -> int:
    """Evaluations of an atom in the stages that follow the hull, of a share of all members."""
    screened, funnel = campaign.screened, campaign.screened.family.funnel
    each = 6 * MEMBER_ATOMS * STUDIED_ATOMS if funnel["phonons"] else 0
    each += STRAINED_STEPS * MEMBER_ATOMS if funnel["elastic"] else 0
    each += barrier_atom_steps(campaign, wildcards) if funnel["barrier_eV"] is not None else 0
    steps = round(1000 * funnel["md_ps"] / campaign.settings.dynamics.timestep_fs.with_O_or_F)
    each += len(funnel["temperatures_K"] or ()) * steps * STUDIED_ATOMS
    return max(1, math.ceil(members(campaign, wildcards) / max(1, screened.studies)) * each)


def studied_share(_campaign: Campaign, _wildcards: Wildcards) -> float:
    """Part of them that the usual survivors take."""
    return SURVIVING_SHARE


def studied_atoms(campaign: Campaign, wildcards: Wildcards) -> int:
    """Atoms of the largest batch of those stages."""
    funnel = campaign.screened.family.funnel
    barriers = barrier_atoms(campaign, wildcards) if funnel["barrier_eV"] is not None else 0
    return max(barriers, 6 * STUDIED_ATOMS)


# ── electrodes ─────────────────────────────────────────────────────────────────────────────────

# The file is not read for it: the atoms of its cell and the share of steps are assumed.
CELL_ATOMS = 30
SITES_SHARE = 0.3  # of the atoms
CHAINS = 4  # of Monte Carlo at each voltage
DISTINCT_OCCUPATIONS = 50  # that its chains meet beyond the candidates, each relaxed once


def electrode_atoms(campaign: Campaign, wildcards: Wildcards) -> int:
    """Atoms of the supercell of a host."""
    return CELL_ATOMS * math.prod(campaign.electrode(wildcards["electrode"]).options["repeat"])


def electrode_atom_steps(campaign: Campaign, wildcards: Wildcards) -> int:
    """Evaluations of an atom: every candidate relaxed at every step allowed, and all dynamics that are asked for."""
    relaxed, dynamics = _electrode_evaluations(campaign, wildcards)
    return math.ceil((relaxed + dynamics) * electrode_atoms(campaign, wildcards))


def electrode_share(campaign: Campaign, wildcards: Wildcards) -> float:
    """Part of them that a usual host takes."""
    relaxed, dynamics = _electrode_evaluations(campaign, wildcards)
    return (CONVERGED_SHARE * relaxed + dynamics) / (relaxed + dynamics)


def _electrode_evaluations(campaign: Campaign, wildcards: Wildcards) -> tuple[float, float]:
    """Of relaxations, at most, and of dynamics."""
    options = campaign.electrode(wildcards["electrode"]).options
    step_ps = campaign.settings.dynamics.timestep_fs.with_O_or_F / 1000
    sites = SITES_SHARE * electrode_atoms(campaign, wildcards)
    moves = options["cycle_replicas"] * options["cycles"] * 2 * math.ceil(sites / options["ions_per_step"])
    tried = options["candidates"] if options["rule"] == "lowest-energy" else 1
    relaxed = options["points"] * options["candidates"] + moves * tried
    dynamics = moves * options["md_ps"] / step_ps
    dynamics += options["points"] * len(options["transport"]) * options["replicas"] * options["transport_ps"] / step_ps
    if options["energies"] == "dynamics":
        sweeps = CHAINS * len(options["voltages"]) * options["sweeps"]
        dynamics += sweeps * (options["md_ps"] / step_ps + CHAINS * sites)
    elif options["voltages"]:
        relaxed += DISTINCT_OCCUPATIONS
    return relaxed * options["steps"], dynamics


def electrodes(campaign: Campaign, _wildcards: Wildcards) -> int:
    """Hosts whose electrodes are computed."""
    return len(campaign.electrodes)


def one(_campaign: Campaign, _wildcards: Wildcards) -> int:
    """A job whose work is always the same."""
    return 1


def _composition(campaign: Campaign, wildcards: Wildcards) -> CompositionView:
    return campaign.composition(wildcards["composition"])


def _potential(campaign: Campaign, wildcards: Wildcards) -> PotentialView:
    """The potential of a job, or the one that drives its composition."""
    if "potential" in wildcards:
        return campaign.potential(wildcards["potential"])
    return campaign.potential_of(wildcards["composition"])


def _largest_labelled(potential: PotentialView) -> int:
    wanted = max(potential.learning[each]["atoms"] for each in ("initial_structures", "exploration"))
    return max(member.cell_atoms(wanted) for member in potential.members)


def _collected(potential: PotentialView, generation: int | None = None) -> int:
    return sum(map(potential.frames_to_label, _up_to(potential, generation)))


def _heldout(potential: PotentialView, generation: int | None = None) -> int:
    return sum(map(potential.heldout_frames, _up_to(potential, generation)))


def _up_to(potential: PotentialView, generation: int | None) -> Sequence[int]:
    """Generations up to one, or all of them."""
    return potential.generations if generation is None else range(generation + 1)
