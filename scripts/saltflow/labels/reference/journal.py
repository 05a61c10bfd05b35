"""Finished labels of a chunk in an append-only file, which survives a kill at any instant."""

import fcntl
import json
import os
from collections import Counter
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path

import numpy as np

from saltflow.base.errors import SaltflowError
from saltflow.labels.reference.label import Label

_ARRAYS = ("forces_eV_A", "stress_eV_A3")


class Journal(AbstractContextManager):
    """One JSON line per event (a frame starts, a frame is labelled), on disk before the next event.

    An incomplete last line is dropped on opening. The file is locked while it is open, so that a job that outlived its
    Snakemake and the job that replaces it cannot both label the chunk.

    Attributes:
        labels: index → label of each finished frame.
        starts: index → number of starts of the frame.

    Raises:
        SaltflowError: another process labels the chunk.
    """

    def __init__(self, path: Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = open(path, "a+b")  # noqa: SIM115 - closed by __exit__
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise SaltflowError(
                f"Another job is labelling this chunk ({path}): wait for it or cancel it first."
            ) from error
        self.labels: dict[int, Label] = {}
        self.starts: Counter[int] = Counter()
        self._replay()

    def start(self, index: int) -> None:
        """Record the start of a frame, to recognise one that kills the process."""
        self.starts[index] += 1
        self._append({"start": index})

    def finish(self, label: Label) -> None:
        """Record a label of any status."""
        self.labels[label.index] = label
        self._append({"label": asdict(label)})

    def __exit__(self, *_) -> None:
        self._file.close()

    def _replay(self) -> None:
        self._file.seek(0)
        content = self._file.read()
        whole = content.rfind(b"\n") + 1
        self._file.truncate(whole)
        for line in content[:whole].splitlines():
            event = json.loads(line)
            if "start" in event:
                self.starts[event["start"]] += 1
            else:
                label = _label(event["label"])
                self.labels[label.index] = label

    def _append(self, event: dict) -> None:
        self._file.write(json.dumps(event, default=_as_list).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())


def _label(fields: dict) -> Label:
    arrays = {name: np.array(fields[name]) for name in _ARRAYS if fields[name] is not None}
    return Label(**{**fields, **arrays})


def _as_list(value: object) -> list | float:
    """NumPy values for JSON; floats keep every digit."""
    return np.asarray(value).tolist()
