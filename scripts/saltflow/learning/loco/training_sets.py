"""Training sets without a composition."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ase import Atoms

from saltflow.labels.dataset.splits import collect
from saltflow.labels.frames import read_frames
from saltflow.learning.foundations import Foundation
from saltflow.materials.frame_info import FrameInfo


def without(frames: Sequence[Atoms], composition: str | None) -> list[Atoms]:
    """Frames of other compositions; all frames for None."""
    return [frame for frame in frames if composition is None or FrameInfo.partial(frame).composition != composition]


def read_sets(
    files: Mapping[str, str], composition: str | None, *, valid_fraction: float
) -> tuple[list[Atoms], list[Atoms]]:
    """`sets_without` of the files `train` and `valid`."""
    return sets_without(
        *(read_frames(files[name]) for name in ("train", "valid")), composition, valid_fraction=valid_fraction
    )


def sets_without(
    train: Sequence[Atoms], valid: Sequence[Atoms], composition: str | None, *, valid_fraction: float
) -> tuple[list[Atoms], list[Atoms]]:
    """Training and validation frames without those of a composition.

    Frames stay in their sets. Where no validation frame is left, training lineages take their place by the rule of the
    first generation.
    """
    train, valid = without(train, composition), without(valid, composition)
    if composition is None or valid or not train:
        return train, valid
    parts = collect(train, {}, valid_fraction=valid_fraction)
    return parts["train"], parts["valid"]


def foundation_without(foundation: Foundation | None, composition: str | None) -> Foundation | None:
    """The foundation without the frames of a composition among those to replay."""
    if foundation is None or composition is None:
        return foundation
    return replace(foundation, train=without(foundation.train, composition))
