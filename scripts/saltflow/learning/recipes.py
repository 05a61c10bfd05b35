"""Recipes of fine-tuning with mace-torch 0.3.16.

naive: all weights are trained, on the new frames alone.
frozen: weights near the input stay those of the foundation, bit for bit.
replay: frames of the foundation's training set are trained on again beside the new ones. Their labels are of the same
    reference, so one head serves both; mace's replay makes two heads and needs two sets of isolated atoms.
lora: linear layers get a correction of low rank, which is added to their weights in the saved model.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from ase import Atoms

from saltflow.materials.frame_info import FrameInfo

# Values of mace's --freeze; 2, 3 and 4 freeze no more than 1.
FREEZE = {"embedding": 1, "interactions": 5, "products": 6}
PARTS = {
    "embedding": ("node_embedding",),
    "interactions": ("node_embedding", "interactions"),
    "products": ("node_embedding", "interactions", "products"),
}


def recipe_arguments(training: Mapping) -> list[str]:
    """Arguments of mace's training program for the recipe of the section `learning.training`."""
    if training["recipe"] == "frozen":
        return [f"--freeze={FREEZE[training['frozen']]}"]
    if training["recipe"] == "lora":
        rank = training["lora_rank"]
        # mace multiplies the correction by alpha / rank.
        return ["--lora=True", f"--lora_rank={rank}", f"--lora_alpha={training['lora_scale'] * rank}"]
    return []


def is_frozen(parameter: str, training: Mapping) -> bool:
    """Whether a parameter, by its name, must keep its value of the foundation."""
    if training["recipe"] == "frozen":
        return parameter.split(".")[0] in PARTS[training["frozen"]]
    # mace corrects linear layers only.
    return training["recipe"] == "lora" and "symmetric_contractions" in parameter


def draw_replayed(foundation_frames: Sequence[Atoms], *, frames: int, training: Mapping, seed: int) -> list[Atoms]:
    """Frames of the foundation to replay, each with its weight in the loss.

    Args:
        foundation_frames: labelled training frames of the foundation.
        frames: number of new frames.
        training: the section `learning.training`; replay_ratio frames are drawn for each new one, without replacement,
            with weight replay_weight.
        seed: of the draw.
    """
    if training["recipe"] != "replay":
        return []
    wanted = max(1, round(training["replay_ratio"] * frames))
    order = np.random.default_rng(seed).permutation(len(foundation_frames))[:wanted]
    weight = training["replay_weight"]
    return [FrameInfo.of(foundation_frames[index].copy()).set(config_weight=weight) for index in order]
