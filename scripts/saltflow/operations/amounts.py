"""How much there is to do in a job, counted from the campaign before anything runs.

Where files decide (how many frames are selected), the amount is the most that there can be. Sizes of crystals
are those wanted: a unit cell that is larger counts for less than it is.
"""

import math
from collections.abc import Callable, Mapping, Sequence

from saltflow.campaign.campaign import Campaign
from saltflow.dynamics.schedule import (
    Stage,
    constrained_schedule,
    exploration_schedule,
    production_schedule,
    quench_schedule,
    timestep_fs,
)

Wildcards = Mapping[str, str]

# Of sampled cells, before they are heated (saltflow.learning.sampling, which imports torch, has the same).
RELAX_STEPS = 100
# Volume per atom of a loose iodide; the others are denser.
LOOSEST_A3 = 50.0
# Frames of a sampled cell that are taken besides those of the heating: of the relaxation and the last one.
EXTRA_FRAMES = 4
# Frames of a run in which groups of atoms are looked for (saltflow.materials.groups.persistence).
LOOKS = 400

# ── cells and points ───────────────────────────────────────────────────────────────────────────


def cell_atoms(campaign: Campaign, wildcards: Wildcards) -> int:
    """Atoms of a simulated cell."""
    name = wildcards["composition"]
    return campaign.atoms_of_cell(name, wanted=campaign.section("cells", composition=name)["atoms"])


def point_atoms(campaign: Campaign, wildcards: Wildcards) -> int:
    """Atoms of all replicas of a point, which run together."""
    return cell_atoms(campaign, wildcards) * len(campaign.replicas)


def quench_atom_steps(campaign: Campaign, wildcards: Wildcards) -> int:
    """Atoms × MD steps of one replica."""
    settings = campaign.section("dynamics", composition=wildcards["composition"])["quench"]
    crystal = campaign.row(wildcards["composition"]).start != "pack"
    schedule = quench_schedule(settings, cells=1, step_fs=_step_fs(campaign, wildcards), crystal=crystal)
    return cell_atoms(campaign, wildcards) * _steps(schedule)


def md_atom_steps(campaign: Campaign, wildcards: Wildcards) -> int:
    """Atoms × MD steps of a point."""
    settings = campaign.section("dynamics", composition=wildcards["composition"])["production"]
    schedule = production_schedule(settings, temperature_K=300.0, cells=1, step_fs=_step_fs(campaign, wildcards))
    return point_atoms(campaign, wildcards) * _steps(schedule)


def constrained_atom_steps(campaign: Campaign, wildcards: Wildcards) -> int:
    """Atoms × MD steps of a constrained point."""
    settings = campaign.section("constraints", composition=wildcards["composition"])
    schedule = constrained_schedule(settings, temperature_K=300.0, cells=1, step_fs=_step_fs(campaign, wildcards))
    return point_atoms(campaign, wildcards) * _steps(schedule)


def constrained_frames(campaign: Campaign, wildcards: Wildcards) -> float:
    """Frames of one trajectory of a constrained point."""
    settings = campaign.section("constraints", composition=wildcards["composition"])
    return 1000 * settings["duration_ps"] / settings["frame_interval_fs"]


def constrained_frame_atoms(campaign: Campaign, wildcards: Wildcards) -> float:
    """Frames × atoms of all trajectories of a constrained point."""
    return point_atoms(campaign, wildcards) * constrained_frames(campaign, wildcards)


def looked_at_frame_atoms(campaign: Campaign, wildcards: Wildcards) -> float:
    """Frames × atoms in which groups are looked for at one point."""
    return point_atoms(campaign, wildcards) * min(LOOKS, recorded_frames(campaign, wildcards))


def coupled_frame_atoms(campaign: Campaign, wildcards: Wildcards) -> float:
    """Frames × atoms of the free runs that are compared with constrained ones."""
    temperatures = len(campaign.coupling_temperatures_K(wildcards["composition"]))
    return temperatures * recorded_frame_atoms(campaign, wildcards)


def recorded_frame_atoms(campaign: Campaign, wildcards: Wildcards) -> float:
    """Frames × atoms of all trajectories of a point."""
    return point_atoms(campaign, wildcards) * recorded_frames(campaign, wildcards)


def recorded_frames(campaign: Campaign, wildcards: Wildcards) -> float:
    """Frames of one trajectory."""
    settings = campaign.section("dynamics", composition=wildcards["composition"])["production"]
    return 1000 * settings["duration_ps"] / settings["frame_interval_fs"]


def velocity_frames(campaign: Campaign, wildcards: Wildcards) -> float:
    """Frames with velocities of one trajectory."""
    settings = campaign.section("dynamics", composition=wildcards["composition"])["production"]
    return (
        1000
        * min(settings["velocities"]["duration_ps"], settings["duration_ps"])
        / settings["velocities"]["interval_fs"]
    )


def spectra_frame_atoms(campaign: Campaign, wildcards: Wildcards) -> float:
    """Frames × atoms that spectra read of a point: all frames, and those with velocities."""
    velocities = velocity_frames(campaign, wildcards) * point_atoms(campaign, wildcards)
    return recorded_frame_atoms(campaign, wildcards) + velocities


def structure_frame_atoms(campaign: Campaign, wildcards: Wildcards) -> int:
    """Frames × atoms that the structure analysis reads of a point."""
    settings = campaign.section("structure", composition=wildcards["composition"])
    return point_atoms(campaign, wildcards) * settings["frames_per_replica"]


def cell_A3(campaign: Campaign, wildcards: Wildcards) -> float:
    """The largest volume that a simulated cell may reach in Å³."""
    return LOOSEST_A3 * cell_atoms(campaign, wildcards)


def points(campaign: Campaign, _wildcards: Wildcards) -> int:
    """Compositions × temperatures of the sweep."""
    return len(campaign.swept) * len(campaign.temperatures_K)


def resamples(campaign: Campaign, _wildcards: Wildcards) -> int:
    """Resamples of an Arrhenius fit."""
    return campaign.settings.arrhenius.bootstrap_samples


def _step_fs(campaign: Campaign, wildcards: Wildcards) -> float:
    rules = campaign.section("dynamics", composition=wildcards["composition"])["timestep_fs"]
    return timestep_fs(campaign.row(wildcards["composition"]).amounts, rules=rules)


def _steps(schedule: Sequence[Stage]) -> int:
    return sum(stage.steps for stage in schedule)


# ── sampling ───────────────────────────────────────────────────────────────────────────────────


def seed_atoms(campaign: Campaign, wildcards: Wildcards) -> int:
    """Atoms of all cells of generation 0."""
    return _sampled_atoms(campaign, wildcards, "initial_structures")


def explored_atoms(campaign: Campaign, wildcards: Wildcards) -> int:
    """Atoms of all cells that an exploration drives together."""
    return _sampled_atoms(campaign, wildcards, "exploration")


def seed_atom_steps(campaign: Campaign, wildcards: Wildcards) -> float:
    """Evaluations of an atom by a foundation that melts the seeds; the atoms alone where there is none."""
    if campaign.foundation(wildcards["potential"])["kind"] == "none":
        return seed_atoms(campaign, wildcards)
    initial = campaign.learning(wildcards["potential"])["initial_structures"]
    steps = _heating_steps(campaign, wildcards, duration_ps=initial["melt_ps"])
    return seed_atoms(campaign, wildcards) * (steps + 2 * initial["frames_per_cell"] + EXTRA_FRAMES)


def exploration_atom_steps(campaign: Campaign, wildcards: Wildcards) -> float:
    """Evaluations of an atom by a model: the heating, and every frame by the other members of the committee."""
    learning = campaign.learning(wildcards["potential"])
    heating = _heating_steps(campaign, wildcards, duration_ps=learning["exploration"]["duration_ps"])
    spread = _frames_of_cell(learning["exploration"]) * learning["committee"]
    return explored_atoms(campaign, wildcards) * (heating + spread)


def explored_frame_atoms(campaign: Campaign, wildcards: Wildcards) -> float:
    """Candidate frames × atoms."""
    exploration = campaign.learning(wildcards["potential"])["exploration"]
    return explored_atoms(campaign, wildcards) * _frames_of_cell(exploration)


def _frames_of_cell(exploration: Mapping) -> int:
    return math.ceil(1000 * exploration["duration_ps"] / exploration["stride_fs"]) + EXTRA_FRAMES


def _sampled_atoms(campaign: Campaign, wildcards: Wildcards, section: str) -> int:
    size = campaign.learning(wildcards["potential"])[section]
    members = campaign.potentials[wildcards["potential"]].compositions
    return size["cells"] * sum(campaign.atoms_of_cell(name, wanted=size["atoms"]) for name in members)


def _heating_steps(campaign: Campaign, wildcards: Wildcards, *, duration_ps: float) -> int:
    rules = campaign.potential_section("dynamics", potential=wildcards["potential"])["timestep_fs"]
    schedule = exploration_schedule(
        temperatures_K=[300.0],
        relax_steps=RELAX_STEPS,
        duration_ps=duration_ps,
        stride_fs=1000 * duration_ps,
        step_fs=timestep_fs(campaign.elements(wildcards["potential"]), rules=rules),
    )
    return _steps(schedule)


# ── labels and training ────────────────────────────────────────────────────────────────────────


def largest_labelled(campaign: Campaign, wildcards: Wildcards) -> int:
    """Atoms of the largest cell that a potential has labelled."""
    learning = campaign.learning(wildcards["potential"])
    wanted = max(learning["initial_structures"]["atoms"], learning["exploration"]["atoms"])
    members = campaign.potentials[wildcards["potential"]].compositions
    return max(campaign.atoms_of_cell(name, wanted=wanted) for name in members)


def chunk_frame_atoms(campaign: Campaign, wildcards: Wildcards) -> int:
    """Frames × atoms of a chunk; the last chunk of a generation holds what is left."""
    potential, generation = wildcards["potential"], int(wildcards["generation"])
    size = campaign.potential_section("labels", potential=potential)["chunk_frames"]
    left = campaign.frames_to_label(potential, generation) - size * int(wildcards["chunk"])
    return min(size, left) * largest_labelled(campaign, wildcards)


def collected_frames(campaign: Campaign, wildcards: Wildcards) -> int:
    """Frames of a generation and of all before it."""
    return _until(campaign, wildcards, campaign.frames_to_label)


def described_frames(campaign: Campaign, wildcards: Wildcards) -> int:
    """Frames of all generations of a potential."""
    last = campaign.generations(wildcards["potential"])[-1]
    return collected_frames(campaign, {**wildcards, "generation": str(last)})


def training_frame_atoms(campaign: Campaign, wildcards: Wildcards) -> int:
    """Frames × atoms that a model is trained and validated on, replayed ones included.

    Structures that a foundation from a file labels are not read for it: enough cells of our own size are assumed. Of
    the frames, each composition has as many; one may be left out.
    """
    frames = collected_frames(campaign, wildcards) - _heldout_frames(campaign, wildcards)
    if "excluded" in wildcards:
        frames -= frames // len(campaign.potentials[wildcards["potential"]].compositions)
    own = frames * largest_labelled(campaign, wildcards)
    if not campaign.replays(wildcards["potential"]):
        return own
    most = frames * campaign.training(wildcards["potential"])["replay_ratio"]
    if campaign.replay_structures(wildcards["potential"]):
        return own + math.ceil(most) * largest_labelled(campaign, wildcards)
    foundation = campaign.potentials[wildcards["potential"]].foundation
    there = {"potential": foundation, "generation": str(campaign.generations(foundation)[-1])}
    known = collected_frames(campaign, there) - _heldout_frames(campaign, there)
    return own + math.ceil(min(most, known)) * largest_labelled(campaign, there)


def trained_frame_atoms(campaign: Campaign, wildcards: Wildcards) -> int:
    """Frames × atoms × epochs."""
    return training_frame_atoms(campaign, wildcards) * campaign.learning(wildcards["potential"])["training"]["epochs"]


def assessed_frame_atoms(campaign: Campaign, wildcards: Wildcards) -> int:
    """Frames × atoms × models: held-out frames by this generation and the one before, new labels by the latter."""
    potential, generation = wildcards["potential"], int(wildcards["generation"])
    frames = _heldout_frames(campaign, wildcards)
    if generation > 0:
        frames = 2 * frames + campaign.frames_to_label(potential, generation)
    return frames * largest_labelled(campaign, wildcards) * campaign.learning(potential)["committee"]


def judged_frame_atoms(campaign: Campaign, wildcards: Wildcards) -> int:
    """Frames × atoms × models: held-out frames by the last committee, and by those without a composition."""
    potential = wildcards["potential"]
    there = {"potential": potential, "generation": str(campaign.generations(potential)[-1])}
    models = campaign.learning(potential)["committee"] * (1 + len(campaign.loco_compositions(potential)))
    return _heldout_frames(campaign, there) * largest_labelled(campaign, there) * models


def gathered_frame_atoms(campaign: Campaign, wildcards: Wildcards) -> int:
    """Frames × atoms whose environments are gathered: those trained on, also by the potentials before, and held out."""
    total = 0
    for name in campaign.learned_from(wildcards["potential"]):
        there = {"potential": name, "generation": str(campaign.generations(name)[-1])}
        total += collected_frames(campaign, there) * largest_labelled(campaign, there)
    return total


def covered_frame_atoms(campaign: Campaign, wildcards: Wildcards) -> int:
    """Frames × atoms × models: the replicas, and frames of their coolest and hottest run, by every model."""
    name = wildcards["composition"]
    frames = 1 + 2 * campaign.section("domain", composition=name)["frames_per_replica"]
    return point_atoms(campaign, wildcards) * frames * campaign.learning(campaign.row(name).potential)["committee"]


def gathered_environments(campaign: Campaign, potential: str) -> int:
    """Environments of all elements that are kept of a potential's training frames, at most."""
    most = campaign.potential_section("domain", potential=potential)["environments_per_element"]
    elements = campaign.learned_elements(potential)
    return min(len(elements) * most, gathered_frame_atoms(campaign, {"potential": potential}))


def one(_campaign: Campaign, _wildcards: Wildcards) -> int:
    """A job whose work is always the same."""
    return 1


def _heldout_frames(campaign: Campaign, wildcards: Wildcards) -> int:
    return _until(campaign, wildcards, campaign.heldout_frames)


def _until(campaign: Campaign, wildcards: Wildcards, count: Callable[[str, int], int]) -> int:
    return sum(count(wildcards["potential"], generation) for generation in range(int(wildcards["generation"]) + 1))
