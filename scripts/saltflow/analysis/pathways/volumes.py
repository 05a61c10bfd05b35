"""Densities as Gaussian cube files, which VESTA and OVITO read."""

import os
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.io.cube import read_cube, write_cube

from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import atomic_write

NOTHING = "no density: no accepted replica"
TITLE = "mobile-ion density over its mean, from saltflow"


@dataclass(frozen=True)
class DensityVolume:
    """A density over its mean, in the frame of the framework.

    Args:
        density: (n₁, n₂, n₃).
        framework: the other atoms at their mean positions, with the cell.
        thresholds: densities at which it percolates in 1, 2 and 3 dimensions; None where it does not.
        kT_eV: of the run.
    """

    density: np.ndarray
    framework: Atoms
    thresholds: tuple[float | None, float | None, float | None]
    kT_eV: float


def write_volume(volume: DensityVolume | None, path: str | os.PathLike) -> None:
    """Write a Gaussian cube file; its first line gives the percolation thresholds.

    Args:
        volume: None writes a file of one line.
        path: the file.
    """
    with atomic_write(path) as temporary, open(temporary, "w") as file:
        if volume is None:
            file.write(f"{NOTHING}\n")
            return
        levels = ", ".join(
            f"{name} {'none' if level is None else f'{level:.6g}'}"
            for name, level in zip(("1D", "2D", "3D"), volume.thresholds, strict=True)
        )
        comment = f"{TITLE}; kT {volume.kT_eV:.8g} eV; percolation thresholds: {levels}"
        steps_A = volume.framework.cell.array / np.array(volume.density.shape)[:, None]
        write_cube(file, volume.framework, data=volume.density, comment=comment, origin=steps_A.sum(axis=0) / 2)


def read_volume(path: str | os.PathLike) -> DensityVolume | None:
    """Read a file of `write_volume`; None where it holds no density.

    Raises:
        SaltflowError: it is another file.
    """
    with open(path) as file:
        first = file.readline().strip()
        if first == NOTHING:
            return None
        if not first.startswith(TITLE):
            raise SaltflowError(f"{path} is no density of saltflow; run analyse_pathways again.")
        file.seek(0)
        content = read_cube(file)
    levels = [part.split()[-1] for part in first.split(":")[1].split(",")]
    return DensityVolume(
        density=content["data"],
        framework=content["atoms"],
        thresholds=tuple(None if level == "none" else float(level) for level in levels),
        kT_eV=float(first.split("kT")[1].split()[0]),
    )
