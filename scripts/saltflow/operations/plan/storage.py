"""What the sweep takes on a disk: real sizes of what is there, and sizes from the settings of what is not."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from saltflow.campaign.campaign import Campaign
from saltflow.dynamics.schedule import steps_of
from saltflow.operations import amounts
from saltflow.operations.plan.dag import Dag, Job
from saltflow.operations.workload import FEATURES

# Measured: files of 1,302 atoms × 3,000 frames, 42 × 300 and 12 × 40. Compression takes a fifth of 12 bytes.
TRAJECTORY_BYTES = 110_000
FRAME_BYTES = 110
FRAME_ATOM_BYTES = 9.5
VECTORS_PER_ATOM = 2  # in a frame with velocities
QUENCH_FRAMES = 265  # about 180 of the cooling and 20 of each other stage
# A line of extended XYZ with forces, and one without.
LABELLED_ATOM_BYTES = 110
ATOM_BYTES = 76
# A mace of 16 channels and max_L 0; the weights grow with the square of the channels.
MODEL_BYTES = 260_000
MODEL_CHANNELS = 16
# While it learns, a model has optimiser states and checkpoints beside it.
CHECKPOINTS = 4
# Files of a DFT code while it labels.
LABEL_SCRATCH_BYTES = 50_000_000
ENVIRONMENT_BYTES = 4 * FEATURES  # of an atom as a potential sees it
CUBE_BYTES = 13  # of a voxel
PRODUCT_BYTES: Mapping[str, int] = {".svg": 60_000, ".json": 60_000, ".html": 2_500_000, ".gz": 500_000}
SMALL_BYTES = 20_000
# Log, benchmark, journal of attempts; and Snakemake's record of every product.
NOTES_PER_JOB = 3
NOTE_BYTES = 3_000


class Storage:
    """Bytes of every job's products, by what the campaign asks for.

    Args:
        campaign: the checked campaign.
        dag: its jobs; products of due ones are estimated, those of the others are looked at.
    """

    def __init__(self, campaign: Campaign, dag: Dag):
        self.campaign, self.dag = campaign, dag
        self._known: dict[tuple, float] = {}

    def bytes_of(self, job: Job) -> float:
        """Bytes that the products of a job, its notes included, will take."""
        notes = (NOTES_PER_JOB + len(job.outputs)) * NOTE_BYTES
        return notes + sum(self._product_bytes(job, path) for path in job.outputs)

    @property
    def files(self) -> int:
        """Files of the whole sweep when everything is done."""
        return sum(2 * len(job.outputs) + NOTES_PER_JOB for job in self.dag.jobs)

    def scratch_bytes(self, job: Job) -> float:
        """Bytes that a job has on the disk only while it runs."""
        if job.rule in ("fine_tune", "fine_tune_loco"):
            return CHECKPOINTS * self._model_bytes(job.wildcards["potential"])
        return LABEL_SCRATCH_BYTES if job.rule == "label_frames" else 0

    def _product_bytes(self, job: Job, path: str) -> float:
        if not job.due:
            try:
                return os.stat(self.dag.directory / path).st_size
            except OSError:
                return 0
        alike = {
            name: value
            for name, value in job.wildcards.items()
            if name not in ("replica", "temperature", "member", "mode")
        }
        key = (job.rule, Path(path).suffix, *alike.values())
        if key not in self._known:
            self._known[key] = self._estimated(job, Path(path).suffix)
        return self._known[key]

    def _estimated(self, job: Job, suffix: str) -> float:
        if suffix == ".h5md":
            return self._trajectory_bytes(job)
        if suffix == ".cube":
            settings = self.campaign.section("pathways", composition=job.wildcards["composition"])
            return CUBE_BYTES * amounts.cell_A3(self.campaign, job.wildcards) / settings["volume_spacing_A"] ** 3
        if suffix == ".model":
            return self._model_bytes(job.wildcards["potential"])
        if suffix == ".extxyz" and (size := STRUCTURES.get(job.rule)):
            count, bytes_per_atom = size
            return bytes_per_atom * count(self.campaign, job.wildcards)
        if suffix == ".npz":
            return ENVIRONMENT_BYTES * amounts.gathered_environments(self.campaign, job.wildcards["potential"])
        return PRODUCT_BYTES.get(suffix, SMALL_BYTES)

    def _trajectory_bytes(self, job: Job) -> float:
        atoms = amounts.cell_atoms(self.campaign, job.wildcards)
        if job.rule == "run_constrained_md":
            frames = amounts.constrained_frames(self.campaign, job.wildcards)
        else:
            frames = QUENCH_FRAMES if job.rule == "quench_cell" else self._production_frames(job.wildcards)
        if job.rule == "run_md":
            frames += VECTORS_PER_ATOM * amounts.velocity_frames(self.campaign, job.wildcards)
        return TRAJECTORY_BYTES + frames * (FRAME_BYTES + FRAME_ATOM_BYTES * atoms)

    def _production_frames(self, wildcards: Mapping[str, str]) -> int:
        production = self.campaign.section("dynamics", composition=wildcards["composition"])["production"]
        return steps_of(production["duration_ps"], step_fs=production["frame_interval_fs"])

    def _model_bytes(self, potential: str) -> float:
        foundation = self.campaign.foundation(potential)
        if foundation["kind"] == "file":
            path = self.dag.directory / foundation["path"]
            if path.is_file():
                return path.stat().st_size
        if foundation["kind"] == "potential":
            return self._model_bytes(foundation["name"])
        model = self.campaign.learning(potential)["model"]
        return MODEL_BYTES * (model["channels"] / MODEL_CHANNELS) ** 2 * (model["max_L"] + 1)


Count = Callable[[Campaign, Mapping[str, str]], float]


def _frame_atoms(campaign: Campaign, wildcards: Mapping[str, str]) -> float:
    """Of the frames that a generation has labelled."""
    frames = campaign.frames_to_label(wildcards["potential"], int(wildcards.get("generation", 0)))
    return frames * amounts.largest_labelled(campaign, wildcards)


def _collected_atoms(campaign: Campaign, wildcards: Mapping[str, str]) -> float:
    return amounts.collected_frames(campaign, wildcards) * amounts.largest_labelled(campaign, wildcards)


# Rule → atoms in its structure files, and bytes of each.
STRUCTURES: Mapping[str, tuple[Count, float]] = {
    "build_cell": (amounts.cell_atoms, ATOM_BYTES),
    "quench_cell": (amounts.cell_atoms, ATOM_BYTES),
    "propose_initial_frames": (_frame_atoms, ATOM_BYTES),
    "explore": (amounts.explored_frame_atoms, ATOM_BYTES),
    "select_frames": (_frame_atoms, ATOM_BYTES),
    "label_frames": (amounts.chunk_frame_atoms, LABELLED_ATOM_BYTES),
    # All frames so far, over three files.
    "collect_labels": (lambda campaign, wildcards: _collected_atoms(campaign, wildcards) / 3, LABELLED_ATOM_BYTES),
}
