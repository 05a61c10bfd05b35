"""Make sure that all labels of a potential are of one method, dispersion included."""

import re
from collections.abc import Sequence

from ase import Atoms

from saltflow.base.errors import SaltflowError
from saltflow.campaign.settings.references import Reference
from saltflow.materials.frame_info import FrameInfo

POTCAR = re.compile(r"(\S.*?) sha256:([0-9a-f]+)")


def check_one_method(frames: Sequence[Atoms], reference: Reference, *, reference_name: str) -> None:
    """Make sure that every frame was labelled with the settings of the potential's reference.

    Raises:
        SaltflowError: with the number of other frames and the method of the first; or one POTCAR title for two files.
    """
    method = (reference.digest(), reference.dispersion)
    infos = [FrameInfo.partial(frame) for frame in frames]
    if others := [info for info in infos if (info.reference_digest, info.dispersion) != method]:
        first = others[0]
        raise SaltflowError(
            f"{len(others)} of {len(frames)} labelled frames are not of {reference_name} with dispersion "
            f"{reference.dispersion}: {first.lineage} is of {first.reference} with dispersion {first.dispersion} "
            f"(settings {first.reference_digest}, not {reference.digest()}). One potential needs one method: "
            "label those frames again, or remove them."
        )
    _check_potcars(frames)


def _check_potcars(frames: Sequence[Atoms]) -> None:
    hashes: dict[str, set[str]] = {}
    for text in {FrameInfo.of(frame).potcars or "" for frame in frames}:
        for title, sha256 in POTCAR.findall(text.replace("; ", "\n")):
            hashes.setdefault(title, set()).add(sha256)
    if twofold := sorted(title for title, found in hashes.items() if len(found) > 1):
        raise SaltflowError(
            f"Two different POTCAR files among the labels have the title {twofold[0]}: use one release of the library "
            "and label the frames of the other again."
        )
