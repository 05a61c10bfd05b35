"""Structures and labels on disk: extended XYZ."""

import os
from collections.abc import Sequence

import ase.io
from ase import Atoms

from saltflow.base.provenance import atomic_write


def read_frames(path: str | os.PathLike) -> list[Atoms]:
    """Every frame of an extended XYZ file; an empty file is an empty list.

    The format is named because ASE refuses to guess that of an empty file.
    """
    return ase.io.read(path, index=":", format="extxyz")


def write_frames(path: str | os.PathLike, frames: Sequence[Atoms]) -> None:
    """Write frames as extended XYZ, atomically; no frames make an empty file."""
    with atomic_write(path) as temporary:
        ase.io.write(temporary, list(frames), format="extxyz")
