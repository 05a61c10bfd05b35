"""Split labelled frames into training, validation and test sets by whole lineages."""

from collections.abc import Mapping, Sequence

from ase import Atoms

from saltflow.base.provenance import digest
from saltflow.materials.frame_info import FrameInfo


def split_frames(frames: Sequence[Atoms], *, valid_fraction: float, known: Mapping[str, str]) -> dict[str, str]:
    """Lineage → set: train, valid or test.

    A lineage keeps its set. New held-out lineages are test; of the others, the first in the order of a hash are
    validation, at least one in all.

    Args:
        frames: labelled, with `lineage` and `split`.
        valid_fraction: of the training lineages.
        known: lineage → set in earlier generations.
    """
    splits = dict(known)
    infos = [FrameInfo.of(frame) for frame in frames]
    new = {info.lineage: info.split for info in infos if info.lineage not in known}
    splits |= {lineage: "test" for lineage, split in new.items() if split == "heldout"}
    fresh = sorted((lineage for lineage, split in new.items() if split == "train"), key=digest)
    wanted = round(valid_fraction * len(fresh))
    if "valid" not in splits.values():
        wanted = max(1, wanted)
    splits |= {lineage: "valid" if index < wanted else "train" for index, lineage in enumerate(fresh)}
    return splits


def collect(
    new: Sequence[Atoms], previous: Mapping[str, Sequence[Atoms]], *, valid_fraction: float
) -> dict[str, list[Atoms]]:
    """The training, validation and test frames of a generation.

    Args:
        new: frames labelled in this generation.
        previous: set → frames of the generation before; empty for the first.
        valid_fraction: see `split_frames`.
    """
    known = {FrameInfo.of(frame).lineage: name for name, frames in previous.items() for frame in frames}
    splits = split_frames(new, valid_fraction=valid_fraction, known=known)
    return {
        name: [*previous.get(name, []), *(frame for frame in new if splits[FrameInfo.of(frame).lineage] == name)]
        for name in ("train", "valid", "test")
    }
