"""One potential learns from one method: labels of another, or of another dispersion, are a mixture and refused."""

import re
from collections.abc import Sequence

from ase import Atoms

from saltflow.base.errors import SaltflowError
from saltflow.campaign.settings.references import Reference

POTCAR = re.compile(r"(\S.*?) sha256:([0-9a-f]+)")


def check_one_method(frames: Sequence[Atoms], reference: Reference, *, reference_name: str) -> None:
    """Make sure that every frame was labelled as the potential's reference is set, dispersion included.

    Raises:
        SaltflowError: with how many were not, and how; or a POTCAR title that stands for two files.
    """
    ours = {"reference_digest": reference.digest(), "dispersion": reference.dispersion}
    others = [frame for frame in frames if any(frame.info.get(key) != value for key, value in ours.items())]
    if others:
        first = others[0].info
        raise SaltflowError(
            f"{len(others)} of {len(frames)} labelled frames are not of {reference_name} with dispersion "
            f"{reference.dispersion}: {first.get('lineage')} is of {first.get('reference')} with dispersion "
            f"{first.get('dispersion')} (settings {first.get('reference_digest')}, not {reference.digest()}). A "
            "mixture of methods trains nothing: label those frames again, or leave them out."
        )
    _check_potcars(frames)


def _check_potcars(frames: Sequence[Atoms]) -> None:
    hashes: dict[str, set[str]] = {}
    for text in {frame.info["potcars"] for frame in frames if "potcars" in frame.info}:
        for title, sha256 in POTCAR.findall(text.replace("; ", "\n")):
            hashes.setdefault(title, set()).add(sha256)
    if twofold := sorted(title for title, found in hashes.items() if len(found) > 1):
        raise SaltflowError(
            f"The POTCAR {twofold[0]} stands for two different files among the labels: use one release of the library "
            "and label again what was made with the other."
        )
