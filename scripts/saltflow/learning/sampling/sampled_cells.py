"""Small cells that a reference can label, and the frames without close contacts."""

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
    """Independent small cells of each composition; the first `heldout_cells` of each are held out.

    Args:
        compositions: what to pack.
        size: a section with cells, heldout_cells and atoms (of a cell).
        density_scales: factors of the start density, for the cells in turn.
        packing: the section `cells`.
        seed: of the sweep.
        lineage: prefix of their lineages, of potential and generation: no other potential tests on a cell that this one
            was trained on.
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
    """Numbers, positions, cell and `FrameInfo` of a frame, with a new origin."""
    plain = Atoms(numbers=frame.numbers, positions=frame.positions, cell=frame.cell, pbc=True)
    return FrameInfo.of(plain).copy(frame, origin=origin)


def without_close_contacts(
    frames: Sequence[Atoms], compositions: Sequence[Composition], *, atoms: int, packing: Mapping
) -> list[Atoms]:
    """The frames without a close contact.

    Args:
        frames: candidates.
        compositions: of the frames.
        atoms: target size of their cells.
        packing: the section `cells`, with the acceptance criterion.
    """
    found = close_contacts(frames, compositions, atoms=atoms, packing=packing)
    kept = [frame for frame, contact in zip(frames, found, strict=True) if not contact]
    log.info("%d of %d frames have no close contact", len(kept), len(frames))
    return kept


def close_contacts(
    frames: Sequence[Atoms], compositions: Sequence[Composition], *, atoms: int, packing: Mapping
) -> list[bool]:
    """For each frame, whether two atoms are closer than the acceptance criterion allows; see `check_acceptance`."""
    units = {each.id: packing_units(each, formula_units_for(each, atoms=atoms)) for each in compositions}
    factor = packing["acceptance"]["min_pair_factor"]
    return [bool(close_pair(frame, units[FrameInfo.of(frame).composition], min_pair_factor=factor)) for frame in frames]


def evenly_spaced(frames: Sequence[Atoms], *, count: int) -> list[Atoms]:
    """At most `count` evenly spaced frames of a lineage."""
    indices = np.linspace(0, len(frames) - 1, min(count, len(frames))).round().astype(int)
    return [frames[index] for index in indices]
