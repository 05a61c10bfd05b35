"""What the checkpoint of a training says: where it goes on, and how it ran."""

import logging
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

log = logging.getLogger(__name__)


def read_checkpoint(path: Path) -> dict | None:
    """The checkpoint of a training, or None; an unreadable one is deleted, so that the training starts again."""
    if not path.exists():
        return None
    try:
        return torch.load(path, map_location="cpu", weights_only=False)
    except (RuntimeError, EOFError, pickle.UnpicklingError):
        log.warning("checkpoint %s cannot be read and is deleted", path.name)
        path.unlink()
        return None


def continuity(attempts: Sequence[Mapping]) -> dict:
    """How a training ran, for `train_check.json`.

    Args:
        attempts: of the checkpoint: first epoch and circumstances of each process that trained.

    Returns:
        training: "uninterrupted"; "resumed, exact", when all attempts ran alike on CPUs, so that the weights are those
            of an uninterrupted training to the last bit; or "resumed, differs". resumed_epochs: first epoch of each
            attempt after the first.
    """
    first, *later = attempts
    alike = first["device"] == "cpu" and all({**each, "epoch": first["epoch"]} == first for each in later)
    how = "uninterrupted" if not later else "resumed, exact" if alike else "resumed, differs"
    return {"training": how, "resumed_epochs": [each["epoch"] for each in later]}
