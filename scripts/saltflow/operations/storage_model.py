"""Bytes of the products of a job, from the settings; measured where a comment says so."""

from collections.abc import Mapping
from pathlib import Path

from saltflow.campaign.campaign import Campaign
from saltflow.campaign.potential_view import PotentialView
from saltflow.operations import cost_model
from saltflow.operations.expected_length import expected_production_ps
from saltflow.operations.rule_spec import Count, Size, Wildcards

# Measured: files of 1,302 atoms × 3,000 frames, 42 × 300 and 12 × 40; positions on their grid: 63 atoms × 600 frames of
# two compositions. Compression takes 45 % of 12 bytes, and a fifth where positions are exact (beside velocities).
TRAJECTORY_BYTES = 110_000
FRAME_BYTES = 110
FRAME_ATOM_BYTES = 6.6
VECTORS_PER_ATOM = 3  # in a frame with velocities: twice 9.5 bytes
QUENCH_FRAMES = 265  # about 180 of the cooling and 20 of each other stage
# A line of extended XYZ with forces, and one without.
LABELLED_ATOM_BYTES = 110
ATOM_BYTES = 76
# A mace of 16 channels and max_L 0; the weights grow with the square of the channels.
MODEL_BYTES = 260_000
MODEL_CHANNELS = 16
# While it learns, a model has a checkpoint beside it (trained, averaged and best weights, three sets of the optimiser),
# and the next one while that is written.
CHECKPOINTS = 12
# Files of a DFT code while it labels.
LABEL_SCRATCH_BYTES = 50_000_000
ENVIRONMENT_BYTES = 4 * cost_model.FEATURES  # of an atom as a potential sees it
CUBE_BYTES = 13  # of a voxel
USUAL_BYTES: Mapping[str, int] = {".svg": 60_000, ".json": 60_000, ".html": 2_500_000, ".gz": 500_000}
SMALL_BYTES = 20_000


def structures(atoms: Count, *, bytes_per_atom: float = ATOM_BYTES) -> Size:
    """Extended XYZ of so many atoms."""
    return lambda campaign, wildcards, folder: bytes_per_atom * atoms(campaign, wildcards)


def labelled(atoms: Count, *, files: int = 1) -> Size:
    """Labelled frames of so many atoms, spread over some files."""
    return structures(atoms, bytes_per_atom=LABELLED_ATOM_BYTES / files)


def trajectory(frames: Count) -> Size:
    """One H5MD file of one replica."""

    def size(campaign: Campaign, wildcards: Wildcards, _folder: Path) -> float:
        atoms = cost_model.cell_atoms(campaign, wildcards)
        return TRAJECTORY_BYTES + frames(campaign, wildcards) * (FRAME_BYTES + FRAME_ATOM_BYTES * atoms)

    return size


def quench_frames(_campaign: Campaign, _wildcards: Wildcards) -> float:
    """Frames of a quench."""
    return QUENCH_FRAMES


def production_frames(campaign: Campaign, wildcards: Wildcards) -> float:
    """Expected frames of a production run, those with velocities counted by what they take."""
    interval_fs = campaign.composition(wildcards["composition"]).section("dynamics")["production"]["frame_interval_fs"]
    frames = 1000 * expected_production_ps(campaign, wildcards) / interval_fs
    return frames + VECTORS_PER_ATOM * cost_model.velocity_frames(campaign, wildcards)


def model(campaign: Campaign, wildcards: Wildcards, folder: Path) -> float:
    """A model file: that of its foundation, or by the channels of a new one."""
    return _model(campaign.potential(wildcards["potential"]), folder)


def _model(potential: PotentialView, folder: Path) -> float:
    if potential.parent:
        return _model(potential.parent, folder)
    path = folder / potential.row.foundation
    if not potential.row.begins_anew and path.is_file():
        return path.stat().st_size
    settings = potential.learning["model"]
    return MODEL_BYTES * (settings["channels"] / MODEL_CHANNELS) ** 2 * (settings["max_L"] + 1)


def checkpoints(campaign: Campaign, wildcards: Wildcards, folder: Path) -> float:
    """What a training has on the disk while it runs."""
    return CHECKPOINTS * model(campaign, wildcards, folder)


def label_scratch(_campaign: Campaign, _wildcards: Wildcards, _folder: Path) -> float:
    """What a labelling job has on the disk while it runs."""
    return LABEL_SCRATCH_BYTES


def environments(campaign: Campaign, wildcards: Wildcards, _folder: Path) -> float:
    """Training environments of a potential."""
    return ENVIRONMENT_BYTES * cost_model.gathered_environments(campaign, wildcards)


def cube(campaign: Campaign, wildcards: Wildcards, _folder: Path) -> float:
    """A density on a grid."""
    spacing_A = campaign.composition(wildcards["composition"]).section("pathways")["volume_spacing_A"]
    return CUBE_BYTES * cost_model.cell_A3(campaign, wildcards) / spacing_A**3
