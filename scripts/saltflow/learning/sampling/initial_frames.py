"""Initial frames of a potential: melts by its foundation, displaced and strained cells, short-range repulsion."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from ase import Atoms

from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import derive_seed
from saltflow.learning.sampling.driving import drive_cells
from saltflow.learning.sampling.repulsion import repulsion_frames_of_all
from saltflow.learning.sampling.sampled_cells import evenly_spaced, pack_cells, plain_frame, without_close_contacts
from saltflow.materials.compositions import Composition
from saltflow.materials.frame_info import MELT, RATTLED, FrameInfo
from saltflow.potentials.mace import Committee


def propose_initial_frames(
    compositions: Sequence[Composition],
    committee: Committee | None,
    *,
    initial_structures: Mapping,
    packing: Mapping,
    dynamics: Mapping,
    checkpoint_ps: float,
    potential: str,
    seed: int,
    workdir: Path,
) -> list[Atoms]:
    """Frames of generation 0.

    Args:
        compositions: of the training set.
        committee: the foundation, which melts the cells; without it they are displaced and strained.
        initial_structures: the section `learning.initial_structures`.
        packing, dynamics: the sections `cells` and `dynamics`.
        checkpoint_ps: time between checkpoints.
        potential: its name.
        seed: of the sweep.
        workdir: folder of checkpoints.

    Raises:
        SaltflowError: the foundation does not know an element.
    """
    cells = pack_cells(
        compositions,
        size=initial_structures,
        density_scales=initial_structures["density_scales"],
        packing=packing,
        seed=seed,
        lineage=f"{potential}/generation0",
    )
    repulsion = repulsion_frames_of_all(cells, compositions, initial_structures=initial_structures)
    frames = []
    if committee is None:
        for cell in cells:
            frames += _rattled(cell, initial_structures["frames_per_cell"], initial_structures, seed)
        return frames + repulsion
    _check_elements(compositions, committee, potential=potential)
    duration_fs = 1000 * initial_structures["melt_ps"]
    melted = drive_cells(
        cells,
        committee,
        temperatures_K=initial_structures["melt_temperatures_K"],
        duration_ps=initial_structures["melt_ps"],
        stride_fs=duration_fs / (2 * initial_structures["frames_per_cell"]),
        dynamics=dynamics,
        checkpoint_ps=checkpoint_ps,
        seed=seed,
        workdir=workdir,
        origin=MELT,
    )
    accepted = without_close_contacts(melted, compositions, atoms=initial_structures["atoms"], packing=packing)
    crystals = {composition.id for composition in compositions if composition.start != "pack"}
    for cell in cells:
        info = FrameInfo.of(cell)
        own = [frame for frame in accepted if FrameInfo.of(frame).lineage == info.lineage]
        # Half of a crystal's frames stay near the crystal.
        wanted = initial_structures["frames_per_cell"] // (2 if info.composition in crystals else 1)
        chosen = evenly_spaced(own, count=wanted)
        frames += [
            *chosen,
            *_rattled(cell, initial_structures["frames_per_cell"] - len(chosen), initial_structures, seed),
        ]
    return frames + repulsion


def _check_elements(compositions: Sequence[Composition], foundation: Committee, *, potential: str) -> None:
    for composition in compositions:
        if missing := foundation.lacks(composition.amounts):
            raise SaltflowError(
                f"Potential {potential}: its foundation does not know {', '.join(missing)} of {composition.id}; start "
                "from one that does, or from none (column foundation of potentials.tsv)."
            )


def _rattled(cell: Atoms, count: int, initial_structures: Mapping, seed: int) -> list[Atoms]:
    """Displaced frames: of a crystal, of a cell without a foundation, or of one whose melt was unphysical."""
    return rattled_frames(
        cell, count=count, rattle_A=initial_structures["rattle_A"], seed=derive_seed(seed, FrameInfo.of(cell).lineage)
    )


def rattled_frames(cell: Atoms, *, count: int, rattle_A: float, seed: int) -> list[Atoms]:
    """A cell with growing random displacements and strains.

    Args:
        cell: the first frame.
        count: number of frames.
        rattle_A: standard deviation of the displacement in the last frame; the strain grows to ±5 %.
        seed: of displacements and strains.
    """
    random = np.random.default_rng(seed)
    frames = []
    for index in range(count):
        share = index / max(1, count - 1)
        frame = cell.copy()
        frame.positions += random.normal(scale=share * rattle_A, size=frame.positions.shape)
        strain = np.eye(3) + share * 0.05 * random.uniform(-1, 1, size=(3, 3))
        frame.set_cell(frame.cell.array @ (strain + strain.T) / 2, scale_atoms=True)
        frames.append(plain_frame(frame, origin=RATTLED))
    return frames
