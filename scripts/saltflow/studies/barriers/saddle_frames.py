"""Frames of finished paths that are worth a label: a potential knows least of what lies between two sites."""

from collections.abc import Sequence
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms

from saltflow.base.errors import InputError
from saltflow.base.provenance import read_json
from saltflow.materials.frame_info import FrameInfo

ALIKE_EV = 0.001  # end states of a path closer in energy are one by symmetry


def saddle_frames(studies: Sequence[Path], *, most: int) -> list[Atoms]:
    """Images of the paths of finished studies: first the highest of each, then end states, then what lies between.

    Each group has the highest energies above the lower end of their path first. Paths that did not converge count too:
    their images are no less in need of a label. All frames of a path are one lineage.

    Args:
        studies: folders of barriers.json.
        most: frames.

    Raises:
        InputError: a folder holds no study, or no path has finite energies.
    """
    ranked: list[tuple[int, float, Atoms]] = []
    for folder in studies:
        if not (folder / "barriers.json").is_file():
            raise InputError([f"{folder} has no barriers.json; name the folder of a finished study."])
        for hop in read_json(folder / "barriers.json")["hops"]:
            ranked += _ranked_images(folder, hop["hop"])
    if not ranked:
        raise InputError(["No path of these studies has energies; there is nothing to label."])
    ranked.sort(key=lambda each: (each[0], -each[1]))
    return [frame for _, _, frame in ranked[:most]]


def _ranked_images(folder: Path, hop: str) -> list[tuple[int, float, Atoms]]:
    """Group, energy above the lower end, and frame of each image of a path; none where it has no energies."""
    record = folder / f"{hop}.json"
    energies = np.array((read_json(record)["energies_eV"] if record.is_file() else None) or [np.nan], float)
    if not np.isfinite(energies).all():
        return []
    last, above = len(energies) - 1, energies - min(energies[0], energies[-1])
    groups = {int(np.argmax(energies)): 0, 0: 1, last: 1}
    repeated = {last} if abs(energies[0] - energies[-1]) < ALIKE_EV else set()
    found = []
    for index, image in enumerate(ase.io.read(folder / f"{hop}.extxyz", index=":")):
        if index not in repeated:
            frame = Atoms(image.numbers, image.positions, cell=image.cell, pbc=True)
            FrameInfo.of(frame).set(lineage=f"barriers/{folder.name}/{hop}")
            found.append((groups.get(index, 2), float(above[index]), frame))
    return found
