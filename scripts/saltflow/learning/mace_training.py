"""mace's training program, made to go on exactly after a kill; `training` runs it in a process of its own.

mace's checkpoint joins averaged weights with the optimiser of the trained ones. It lacks the trained weights, the
number of averaged steps, the lowest validation loss and the order of frames, and is written only when that loss falls:
a resumed training would be another one. Here each epoch ends with a checkpoint of everything.
"""

import platform
import random
from collections.abc import Mapping
from copy import deepcopy
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
from mace import tools

from saltflow import __version__
from saltflow.base.provenance import processor
from saltflow.dynamics.checkpoints import write_checkpoint
from saltflow.learning.training_checkpoint import read_checkpoint

MACE_TRAIN = tools.train
STATES = ("ema", "optimizer", "lr_scheduler")
PACKAGES = ("e3nn", "mace-torch", "numpy", "torch", "torch-ema")


class Checkpoint:
    """What a training was after its last epoch, in one file that is replaced as a whole.

    Takes the place of mace's CheckpointHandler. For `STATES`, the states of mace's objects; epoch: the next one;
    best: epoch, validation loss and averaged weights of the best epoch; random_states; attempts, as in `continuity` of
    training_checkpoint.
    """

    def __init__(self, directory: str, tag: str, **_options: object):
        self.path = Path(directory) / f"{tag}.pt"
        self.best: dict = {"loss": np.inf}

    def resume(self, training: Mapping) -> int:
        """Put a training into the state of the checkpoint, if there is one, and return the epoch to begin with.

        Args:
            training: arguments of mace's `train`.
        """
        self.training, saved = training, read_checkpoint(self.path)
        self.attempts = [{"epoch": saved["epoch"] if saved else 0, **_circumstances(training["device"])}]
        if saved is None:
            return 0
        for name in STATES:
            training[name].load_state_dict(saved[name])
        training["ema"].restore()  # the trained weights; its checkpoint was taken while the model had the averaged ones
        training["lr_scheduler"].step()  # mace does this between two epochs of one process only
        _set_random_states(saved["random_states"], training["train_loader"].generator)
        self.best, self.attempts = saved["best"], saved["attempts"] + self.attempts
        return saved["epoch"]

    def save(self, state: tools.CheckpointState, epochs: int, **_options: object) -> None:
        """Called by mace after each epoch, while the model has the averaged weights."""
        loss = float(self.training["logger"].loss)
        if not loss >= self.best["loss"]:  # as mace compares: a diverged training is saved, and refused by train_check
            self.best = {"epoch": epochs, "loss": loss, "weights": deepcopy(state.model.state_dict())}
        content = {name: self.training[name].state_dict() for name in STATES} | {
            "epoch": epochs + 1,
            "best": self.best,
            "random_states": _random_states(self.training["train_loader"].generator),
            "attempts": self.attempts,
        }
        write_checkpoint(content, self.path)

    def load_latest(self, state: tools.CheckpointState, **_options: object) -> int:
        """Give the model, which mace saves next, the averaged weights of the best epoch."""
        state.model.load_state_dict(self.best["weights"])
        return self.best["epoch"]


class LossLogger(tools.MetricsLogger):
    """mace's logger, which knows the loss that it logged last: before a checkpoint, that of validation."""

    def log(self, metrics: dict) -> None:
        """Append to mace's file."""
        self.loss = metrics["loss"]
        super().log(metrics)


def train(*, checkpoint_handler: Checkpoint, **training: object) -> None:
    """Take the place of mace's `train`."""
    training |= {"start_epoch": checkpoint_handler.resume(training), "save_all_checkpoints": True}
    # TorchScript may round differently after its first calls, of which a resumed training has new ones.
    with torch.jit.optimized_execution(training["device"].type != "cpu"):
        MACE_TRAIN(checkpoint_handler=checkpoint_handler, **training)


def _circumstances(device: torch.device) -> dict:
    """What the last bits of a training depend on beside its arguments."""
    versions = {package: metadata.version(package) for package in PACKAGES} | {"saltflow": __version__}
    return {
        "device": device.type,
        "processor": processor(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "versions": versions,
    }


def _random_states(frames: torch.Generator) -> tuple:
    return random.getstate(), np.random.get_state(), torch.get_rng_state(), frames.get_state()


def _set_random_states(states: tuple, frames: torch.Generator) -> None:
    random.setstate(states[0])
    np.random.set_state(states[1])
    torch.set_rng_state(states[2])
    frames.set_state(states[3])


if __name__ == "__main__":
    from mace.cli import run_train

    tools.CheckpointHandler, tools.MetricsLogger, tools.train = Checkpoint, LossLogger, train
    run_train.main()
