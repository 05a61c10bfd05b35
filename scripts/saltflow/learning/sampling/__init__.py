"""Frames to label: initial frames of generation 0, explored frames of later generations.

Every frame has composition, generation, lineage, origin and split of `FrameInfo`. All frames of a lineage have one
split, so that no test cell is trained on.
"""

from saltflow.learning.sampling.driving import drive_cells, with_force_std
from saltflow.learning.sampling.exploration import explore
from saltflow.learning.sampling.initial_frames import propose_initial_frames, rattled_frames
from saltflow.learning.sampling.repulsion import repulsion_frames
from saltflow.learning.sampling.sampled_cells import close_contacts, evenly_spaced, pack_cells, without_close_contacts

__all__ = [
    "close_contacts",
    "drive_cells",
    "evenly_spaced",
    "explore",
    "pack_cells",
    "propose_initial_frames",
    "rattled_frames",
    "repulsion_frames",
    "with_force_std",
    "without_close_contacts",
]
