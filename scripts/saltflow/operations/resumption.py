"""Going on after an accident: what a killed run has left is ended, sorted out and started again."""

import os
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from saltflow.base.errors import SaltflowError
from saltflow.operations import running_jobs
from saltflow.operations.finished_jobs import FinishedJob, finished_jobs
from saltflow.operations.run_lock import RunLock, jobs_of_last_run, read_run_lock, resume_command, rewrite, take_over

Say = Callable[[str], None]
HALF_WRITTEN = ".writing-*"


@dataclass(frozen=True)
class Resumption:
    """A process that stands in the place of the last run of a folder until it has started that run again.

    folder: the working directory. last: that run as this process has taken it over; None where there was none.
    """

    folder: Path
    last: RunLock | None

    @classmethod
    def begin(cls, folder: Path, *, lost_host: str | None) -> "Resumption":
        """Take the place of the last run.

        Args:
            folder: the working directory, absolute.
            lost_host: a machine that is gone for good, and the last run on it.

        Raises:
            SaltflowError: that run lives, or may live on another machine.
        """
        if not folder.is_dir():
            raise SaltflowError(
                f"The folder {folder} does not exist; name that of the sweep: saltflow resume my-sweep."
            )
        return cls(folder, take_over(folder, lost_host=lost_host))

    def end_jobs(self, *, cancel: bool, say: Say) -> Iterable[FinishedJob]:
        """Wait for the jobs that were left, or cancel them; every job of the folder that has ended well.

        Raises:
            SaltflowError: SLURM does not answer, or refuses.
        """
        if jobs := self._find():
            say(f"Left at work ({len(jobs)}): {running_jobs.name_them(jobs)}")
            if cancel:
                say("Cancelling them.")
                running_jobs.cancel(jobs)
            else:
                stop = f"{resume_command(self.folder)} CANCEL=yes"
                say(f"Waiting for the end. Rather stop them? Ctrl-C and `{stop}`; long jobs go on where they were.")
            running_jobs.wait_for(self._find, say=say)
        return finished_jobs(self.folder)

    def _find(self) -> list[running_jobs.RunningJob]:
        return jobs_of_last_run(self.folder, self.last)

    def remove_half_written(self, *, say: Say) -> None:
        """Delete what writers that were killed have left under temporary names; products have final names."""
        for path in self.folder.glob(f"results/**/{HALF_WRITTEN}"):
            say(f"Half written, removed: {path.relative_to(self.folder)}")
            path.unlink()

    def go_on(self, command: Sequence[str], *, say: Say) -> None:
        """Become the Snakemake that was running, or the one that is given; return where there is none to become.

        Args:
            command: started in the present folder instead of what was running.
        """
        if self.last:
            rewrite(self.folder, self.last, state="stopped")
        if command:
            os.execvp(command[0], list(command))
        if self.last:
            say(f"Going on: {shlex.join(self.last.command[1:])}")
            os.chdir(self.last.started_in)
            os.execve(self.last.command[0], self.last.command, os.environ | self.last.environment)
        ended = read_run_lock(self.folder)
        how = f"{ended} ended well" if ended else "no run has begun there, or its record is lost"
        say(f"Nothing to resume in {self.folder}: {how}; start it by `snakemake` as usual.")
