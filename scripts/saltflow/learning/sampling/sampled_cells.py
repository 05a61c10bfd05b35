"""Small cells that a reference can label, and the frames of them that are sound."""

import logging
from collections.abc import Mapping, Sequence

import numpy as np
from ase import Atoms

from saltflow.base.provenance import derive_seed
from saltflow.materials.cells import build_cell, close_pair, packing_units
from saltflow.materials.compositions import Composition, formula_units_for
from saltflow.materials.frame_info import FrameInfo

log = logging.getLogger(__name__)


def pack_cells(
    compositions: Sequence[Composition],
    *,
    size: Mapping,
    density_scales: Sequence[float],
    packing: Mapping,
    seed: int,
    lineage: str,
) -> list[Atoms]:
    """Independent small cells of each composition; the first `heldout_cells` of each are never trained on.

    Args:
        compositions: what to pack.
        size: a section with cells, heldout_cells and atoms (of a cell).
        density_scales: cells cycle through these factors of the start density.
        packing: the section `packing`.
        seed: of the sweep.
        lineage: what the cells are for, such as a potential and a generation; no two purposes share a cell, so that
            what one potential was trained on is no test of another that starts from it.
    """
    cells = []
    for composition in compositions:
        for index in range(size["cells"]):
            name = f"{lineage}/{composition.id}/cell{index}"
            cell = build_cell(
                composition,
                atoms=size["atoms"],
                density_scale=packing["density_scale"] * density_scales[index % len(density_scales)],
                seed=derive_seed(seed, name),
                min_separation_factor=packing["min_separation_factor"],
                min_separations_A=packing["min_separations_A"],
            )
            split = "heldout" if index < size["heldout_cells"] else "train"
            cells.append(
                FrameInfo.of(cell).replace(composition=composition.id, lineage=name, split=split, generation=0)
            )
    return cells


def plain_frame(frame: Atoms, *, origin: str) -> Atoms:
    """Only what a label needs: numbers, positions, cell and where the frame came from."""
    plain = Atoms(numbers=frame.numbers, positions=frame.positions, cell=frame.cell, pbc=True)
    return FrameInfo.of(plain).copy(frame, origin=origin)


def without_collisions(
    frames: Sequence[Atoms], compositions: Sequence[Composition], *, atoms: int, packing: Mapping
) -> list[Atoms]:
    """The frames in which no pair of atoms is closer than the gate allows: the others teach nothing.

    Args:
        frames: candidates.
        compositions: those that the frames are of.
        atoms: wished size of their cells.
        packing: the section `packing`, with the gate.
    """
    found = collisions(frames, compositions, atoms=atoms, packing=packing)
    sound = [frame for frame, collides in zip(frames, found, strict=True) if not collides]
    log.info("%d of %d frames have no colliding atoms", len(sound), len(frames))
    return sound


def collisions(
    frames: Sequence[Atoms], compositions: Sequence[Composition], *, atoms: int, packing: Mapping
) -> list[bool]:
    """For each frame, whether a pair of its atoms is closer than the gate allows; as in `without_collisions`."""
    units = {each.id: packing_units(each, formula_units_for(each, atoms=atoms)) for each in compositions}
    factor = packing["acceptance"]["min_pair_factor"]
    return [bool(close_pair(frame, units[FrameInfo.of(frame).composition], min_pair_factor=factor)) for frame in frames]


def evenly_spaced(frames: Sequence[Atoms], *, count: int) -> list[Atoms]:
    """At most `count` frames of one lineage, spread over its time."""
    indices = np.linspace(0, len(frames) - 1, min(count, len(frames))).round().astype(int)
    return [frames[index] for index in indices]
