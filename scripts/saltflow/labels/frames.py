"""Read and write frames as extended XYZ."""

import os
from collections.abc import Sequence

import ase.io
from ase import Atoms

from saltflow.base.errors import DamagedProductError
from saltflow.base.provenance import atomic_write
from saltflow.materials.frame_info import remember_source


def read_frames(path: str | os.PathLike) -> list[Atoms]:
    """Every frame of an extended XYZ file; an empty file is an empty list.

    ASE cannot guess the format of an empty file, so it is named.

    Raises:
        DamagedProductError: the file holds something else.
    """
    try:
        frames = ase.io.read(path, index=":", format="extxyz")
    except Exception as error:  # the parser raises whatever it meets, an OSError without a number too
        if isinstance(error, OSError) and error.errno:  # the file is missing or may not be read
            raise
        raise DamagedProductError(path, error) from error
    for frame in frames:
        remember_source(frame, str(path))
    return frames


def read_cell(path: str | os.PathLike) -> Atoms:
    """The one frame of an extended XYZ file.

    Raises:
        DamagedProductError: the file holds something else.
    """
    frames = read_frames(path)
    if len(frames) != 1:
        raise DamagedProductError(path, f"it holds {len(frames)} frames where one is wanted")
    return frames[0]


def write_frames(path: str | os.PathLike, frames: Sequence[Atoms]) -> None:
    """Write frames as extended XYZ, atomically; no frames make an empty file."""
    with atomic_write(path) as temporary:
        ase.io.write(temporary, list(frames), format="extxyz")
