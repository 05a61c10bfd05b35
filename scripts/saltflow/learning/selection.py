"""Select explored frames to label: uncertain, diverse and physical ones, and a random baseline."""

import logging
from collections.abc import Mapping, Sequence

import numpy as np
from ase import Atoms
from scipy.spatial.distance import cdist

from saltflow.learning.uncertainty import factor_for
from saltflow.materials.frame_info import FrameInfo
from saltflow.potentials.mace import Committee

log = logging.getLogger(__name__)

HELDOUT, RANDOM, UNCERTAIN = "heldout", "random", "uncertainty"
SAME = 1e-3  # distance, in standard deviations of the candidates, below which two frames are the same


def with_uncertainty(frames: Sequence[Atoms], calibration: Mapping) -> list[Atoms]:
    """Replace `force_std_eV_A` of each frame by `force_uncertainty_eV_A`: calibrated, of its least certain atom.

    Args:
        frames: with composition and force_std_eV_A.
        calibration: of the committee that explored; see `uncertainty.calibrate`.
    """
    for frame in frames:
        info = FrameInfo.of(frame)
        uncertainty_eV_A = factor_for(calibration, info.composition) * info.force_std_eV_A
        info.set(force_uncertainty_eV_A=uncertainty_eV_A, force_std_eV_A=None)
    return list(frames)


def select_frames(frames: Sequence[Atoms], committee: Committee, *, selection: Mapping, seed: int) -> list[Atoms]:
    """The frames of one composition to label.

    Training frames: farthest points, on the mean node features of each element, among those in the uncertainty band;
    and a random baseline. Held-out frames are drawn at random, so that they represent the dynamics, not the selection.

    Args:
        frames: candidates of one composition with split and force_uncertainty_eV_A.
        committee: gives the descriptors.
        selection: the section `learning.selection`.
        seed: of the random draws.
    """
    random = np.random.default_rng(seed)
    physical = [frame for frame in frames if not _failed(frame, selection)]
    splits = [FrameInfo.of(frame).split for frame in physical]
    heldout, candidates = (
        [frame for frame, own in zip(physical, splits, strict=True) if own == split] for split in ("heldout", "train")
    )
    heldout = _draw(heldout, selection["heldout_frames"], random)
    wanted = selection["frames"] - selection["heldout_frames"]
    baseline = _draw(candidates, round(wanted * selection["random_fraction"]), random)
    rest = [frame for frame in candidates if not any(frame is chosen for chosen in baseline)]
    uncertain = _uncertain(
        rest, quantile=selection["lower_quantile"], least_eV_A=selection["min_force_uncertainty_eV_A"]
    )
    diverse = farthest_points(uncertain, committee, count=wanted - len(baseline))
    if not (baseline or diverse):
        log.warning("%s", _nothing_selected(frames, selection))
    return [
        *_marked(heldout, HELDOUT),
        *_marked(baseline, RANDOM),
        *_marked(diverse, UNCERTAIN),
    ]


def _nothing_selected(frames: Sequence[Atoms], selection: Mapping) -> str:
    if not frames:
        return "nothing was explored, so nothing is selected"
    ((name, counts),) = count_explored(frames, selection=selection).items()
    return (
        f"{name}: no frame is selected: of {counts['frames']} explored frames {counts['accurate']} are accurate and "
        f"{counts['failed']} have failed (a close contact, or the uncertainty is above "
        "learning.selection.max_force_uncertainty_eV_A); where most have failed, lower "
        "learning.exploration.temperatures_K or duration_ps, or label more initial frames"
    )


def count_explored(frames: Sequence[Atoms], *, selection: Mapping) -> dict[str, dict[str, int]]:
    """Count explored frames: accurate below the uncertainty band, candidate in it, failed above it.

    Args:
        frames: of `explore`, with calibrated uncertainty; those with a close contact have failed.
        selection: the section `learning.selection`; the band begins at its absolute lower limit.

    Returns:
        composition → frames, accurate, candidate and failed.
    """
    counts: dict[str, dict[str, int]] = {}
    for frame in frames:
        info = FrameInfo.of(frame)
        own = counts.setdefault(info.composition, dict.fromkeys(("frames", "accurate", "candidate", "failed"), 0))
        certain = info.force_uncertainty_eV_A < selection["min_force_uncertainty_eV_A"]
        own["frames"] += 1
        own["failed" if _failed(frame, selection) else "accurate" if certain else "candidate"] += 1
    return counts


def _failed(frame: Atoms, selection: Mapping) -> bool:
    """Whether a frame is unphysical: a close contact, or an uncertainty that is too large or NaN (compares false)."""
    info = FrameInfo.of(frame)
    known = info.force_uncertainty_eV_A <= selection["max_force_uncertainty_eV_A"]
    return not known or bool(info.close_contact)


def _draw(frames: Sequence[Atoms], count: int, random: np.random.Generator) -> list[Atoms]:
    chosen = random.choice(len(frames), size=min(count, len(frames)), replace=False) if frames else []
    return [frames[index] for index in sorted(chosen)]


def _uncertain(frames: Sequence[Atoms], *, quantile: float, least_eV_A: float) -> list[Atoms]:
    """Frames at or above the lower end of the band: the quantile of their uncertainty, at least the absolute limit."""
    if not frames:
        return []
    uncertainties = np.array([FrameInfo.of(frame).force_uncertainty_eV_A for frame in frames])
    level = max(least_eV_A, np.quantile(uncertainties, quantile))
    return [frame for frame, uncertainty in zip(frames, uncertainties, strict=True) if uncertainty >= level]


def farthest_points(frames: Sequence[Atoms], committee: Committee, *, count: int) -> list[Atoms]:
    """Up to `count` frames, each the farthest from those before it; the most uncertain one comes first.

    Copies of frames are left out.

    Args:
        frames: candidates.
        committee: its first model gives the descriptors.
        count: largest number.
    """
    if count <= 0 or not frames:
        return []
    features = np.stack([_fingerprint(frame, committee) for frame in frames])
    features = (features - features.mean(0)) / (features.std(0) + 1e-9)
    chosen = [int(np.argmax([FrameInfo.of(frame).force_uncertainty_eV_A for frame in frames]))]
    distance = cdist(features, features[chosen])[:, 0]
    while len(chosen) < count and distance.max() > SAME:
        chosen.append(int(np.argmax(distance)))
        distance = np.minimum(distance, cdist(features, features[chosen[-1:]])[:, 0])
    return [frames[index] for index in chosen]


def _fingerprint(frame: Atoms, committee: Committee) -> np.ndarray:
    """Mean node features of each element, concatenated."""
    potential, *where = committee.on_frame(frame)
    features = potential.descriptors(*where).cpu().numpy()
    return np.concatenate([features[frame.numbers == number].mean(0) for number in sorted(set(frame.numbers))])


def _marked(frames: Sequence[Atoms], selected_by: str) -> list[Atoms]:
    return [FrameInfo.of(frame).set(selected_by=selected_by) for frame in frames]
