"""What a job says: progress to its log and the console, and one sentence when it fails."""

import logging
import os
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from saltflow.errors import SaltflowError


def start_job(log_path: str | os.PathLike, *, subject: str) -> None:
    """Set up the log and the last word of a job; the first line of every entry script.

    Args:
        log_path: the job's log file.
        subject: what the job is about, such as a composition; it opens every line on the console.
    """
    Path(log_path).parent.mkdir(parents=True, exist_ok=True)
    Path(log_path).write_text("")
    to_file = logging.FileHandler(log_path, mode="a")  # so that a traceback written beside it is not overwritten
    to_file.setFormatter(logging.Formatter("%(asctime)s %(message)s", datefmt="%Y-%m-%d %H:%M:%S"))
    to_console = logging.StreamHandler(sys.stderr)
    to_console.setFormatter(logging.Formatter(f"{subject} | %(message)s"))
    ours = logging.getLogger("saltflow")
    ours.setLevel(logging.INFO)
    ours.handlers = [to_file, to_console]
    ours.propagate = False
    logging.raiseExceptions = False  # a disk too full for the log must not bury the sentence on the console
    sys.excepthook = _last_word(subject, Path(log_path))


def _last_word(subject: str, log_path: Path):
    """An exception hook: the sentence to console and log; the traceback, where there is no sentence, to the log."""

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        log = logging.getLogger("saltflow")
        if isinstance(error, SaltflowError):
            log.error("%s", error)
        elif isinstance(error, KeyboardInterrupt):
            log.error("Interrupted; start the same command again to go on.")
        elif isinstance(error, OSError) and error.errno is not None:
            log.error("%s; free or mend it and start the same command again to go on.", _plainly(error))
        else:
            with suppress(OSError), log_path.open("a") as record:
                traceback.print_exception(kind, error, trace, file=record)
            log.error("Unexpected %s: %s; the traceback is in %s.", kind.__name__, error, log_path)

    return hook


def _plainly(error: OSError) -> str:
    where = f": {error.filename}" if error.filename else ""
    return f"{error.strerror}{where}"
