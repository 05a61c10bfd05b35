"""Frames worth labelling: seeds of the first generation, and what a committee explores in later ones.

Every frame carries where it came from: `composition`, `generation`, `lineage` (the packed cell it descends from),
`origin` and `split` (train or heldout). All frames of one lineage have one split, so that nothing leaks.
"""

from saltflow.learning.sampling.driving import drive_cells, with_spread
from saltflow.learning.sampling.exploration import explore
from saltflow.learning.sampling.initial_frames import propose_initial_frames, rattled_frames
from saltflow.learning.sampling.repulsion import repulsion_frames
from saltflow.learning.sampling.sampled_cells import collisions, evenly_spaced, pack_cells, without_collisions

__all__ = [
    "collisions",
    "drive_cells",
    "evenly_spaced",
    "explore",
    "pack_cells",
    "propose_initial_frames",
    "rattled_frames",
    "repulsion_frames",
    "with_spread",
    "without_collisions",
]
