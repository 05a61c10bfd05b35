"""Frames of a chunk that were started and that failed, in an append-only file, which survives a kill at any instant."""

import fcntl
import json
import os
from collections import Counter
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path

from saltflow.base.errors import SaltflowError
from saltflow.labels.reference.label import Label


class Journal(AbstractContextManager):
    """One JSON line per event (a frame starts, a frame fails), on disk before the next event.

    An incomplete last line is dropped on opening. The file is locked while it is open, so that a job that outlived its
    Snakemake and the job that replaces it cannot both label the chunk.

    Attributes:
        failures: index → the outcome of each frame that has no label.
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
        self.failures: dict[int, Label] = {}
        self.starts: Counter[int] = Counter()
        self._replay()

    def start(self, index: int) -> None:
        """Record the start of a frame, to recognise one that kills the process."""
        self.starts[index] += 1
        self._append({"start": index})

    def fail(self, label: Label) -> None:
        """Record that a frame has no label, with the reason."""
        self.failures[label.index] = label
        self._append({"failure": asdict(label)})

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
                failure = Label(**event["failure"])
                self.failures[failure.index] = failure

    def _append(self, event: dict) -> None:
        self._file.write(json.dumps(event, default=float).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
