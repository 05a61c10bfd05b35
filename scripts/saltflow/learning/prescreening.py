"""Pre-screening: initial frames that the committee of the foundation predicts accurately are not labelled."""

import logging
from collections.abc import Mapping, Sequence

from ase import Atoms

from saltflow.base.provenance import read_json
from saltflow.learning.sampling import with_force_std
from saltflow.learning.selection import count_explored, with_uncertainty
from saltflow.materials.frame_info import MELT, REPULSION, FrameInfo
from saltflow.potentials.mace import Committee, load_checked_committee

log = logging.getLogger(__name__)


def prescreen_initial_frames(
    frames: Sequence[Atoms], files: Mapping, *, selection: Mapping | None, device: str
) -> tuple[list[Atoms], dict]:
    """`prescreen` by the committee of the foundation; all frames and no counts where `selection` is None.

    Args:
        frames: of `sampling.propose_initial_frames`.
        files: names → paths: committee and committee_checks (one for each model), foundation_assessment.
        selection: the section `learning.selection`; its lower limit defines accurate.
        device: of the committee.
    """
    if selection is None:
        return list(frames), {}
    committee = load_checked_committee(files["committee"], files["committee_checks"], device=device, dtype="float64")
    calibration = read_json(files["foundation_assessment"])["calibration"]
    return prescreen(frames, committee, calibration, selection=selection)


def prescreen(
    frames: Sequence[Atoms], committee: Committee, calibration: Mapping, *, selection: Mapping
) -> tuple[list[Atoms], dict]:
    """The initial frames to label, and counts of the melted ones.

    A training frame is accurate if its calibrated uncertainty is below the lower limit of the selection. Always
    labelled are held-out frames, which test this, short-range repulsion frames, and the least certain frame of every
    cell.

    Args:
        frames: initial frames with composition, lineage, split and origin.
        committee: of the foundation.
        calibration: of that committee.
        selection: the section `learning.selection`.

    Returns:
        the frames to label, in order, and composition → counts of melted frames, of `selection.count_explored`. All
        frames and no counts where the committee is not calibrated.
    """
    if not calibration["pooled"]["factor"]:
        log.info("the committee of the foundation is not calibrated, so every initial frame is labelled")
        return list(frames), {}
    evaluated = with_uncertainty(with_force_std(frames, committee), calibration)
    new = {index for index, frame in enumerate(evaluated) if not _is_accurate(frame, selection)}
    lineages: dict[str, list[int]] = {}
    for index, frame in enumerate(evaluated):
        lineages.setdefault(FrameInfo.of(frame).lineage, []).append(index)
    for members in lineages.values():
        if new.isdisjoint(members):
            new.add(max(members, key=lambda index: FrameInfo.of(evaluated[index]).force_uncertainty_eV_A))
    melted = [frame for frame in evaluated if FrameInfo.of(frame).origin.startswith(MELT)]
    log.info(
        "%d of %d initial frames are labelled; the foundation predicts the others accurately", len(new), len(evaluated)
    )
    return [evaluated[index] for index in sorted(new)], count_explored(melted, selection=selection)


def _is_accurate(frame: Atoms, selection: Mapping) -> bool:
    info = FrameInfo.of(frame)
    if info.split == "heldout" or info.origin.startswith(REPULSION):
        return False
    return info.force_uncertainty_eV_A < selection["min_force_uncertainty_eV_A"]
