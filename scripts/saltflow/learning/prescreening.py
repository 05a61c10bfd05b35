"""What the committee of a foundation knows already of a composition that joins later: it needs no label again."""

import logging
from collections.abc import Mapping, Sequence

from ase import Atoms

from saltflow.base.provenance import read_json
from saltflow.learning.sampling import with_spread
from saltflow.learning.selection import count_explored, with_uncertainty
from saltflow.materials.frame_info import MELT, REPULSION, FrameInfo
from saltflow.potentials.mace import Committee, load_checked_committee

log = logging.getLogger(__name__)


def without_known(
    frames: Sequence[Atoms], files: Mapping, *, selection: Mapping | None, device: str
) -> tuple[list[Atoms], dict]:
    """`admit` by the committee of the foundation; all frames and nothing explored where `selection` is None.

    Args:
        frames: of `sampling.propose_initial_frames`.
        files: names → paths: committee and committee_checks (one for each model), foundation_assessment.
        selection: the section `learning.selection`, whose lower limit says what is known.
        device: of the committee.
    """
    if selection is None:
        return list(frames), {}
    committee = load_checked_committee(files["committee"], files["committee_checks"], device=device, dtype="float64")
    calibration = read_json(files["foundation_assessment"])["calibration"]
    return admit(frames, committee, calibration, selection=selection)


def admit(
    frames: Sequence[Atoms], committee: Committee, calibration: Mapping, *, selection: Mapping
) -> tuple[list[Atoms], dict]:
    """The seeds that are worth a label, and what became of those that the foundation's dynamics visited.

    A training frame is known where the calibrated uncertainty of its least certain atom is below the lower limit of the
    selection. Held-out frames are always labelled, for they say whether that is true; so are pairs pushed together, and
    of a training cell without anything new the frame that is least certain.

    Args:
        frames: seeds with composition, lineage, split and origin.
        committee: of the foundation.
        calibration: of that committee; a composition that it has not met takes the factor of all.
        selection: the section `learning.selection`.

    Returns:
        the frames to label, in order, and for those that were melted composition → counts, as
        `selection.count_explored` has them; all frames and nothing where the committee's spread has no measure.
    """
    if not calibration["pooled"]["factor"]:
        log.info("the committee of the foundation is not calibrated, so every seed is labelled")
        return list(frames), {}
    judged = with_uncertainty(with_spread(frames, committee), calibration)
    new = {index for index, frame in enumerate(judged) if not _is_known(frame, selection)}
    lineages: dict[str, list[int]] = {}
    for index, frame in enumerate(judged):
        lineages.setdefault(FrameInfo.of(frame).lineage, []).append(index)
    for ours in lineages.values():
        if new.isdisjoint(ours):
            new.add(max(ours, key=lambda index: FrameInfo.of(judged[index]).force_uncertainty_eV_A))
    melted = [frame for frame in judged if FrameInfo.of(frame).origin.startswith(MELT)]
    log.info("%d of %d seeds are labelled, the foundation knows the others", len(new), len(judged))
    return [judged[index] for index in sorted(new)], count_explored(melted, selection=selection)


def _is_known(frame: Atoms, selection: Mapping) -> bool:
    info = FrameInfo.of(frame)
    if info.split == "heldout" or info.origin.startswith(REPULSION):
        return False
    return info.force_uncertainty_eV_A < selection["min_force_uncertainty_eV_A"]
