"""Memory that the script of a job needs, in MB; Snakemake's own processes come on top."""

from saltflow.campaign.campaign import Campaign
from saltflow.operations import cost_model
from saltflow.operations.rule_spec import Count, Wildcards

LIBRARIES_MB = 1200  # torch and mace, loaded; 500 on the CPU, more with CUDA (assumed)
PYMATGEN_MB = 300  # with its phase diagrams
UNIVERSAL_MB, UNIVERSAL_MB_PER_ATOM = 800, 9  # of the process of a universal potential


def fixed(need_MB: float) -> Count:
    """The same for every job."""
    return lambda campaign, wildcards: need_MB


def of_batch(atoms: Count) -> Count:
    """The libraries, and about 1 MB per atom for the graphs of its neighbours; or a universal potential beside them,
    which evaluates one cell after another.
    """

    def need_MB(campaign: Campaign, wildcards: Wildcards) -> float:
        if cost_model.driver_of(campaign, wildcards):
            largest = cost_model.cell_atoms if "composition" in wildcards else cost_model.largest_labelled
            return LIBRARIES_MB + UNIVERSAL_MB + UNIVERSAL_MB_PER_ATOM * largest(campaign, wildcards)
        return LIBRARIES_MB + atoms(campaign, wildcards)

    return need_MB


def barriers_MB(campaign: Campaign, wildcards: Wildcards) -> float:
    """The libraries and the images of a batch; a universal potential has one supercell after another."""
    single = cost_model.supercell_atoms(campaign, wildcards)
    return _of_driver(campaign, wildcards, batch=cost_model.barrier_atoms(campaign, wildcards), single=single)


def relaxed_MB(campaign: Campaign, wildcards: Wildcards) -> float:
    """The libraries, pymatgen and a batch of crystals."""
    largest = campaign.screened.relaxing["batch_atoms"]
    return PYMATGEN_MB + _of_driver(campaign, wildcards, batch=largest, single=cost_model.MEMBER_ATOMS)


def studied_MB(campaign: Campaign, wildcards: Wildcards) -> float:
    """The libraries, pymatgen and the largest batch of the stages that follow the hull."""
    largest = cost_model.studied_atoms(campaign, wildcards)
    return PYMATGEN_MB + _of_driver(campaign, wildcards, batch=largest, single=cost_model.STUDIED_ATOMS)


def _of_driver(campaign: Campaign, wildcards: Wildcards, *, batch: float, single: float) -> float:
    """A universal potential has one cell after another."""
    if cost_model.driver_of(campaign, wildcards):
        return LIBRARIES_MB + UNIVERSAL_MB + UNIVERSAL_MB_PER_ATOM * single
    return LIBRARIES_MB + batch


def electrodes_MB(campaign: Campaign, wildcards: Wildcards) -> float:
    """The libraries and all candidates of a composition; a universal potential has one supercell after another."""
    atoms = cost_model.electrode_atoms(campaign, wildcards)
    if cost_model.driver_of(campaign, wildcards):
        return LIBRARIES_MB + UNIVERSAL_MB + UNIVERSAL_MB_PER_ATOM * atoms
    return LIBRARIES_MB + campaign.electrode(wildcards["electrode"]).options["candidates"] * atoms


def md_hops_MB(campaign: Campaign, wildcards: Wildcards) -> float:
    """Libraries, and the ions of one trajectory in double precision, twice."""
    frame_atoms = cost_model.crystal_md_frame_atoms(campaign, wildcards)
    return 900 + 50e-6 * frame_atoms / len(campaign.temperatures_K) / len(campaign.replicas)


def labels_MB(campaign: Campaign, wildcards: Wildcards) -> float:
    """117 MB measured for 15 atoms by tblite; 1,190 MB for 84 by the largest universal potential; the others' grids
    grow with the cell, and each further core holds 150 MB (assumed, at CP2K's 800 Ry).
    """
    atoms = cost_model.largest_labelled(campaign, wildcards)
    code = cost_model.reference_of(campaign, wildcards).code
    if code == "tblite":
        return 400 + 5 * atoms
    if code == "universal":
        return UNIVERSAL_MB + UNIVERSAL_MB_PER_ATOM * atoms
    return 700 + 30 * atoms + 150 * (cost_model.labelling_cores(campaign, wildcards) - 1)


def training_MB(campaign: Campaign, wildcards: Wildcards) -> float:
    """The libraries, the graphs of a batch (1 MB per atom) and those of all frames without gradients (10 kB)."""
    batch = campaign.potential(wildcards["potential"]).learning["training"]["batch_frames"]
    atoms = batch * cost_model.largest_labelled(campaign, wildcards)
    return LIBRARIES_MB + atoms + 0.01 * cost_model.training_frame_atoms(campaign, wildcards)


def gathering_MB(campaign: Campaign, wildcards: Wildcards) -> float:
    """The libraries, the graph of a frame, and environments twice: as they are and in standard deviations."""
    graph_MB = cost_model.largest_labelled(campaign, wildcards)
    return LIBRARIES_MB + graph_MB + 3 * _environments_MB(campaign, wildcards)


def domain_MB(campaign: Campaign, wildcards: Wildcards) -> float:
    """The libraries, the graph of a replica, and the environments of training with those of one element once more."""
    return LIBRARIES_MB + cost_model.cell_atoms(campaign, wildcards) + 2 * _environments_MB(campaign, wildcards)


def _environments_MB(campaign: Campaign, wildcards: Wildcards) -> float:
    """Gathered environments in single precision."""
    return 4e-6 * cost_model.FEATURES * cost_model.gathered_environments(campaign, wildcards)


def analysis_MB(campaign: Campaign, wildcards: Wildcards) -> float:
    """Memory of the analysis of a state point."""
    return _trajectories_MB(
        frame_atoms=cost_model.recorded_frame_atoms(campaign, wildcards),
        frames=cost_model.recorded_frames(campaign, wildcards),
    )


def constrained_analysis_MB(campaign: Campaign, wildcards: Wildcards) -> float:
    """Memory of the analysis of a constrained run."""
    return _trajectories_MB(
        frame_atoms=cost_model.constrained_frame_atoms(campaign, wildcards),
        frames=cost_model.constrained_frames(campaign, wildcards),
    )


def _trajectories_MB(*, frame_atoms: float, frames: float) -> float:
    """Libraries, a chunk of a trajectory at a time, and 1 kB per frame for sums over its atoms."""
    return 700 + min(2 * frame_atoms * 3 * 8 / 1e6, 700) + 1.3e-3 * frames


def residence_MB(campaign: Campaign, wildcards: Wildcards) -> float:
    """Libraries, a chunk of a trajectory, and for each origin the ions that are followed (10 kB for 250 of them)."""
    origins = campaign.composition(wildcards["composition"]).section("residence")["origins_per_replica"]
    return 700 + 1e-4 * origins * cost_model.cell_atoms(campaign, wildcards)


def motion_MB(campaign: Campaign, wildcards: Wildcards) -> float:
    """Libraries, a window of a trajectory, a frame for each origin, and hops: as many as one per atom and 10 ps."""
    origins = campaign.composition(wildcards["composition"]).section("motion")["origins_per_replica"]
    production = campaign.composition(wildcards["composition"]).section("dynamics")["production"]
    hops = cost_model.state_point_atoms(campaign, wildcards) * production["duration_ps"] / 10
    return 700 + 12e-6 * origins * cost_model.cell_atoms(campaign, wildcards) + 2e-4 * hops


def pathways_MB(campaign: Campaign, wildcards: Wildcards) -> float:
    """Libraries, a chunk of a trajectory, and 60 bytes per voxel for counts, densities and clusters."""
    spacing_A = campaign.composition(wildcards["composition"]).section("pathways")["spacing_A"]
    return 500 + 60e-6 * cost_model.cell_A3(campaign, wildcards) / spacing_A**3
