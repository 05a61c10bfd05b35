"""What a training reads that leaves a composition out."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ase import Atoms

from saltflow.labels.dataset.splits import collect
from saltflow.labels.frames import read_frames
from saltflow.learning.foundations import Foundation
from saltflow.materials.frame_info import FrameInfo


def without(frames: Sequence[Atoms], composition: str | None) -> list[Atoms]:
    """The frames that are not of a composition; all of them where it is None."""
    return [frame for frame in frames if composition is None or FrameInfo.partial(frame).composition != composition]


def read_sets(
    files: Mapping[str, str], composition: str | None, *, valid_fraction: float
) -> tuple[list[Atoms], list[Atoms]]:
    """Training and validation frames from the files `train` and `valid`, as `sets_without` leaves them."""
    return sets_without(
        *(read_frames(files[name]) for name in ("train", "valid")), composition, valid_fraction=valid_fraction
    )


def sets_without(
    train: Sequence[Atoms], valid: Sequence[Atoms], composition: str | None, *, valid_fraction: float
) -> tuple[list[Atoms], list[Atoms]]:
    """Training and validation frames without those of a composition.

    Frames stay in their sets. Where all validation frames were of that composition, training lineages of the others
    take their place, by the rule that splits a first generation.
    """
    train, valid = without(train, composition), without(valid, composition)
    if composition is None or valid or not train:
        return train, valid
    parts = collect(train, {}, valid_fraction=valid_fraction)
    return parts["train"], parts["valid"]


def foundation_without(foundation: Foundation | None, composition: str | None) -> Foundation | None:
    """The same foundation, of whose frames those of a composition are not replayed; it has learned what it has."""
    if foundation is None or composition is None:
        return foundation
    return replace(foundation, train=without(foundation.train, composition))
