"""What a job says: progress to its log and the console, and one sentence when it fails."""

import logging
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from saltflow.base.errors import SaltflowError
from saltflow.operations.finished_jobs import JobDescription, made_from
from saltflow.operations.recorder import Recorder, requested_by


def start_job(job: JobDescription, *, subject: str) -> None:
    """Set up the log, the journal and the last word of a job; the first line of every entry script.

    Args:
        job: Snakemake's object of that name, with the job's log.
        subject: what the job is about, such as a composition; it opens every line on the console.
    """
    log_path = job.log[0]
    Path(log_path).parent.mkdir(parents=True, exist_ok=True)
    Path(log_path).write_text("")
    to_file = logging.FileHandler(log_path, mode="a")  # so that a traceback written beside it is not overwritten
    to_file.setFormatter(logging.Formatter("%(asctime)s %(message)s", datefmt="%Y-%m-%d %H:%M:%S"))
    to_console = logging.StreamHandler(sys.stderr)
    to_console.setFormatter(logging.Formatter(f"{subject} | %(message)s"))
    logger = logging.getLogger("saltflow")
    logger.setLevel(logging.INFO)
    logger.handlers = [to_file, to_console]
    logger.propagate = False
    logging.raiseExceptions = False  # a disk too full for the log must not bury the sentence on the console
    about = {"requested": requested_by(job)} | made_from(job)
    sys.excepthook = _last_word(Path(log_path), Recorder(log_path, about, job.output))


def _last_word(log_path: Path, attempt: Recorder):
    """An exception hook: the sentence to console, log and journal; the traceback, where there is no sentence, to
    the last two.
    """

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        sentence, story = _sentence(error), None
        if sentence is None:
            story = "".join(traceback.format_exception(kind, error, trace))
            with suppress(OSError), log_path.open("a") as record:
                record.write(story)
            sentence = f"Unexpected {kind.__name__}: {error}; the traceback is in {log_path}."
        logging.getLogger("saltflow").error("%s", sentence)
        attempt.fail(kind, sentence=sentence, traceback=story)

    return hook


def _sentence(error: BaseException) -> str | None:
    """The last word on an error that was expected; None on one that was not."""
    if isinstance(error, SaltflowError):
        return str(error)
    if isinstance(error, KeyboardInterrupt):
        return "Interrupted; start the same command again to go on."
    if isinstance(error, OSError) and error.errno is not None:
        return f"{_plainly(error)}; free or mend it and start the same command again to go on."
    return None


def _plainly(error: OSError) -> str:
    where = f": {error.filename}" if error.filename else ""
    return f"{error.strerror}{where}"
