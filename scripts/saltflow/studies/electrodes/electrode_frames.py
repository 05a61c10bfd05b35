"""Frames of finished electrodes that are worth a label, and whether a reference can label them."""

from collections.abc import Sequence
from pathlib import Path

import ase.io
from ase import Atoms

from saltflow.base.errors import InputError
from saltflow.campaign.settings.references import Reference, TbliteReference
from saltflow.labels.reference.labelling import check_elements
from saltflow.labels.reference.spin import OPEN_SHELL
from saltflow.materials.frame_info import FrameInfo

GROUPS = ("last_good*.extxyz", "phases.extxyz", "cycles*.extxyz")  # in the order in which they are taken


def electrode_frames(studies: Sequence[Path], *, most: int) -> list[Atoms]:
    """Frames of finished studies: the last state of hosts that fell apart, the lowest at each x, states of cycles.

    Of each group so many are taken as are left, spread evenly over its studies and their steps. All frames of a file
    are one lineage.

    Args:
        studies: folders of electrode.json.
        most: frames.

    Raises:
        InputError: a folder holds no study, or none of them has a structure.
    """
    for folder in studies:
        if not (folder / "electrode.json").is_file():
            raise InputError([f"{folder} has no electrode.json; name the folder of a finished study."])
    chosen: list[Atoms] = []
    for group in GROUPS:
        found = [frame for folder in studies for path in sorted(folder.glob(group)) for frame in _frames(folder, path)]
        left = min(most - len(chosen), len(found))
        chosen += [found[number * len(found) // left] for number in range(left)]
    if not chosen:
        raise InputError(["These studies have no structure; there is nothing to label."])
    return chosen


def check_reference(name: str, reference: Reference, frames: Sequence[Atoms]) -> None:
    """Refuse a reference that cannot label frames of an electrode.

    Raises:
        InputError: it lacks an element, or the spin of one: metals of an electrode change their charge.
    """
    elements = sorted({symbol for frame in frames for symbol in frame.symbols})
    if isinstance(reference, TbliteReference) and (open_shell := sorted(OPEN_SHELL & set(elements))):
        raise InputError(
            [f"{name} has no spin, which {', '.join(open_shell)} needs; take a reference with unpaired_electrons."]
        )
    check_elements(reference, elements)


def _frames(folder: Path, path: Path) -> list[Atoms]:
    found = []
    for image in ase.io.read(path, index=":"):
        frame = Atoms(image.numbers, image.positions, cell=image.cell, pbc=True)
        FrameInfo.of(frame).set(lineage=f"electrodes/{folder.name}/{path.stem}")
        found.append(frame)
    return found
