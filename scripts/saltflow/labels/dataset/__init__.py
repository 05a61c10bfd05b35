"""Structures and labels: on disk, in and out of other programs' files, split for training."""

from saltflow.labels.dataset.frames import read_frames, write_frames
from saltflow.labels.dataset.splits import collect, split_frames

__all__ = ["collect", "read_frames", "split_frames", "write_frames"]
