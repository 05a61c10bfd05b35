"""Checkpoints of a run: one numbered file per segment, with its frames and the state at its end."""

import logging
import pickle
from collections.abc import Iterator
from pathlib import Path

import torch

from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import atomic_write

log = logging.getLogger(__name__)


def write_checkpoint(content: object, path: Path) -> None:
    """Save tensors atomically.

    Raises:
        SaltflowError: they cannot be written.
    """
    try:
        with atomic_write(path) as temporary:
            torch.save(content, temporary)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as RuntimeError
        raise SaltflowError(
            f"The checkpoint {path} cannot be written ({error}); free space on its disk and start again: "
            "the run resumes at the checkpoint before."
        ) from error


class SegmentFiles:
    """Finished segments of a run in a folder.

    Args:
        folder: of this run alone; made where it does not exist.
    """

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.finished = 0

    def resume(self) -> dict | None:
        """The content of the last readable segment, or None for a new run; damaged segments after it are run again."""
        self.finished = len(list(self.folder.glob("segment-*.pt")))
        while self.finished:
            try:
                return self._read(self.finished - 1)
            except SaltflowError as error:
                log.warning("%s The segment is run again.", error)
                self.finished -= 1
        return None

    def add(self, content: dict) -> None:
        """Write the next segment, atomically.

        Args:
            content: for `resume`, with the list `frames`.

        Raises:
            SaltflowError: it cannot be written.
        """
        write_checkpoint(content, self._path(self.finished))
        self.finished += 1

    def frames(self, first: int = 0, end: int | None = None) -> Iterator[list[dict]]:
        """The frames of the finished segments in order, from `first` to before `end`.

        Raises:
            SaltflowError: a segment is damaged.
        """
        for number in range(first, self.finished if end is None else end):
            yield self._read(number)["frames"]

    def _path(self, number: int) -> Path:
        return self.folder / f"segment-{number:06d}.pt"

    def _read(self, number: int) -> dict:
        path = self._path(number)
        try:
            # A pickle, written by this run in its own folder.
            return torch.load(path, weights_only=False, map_location="cpu")
        except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
            raise SaltflowError(
                f"The checkpoint {path} is damaged or missing ({type(error).__name__}); "
                "if starting again does not help, delete its folder."
            ) from error
