"""Which explored frames are worth a label: uncertain but not wrecked, different from each other, plus chance."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from ase import Atoms
from scipy.spatial.distance import cdist

from saltflow.potentials import Committee, stack

SAME = 1e-3  # distance, in standard deviations of the candidates, below which two frames teach the same


def select_frames(frames: Sequence[Atoms], committee: Committee, *, selection: Mapping, seed: int) -> list[Atoms]:
    """The frames of one composition to label.

    Training frames: those between the lower quantile and the cap of the uncertainty, chosen by farthest point
    on the mean node features of each element, and a random control arm. Held-out frames: drawn at random, so
    that they stand for what the dynamics visits and not for what the selection likes.

    Args:
        frames: candidates of one composition with `split` and `force_uncertainty_eV_A`.
        committee: gives the descriptors.
        selection: the section `learning.selection`.
        seed: of the random draws.
    """
    random = np.random.default_rng(seed)
    cap = selection["max_force_uncertainty_eV_A"]
    sound = [frame for frame in frames if frame.info["force_uncertainty_eV_A"] <= cap]
    heldout = _draw([frame for frame in sound if frame.info["split"] == "heldout"], selection["heldout_frames"], random)
    candidates = [frame for frame in sound if frame.info["split"] == "train"]
    wanted = selection["frames"] - selection["heldout_frames"]
    control = _draw(candidates, round(wanted * selection["random_fraction"]), random)
    rest = [frame for frame in candidates if not any(frame is chosen for chosen in control)]
    uncertain = _uncertain(rest, selection["lower_quantile"])
    diverse = farthest_points(uncertain, committee, count=wanted - len(control))
    return [
        *_marked(heldout, "heldout"),
        *_marked(control, "control"),
        *_marked(diverse, "uncertain and diverse"),
    ]


def _draw(frames: Sequence[Atoms], count: int, random: np.random.Generator) -> list[Atoms]:
    chosen = random.choice(len(frames), size=min(count, len(frames)), replace=False) if frames else []
    return [frames[index] for index in sorted(chosen)]


def _uncertain(frames: Sequence[Atoms], quantile: float) -> list[Atoms]:
    if not frames:
        return []
    spreads = np.array([frame.info["force_uncertainty_eV_A"] for frame in frames])
    level = np.quantile(spreads, quantile)
    return [frame for frame, spread in zip(frames, spreads, strict=True) if spread >= level]


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
    chosen = [int(np.argmax([frame.info["force_uncertainty_eV_A"] for frame in frames]))]
    distance = cdist(features, features[chosen])[:, 0]
    while len(chosen) < count and distance.max() > SAME:
        chosen.append(int(np.argmax(distance)))
        distance = np.minimum(distance, cdist(features, features[chosen[-1:]])[:, 0])
    return [frames[index] for index in chosen]


def _fingerprint(frame: Atoms, committee: Committee) -> np.ndarray:
    """Mean node features of each element, concatenated."""
    numbers, system, positions, boxes = stack([frame])
    features = (
        committee.on(numbers, system)
        .descriptors(
            torch.as_tensor(positions, device=committee.device), torch.as_tensor(boxes, device=committee.device)
        )
        .cpu()
        .numpy()
    )
    return np.concatenate([features[frame.numbers == number].mean(0) for number in sorted(set(frame.numbers))])


def _marked(frames: Sequence[Atoms], why: str) -> list[Atoms]:
    for frame in frames:
        frame.info["selected"] = why
    return list(frames)
