"""Kill mace's process in the middle of a training, and compare what two trainings logged."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import psutil
import pytest

from saltflow.base.errors import SaltflowError

LOSS = re.compile(r"Epoch (\d+):.*loss=\s*(\S+),")


def log_of(work: Path) -> str:
    """What mace wrote in all attempts of the one training of a work folder."""
    return "".join(path.read_text() for path in work.glob("member-*.log"))


def losses(log: str) -> set[tuple[int, str]]:
    """Epoch and validation loss as logged; an epoch that was trained twice alike counts once."""
    return {(int(epoch), loss) for epoch, loss in LOSS.findall(log)}


@contextmanager
def killed_after(epoch: int, work: Path) -> Iterator[None]:
    """Send SIGKILL to mace when its log has an epoch; the training in the block fails by it."""
    watcher = Thread(target=_kill, args=(epoch, work))
    watcher.start()
    with pytest.raises(SaltflowError, match="exit code -9"):
        yield
    watcher.join()


def _kill(epoch: int, work: Path) -> None:
    deadline = time.monotonic() + 900
    while f"Epoch {epoch}:" not in log_of(work) and time.monotonic() < deadline:
        time.sleep(0.005)
    (mace,) = (child for child in psutil.Process().children() if "saltflow.learning.mace_training" in child.cmdline())
    mace.kill()
