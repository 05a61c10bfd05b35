"""Files that ASE reads: its own .traj, and what no other reader here takes (vasprun.xml, OUTCAR, Espresso, CASTEP)."""

import logging
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
from ase import Atoms, units

from saltflow.base.errors import SaltflowError
from saltflow.trajectory.formats.source import Frame, Source

log = logging.getLogger(__name__)

ULM = b"- of Ulm"  # how a .traj begins
TRAJ = "traj"
FS_PS = 1e-3


def open_by_ase(path: Path, layout: str | None = None) -> Source:
    """A file of a format of ASE; None lets ASE find the format.

    Raises:
        SaltflowError: a boundary that is not periodic.
    """
    from ase.io import iread

    frames = iread(path, index=":", format=layout)
    first = next(frames, None)
    if first is None:
        raise SaltflowError(f"{path} holds no frame; write it again.")
    images = chain([first], _until_cut(frames, path) if layout == TRAJ else frames)
    return Source([first.get_chemical_symbols()], _frames(images, path))


def _until_cut(frames: Iterator[Atoms], path: Path) -> Iterator[Atoms]:
    """The frames up to the first that a killed run has not written whole; its file lists all of them."""
    number = 1
    while True:
        try:
            atoms = next(frames)
        except StopIteration:
            return
        except (ValueError, OSError, EOFError) as error:
            log.warning("%s ends inside frame %d, which is left out (%s).", path.name, number, type(error).__name__)
            return
        yield atoms
        number += 1


def _frames(images: Iterator[Atoms], path: Path) -> Iterator[Frame]:
    for atoms in images:
        has_cell = bool(np.any(atoms.cell.array))
        if has_cell and not atoms.pbc.all():
            raise SaltflowError(
                f"{path} says pbc {atoms.pbc.tolist()}; the analyses need a cell that is periodic in all directions: "
                "correct pbc or analyse another run."
            )
        moving = atoms.has("momenta")
        yield Frame(
            atoms.positions,
            atoms.cell.array if has_cell else None,
            names=atoms.get_chemical_symbols(),
            velocities_A_ps=atoms.get_velocities() * units.fs / FS_PS if moving else None,
        )
