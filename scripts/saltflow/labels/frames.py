"""Read and write frames as extended XYZ."""

import os
from collections.abc import Sequence

import ase.io
from ase import Atoms

from saltflow.base.provenance import atomic_write
from saltflow.materials.frame_info import remember_source


def read_frames(path: str | os.PathLike) -> list[Atoms]:
    """Every frame of an extended XYZ file; an empty file is an empty list.

    ASE cannot guess the format of an empty file, so it is named.
    """
    frames = ase.io.read(path, index=":", format="extxyz")
    for frame in frames:
        remember_source(frame, str(path))
    return frames


def write_frames(path: str | os.PathLike, frames: Sequence[Atoms]) -> None:
    """Write frames as extended XYZ, atomically; no frames make an empty file."""
    with atomic_write(path) as temporary:
        ase.io.write(temporary, list(frames), format="extxyz")
