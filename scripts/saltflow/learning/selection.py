"""Which explored frames are worth a label: uncertain but not unphysical, different from each other, plus chance."""

import logging
from collections.abc import Mapping, Sequence

import numpy as np
from ase import Atoms
from scipy.spatial.distance import cdist

from saltflow.learning.uncertainty import factor_for
from saltflow.materials.frame_info import FrameInfo
from saltflow.potentials.mace import Committee

log = logging.getLogger(__name__)

HELDOUT, CONTROL, SELECTED = "heldout", "control", "uncertain and diverse"
SAME = 1e-3  # distance, in standard deviations of the candidates, below which two frames teach the same


def with_uncertainty(frames: Sequence[Atoms], calibration: Mapping) -> list[Atoms]:
    """Note on each explored frame `force_uncertainty_eV_A`: the calibrated uncertainty of its least certain atom.

    Args:
        frames: with `composition` and `force_std_eV_A`, which is replaced.
        calibration: of the committee that explored; see `uncertainty.calibrate`.
    """
    for frame in frames:
        info = FrameInfo.of(frame)
        uncertainty_eV_A = factor_for(calibration, info.composition) * info.force_std_eV_A
        info.set(force_uncertainty_eV_A=uncertainty_eV_A, force_std_eV_A=None)
    return list(frames)


def select_frames(frames: Sequence[Atoms], committee: Committee, *, selection: Mapping, seed: int) -> list[Atoms]:
    """The frames of one composition to label.

    Training frames: those between the lower level and the cap of the uncertainty, chosen by farthest point
    on the mean node features of each element, and a random control arm. Held-out frames: drawn at random, so
    that they stand for what the dynamics visits and not for what the selection likes.

    Args:
        frames: candidates of one composition with `split` and `force_uncertainty_eV_A`.
        committee: gives the descriptors.
        selection: the section `learning.selection`.
        seed: of the random draws.
    """
    random = np.random.default_rng(seed)
    sound = [frame for frame in frames if not _failed(frame, selection)]
    splits = [FrameInfo.of(frame).split for frame in sound]
    heldout, candidates = (
        [frame for frame, own in zip(sound, splits, strict=True) if own == split] for split in ("heldout", "train")
    )
    heldout = _draw(heldout, selection["heldout_frames"], random)
    wanted = selection["frames"] - selection["heldout_frames"]
    control = _draw(candidates, round(wanted * selection["random_fraction"]), random)
    rest = [frame for frame in candidates if not any(frame is chosen for chosen in control)]
    uncertain = _uncertain(
        rest, quantile=selection["lower_quantile"], least_eV_A=selection["min_force_uncertainty_eV_A"]
    )
    diverse = farthest_points(uncertain, committee, count=wanted - len(control))
    if not (control or diverse):
        log.warning("%s", _nothing_to_learn(frames, selection))
    return [
        *_marked(heldout, HELDOUT),
        *_marked(control, CONTROL),
        *_marked(diverse, SELECTED),
    ]


def _nothing_to_learn(frames: Sequence[Atoms], selection: Mapping) -> str:
    if not frames:
        return "nothing was explored, so there is nothing to label"
    ((name, counts),) = count_explored(frames, selection=selection).items()
    return (
        f"{name}: no frame is worth a label, so nothing new is learned of it: of {counts['frames']} that were explored "
        f"{counts['accurate']} are known already and {counts['failed']} have failed (atoms collide, or the uncertainty "
        "is above learning.selection.max_force_uncertainty_eV_A); where most have failed, lower "
        "learning.exploration.temperatures_K or duration_ps, or label more seeds"
    )


def count_explored(frames: Sequence[Atoms], *, selection: Mapping) -> dict[str, dict[str, int]]:
    """What became of explored frames: accurate below the band of uncertainty, candidate in it, failed otherwise.

    Args:
        frames: of `explore`, with their calibrated uncertainty; those whose atoms collide have failed.
        selection: the section `learning.selection`; the band begins at its absolute lower limit.

    Returns:
        composition → frames, accurate, candidate and failed.
    """
    counts: dict[str, dict[str, int]] = {}
    for frame in frames:
        info = FrameInfo.of(frame)
        ours = counts.setdefault(info.composition, dict.fromkeys(("frames", "accurate", "candidate", "failed"), 0))
        certain = info.force_uncertainty_eV_A < selection["min_force_uncertainty_eV_A"]
        ours["frames"] += 1
        ours["failed" if _failed(frame, selection) else "accurate" if certain else "candidate"] += 1
    return counts


def _failed(frame: Atoms, selection: Mapping) -> bool:
    """Whether a frame is unphysical: atoms collide, or nothing is known of its forces (NaN compares false)."""
    info = FrameInfo.of(frame)
    known = info.force_uncertainty_eV_A <= selection["max_force_uncertainty_eV_A"]
    return not known or bool(info.close_contact)


def _draw(frames: Sequence[Atoms], count: int, random: np.random.Generator) -> list[Atoms]:
    chosen = random.choice(len(frames), size=min(count, len(frames)), replace=False) if frames else []
    return [frames[index] for index in sorted(chosen)]


def _uncertain(frames: Sequence[Atoms], *, quantile: float, least_eV_A: float) -> list[Atoms]:
    """Frames at or above the lower level of the band: the quantile of their uncertainty, and never less than asked."""
    if not frames:
        return []
    uncertainties = np.array([FrameInfo.of(frame).force_uncertainty_eV_A for frame in frames])
    level = max(least_eV_A, np.quantile(uncertainties, quantile))
    return [frame for frame, uncertainty in zip(frames, uncertainties, strict=True) if uncertainty >= level]


def farthest_points(frames: Sequence[Atoms], committee: Committee, *, count: int) -> list[Atoms]:
    """Up to `count` frames, each the farthest from those already taken; the most uncertain one comes first.

    Frames that look the same as one already taken are left out.

    Args:
        frames: candidates.
        committee: its first model gives the descriptors.
        count: how many.
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


def _marked(frames: Sequence[Atoms], why: str) -> list[Atoms]:
    return [FrameInfo.of(frame).set(selected_by=why) for frame in frames]
