"""How a potential learns from a foundation without losing it: the recipes that mace-torch 0.3.16 really offers.

naive: every weight learns, from the new frames alone.
frozen: weights near the input stay those of the foundation, bit for bit.
replay: frames that the foundation was trained on are learned again beside the new ones. They carry labels of the same
    reference, so one head holds both; mace's own replay makes two heads and needs two sets of isolated atoms.
lora: linear layers learn a correction of low rank, which is added to their weights in the saved model.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from ase import Atoms

from saltflow.materials.frame_info import FrameInfo

# What mace's --freeze takes for it; 2, 3 and 4 freeze no more than 1 does.
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
    """Whether a parameter of the model, by its name, must end with the value that it has in the foundation."""
    if training["recipe"] == "frozen":
        return parameter.split(".")[0] in PARTS[training["frozen"]]
    # mace corrects linear layers only.
    return training["recipe"] == "lora" and "symmetric_contractions" in parameter


def replayed(foundation_frames: Sequence[Atoms], *, frames: int, training: Mapping, seed: int) -> list[Atoms]:
    """Frames of the foundation to learn again, each with its weight in the loss.

    Args:
        foundation_frames: labelled frames that the foundation was trained on.
        frames: number of new frames.
        training: the section `learning.training`; `replay_ratio` frames are drawn for each new one (without
            replacement, so at most all of them), and each counts `replay_weight` times as much.
        seed: of the draw.
    """
    if training["recipe"] != "replay":
        return []
    wanted = max(1, round(training["replay_ratio"] * frames))
    order = np.random.default_rng(seed).permutation(len(foundation_frames))[:wanted]
    weight = training["replay_weight"]
    return [FrameInfo.of(foundation_frames[index].copy()).set(config_weight=weight) for index in order]
