"""Explore new cells with the committee of the generation before."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from ase import Atoms

from saltflow.learning.sampling.driving import drive_cells
from saltflow.learning.sampling.sampled_cells import close_contacts, pack_cells
from saltflow.materials.compositions import Composition
from saltflow.materials.frame_info import EXPLORATION, FrameInfo
from saltflow.potentials.mace import Committee

log = logging.getLogger(__name__)


def explore(
    compositions: Sequence[Composition],
    committee: Committee,
    *,
    exploration: Mapping,
    density_scales: Sequence[float],
    packing: Mapping,
    dynamics: Mapping,
    checkpoint_ps: float,
    potential: str,
    seed: int,
    generation: int,
    workdir: Path,
) -> list[Atoms]:
    """Frames of molecular dynamics in cells that no generation has seen; `close_contact` marks unphysical ones.

    Args:
        committee: of the generation before.
        exploration: the section `learning.exploration`.
        density_scales: factors of the start density, for the cells in turn.
        generation: its number.
        (the others as in `propose_initial_frames`)
    """
    cells = pack_cells(
        compositions,
        size=exploration,
        density_scales=density_scales,
        packing=packing,
        seed=seed,
        lineage=f"{potential}/generation{generation}",
    )
    explored = drive_cells(
        cells,
        committee,
        temperatures_K=exploration["temperatures_K"],
        duration_ps=exploration["duration_ps"],
        stride_fs=exploration["stride_fs"],
        dynamics=dynamics,
        checkpoint_ps=checkpoint_ps,
        seed=seed,
        workdir=workdir,
        origin=EXPLORATION,
    )
    found = close_contacts(explored, compositions, atoms=exploration["atoms"], packing=packing)
    for frame, close_contact in zip(explored, found, strict=True):
        FrameInfo.of(frame).set(close_contact=close_contact, generation=generation)
    log.info("%d of %d frames have a close contact", sum(found), len(explored))
    return explored
