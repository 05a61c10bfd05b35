"""The Snakemake that controls a run: it leaves its name in the folder, and refuses to start beside another one.

Snakemake's own lock says that there was a run, not whether it lives, and `--unlock` and `--nolock` pass it by.
What a killed run leaves behind (jobs that go on, products that nobody has noted) is for `saltflow resume` to sort out,
so no run starts over it.
"""

import getpass
import json
import os
import platform
import shlex
import sys
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from saltflow.base.errors import SaltflowError
from saltflow.base.repository import REPOSITORY
from saltflow.operations.running_jobs import (
    MARK,
    RunningJob,
    SchedulerSilentError,
    find_running_jobs,
    name_them,
    wait_for,
)
from saltflow.operations.snakemake_command import CONFIGFILE, values_of

RECORD = Path(".snakemake/saltflow/run.json")
SLURM_LOGS = Path(".snakemake/slurm_logs")
# Clock ticks that differ by rounding.
SAME_BIRTH_S = 0.05
CANCELLED_WITHIN_S = 30
CLOCKS_AGREE_WITHIN = timedelta(hours=1)  # those of this machine, of nodes and of file servers


@dataclass(frozen=True)
class RunLock:
    """The Snakemake that was last started in a folder.

    command, started_in: what was typed, and where. environment: variables that are Snakemake's own settings.
    slurm: whether it submits to SLURM. host, pid, born_s: the process; born_s is its start after that of the
    machine: a process id that the system reuses has another one, and a change of the clock does not alter it.
    state: stopped when it had failed jobs or was interrupted; a killed one stays `running`.
    """

    command: list[str]
    started_in: str
    environment: dict[str, str]
    slurm: bool
    host: str = field(default_factory=platform.node)
    user: str = field(default_factory=getpass.getuser)
    pid: int = field(default_factory=os.getpid)
    born_s: float | None = field(default_factory=lambda: _birth_s(os.getpid()))
    began: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    state: Literal["running", "stopped", "finished"] = "running"
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def is_here(self) -> bool:
        """Whether it was started on this machine, so that its process can be looked for."""
        return self.host == platform.node()

    @property
    def lives(self) -> bool:
        """Whether its process runs on this machine."""
        born_s = _birth_s(self.pid)
        return self.is_here and born_s is not None and abs(born_s - self.born_s) < SAME_BIRTH_S

    def __str__(self) -> str:
        return f"the run that {self.user} started on {self.host} at {self.began} (process {self.pid})"


def _birth_s(pid: int) -> float | None:
    """Seconds from the start of the machine to that of a process; None when it is gone."""
    import psutil

    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        if process.status() != psutil.STATUS_ZOMBIE:
            return process.create_time() - psutil.boot_time()
    return None


# ── the record ─────────────────────────────────────────────────────────────────────────────────


def read_run_lock(folder: Path) -> RunLock | None:
    """The last run of a folder; None where none has begun a job, or its record cannot be read."""
    with suppress(OSError, ValueError, TypeError):
        return RunLock(**json.loads((folder / RECORD).read_text()))
    return None


def claim(folder: Path, *, seen: RunLock | None, by: RunLock) -> None:
    """Put one record in the place of another, unless somebody else was faster.

    Raises:
        SaltflowError: the record is not the one that was seen any more, or it cannot be written.
    """
    record = folder / RECORD
    fresh = record.with_name(f"{by.id}.new")
    try:
        record.parent.mkdir(parents=True, exist_ok=True)
        with open(fresh, "w") as handle:
            json.dump(asdict(by), handle, indent=2)
            handle.flush()
            os.fsync(handle.fileno())
        replaced = _replace(record, seen, fresh)
        fresh.unlink()
    except OSError as error:
        raise SaltflowError(f"{error.strerror}: {record.parent.resolve()}; free or mend it and start again.") from None
    if not replaced:
        raise SaltflowError(f"Another run starts in {folder.resolve()} at this moment; leave it alone.")


def _replace(record: Path, seen: RunLock | None, fresh: Path) -> bool:
    """Whether `fresh` has taken the place of the record that was seen.

    Of two that rename or link at the same time one fails, on network file systems too.
    """
    old = fresh.with_suffix(".old")
    with suppress(FileNotFoundError, FileExistsError):
        if seen:
            record.rename(old)
            if json.loads(old.read_text())["id"] != seen.id:
                os.link(old, record)
                old.unlink()
                return False
        os.link(fresh, record)
        old.unlink(missing_ok=True)
        return True
    old.unlink(missing_ok=True)
    return False


def rewrite(folder: Path, lock: RunLock, **changes: object) -> None:
    """Change one's own record; another's is left alone."""
    current = read_run_lock(folder)
    if current and current.id == lock.id:
        claim(folder, seen=current, by=replace(current, **changes))


def take_over(folder: Path, *, lost_host: str | None) -> RunLock | None:
    """Stand in the place of the last run, if it was stopped or killed; None if it ended well or there was none.

    Args:
        lost_host: a machine that is gone for good, and the run on it.

    Raises:
        SaltflowError: the run lives, or may live on another machine.
    """
    seen = read_run_lock(folder)
    if seen is None or seen.state == "finished":
        return None
    unseen = not seen.is_here and seen.host != lost_host
    if seen.state == "running" and (seen.lives or unseen):
        raise SaltflowError(refusal(folder, seen))
    mine = RunLock(seen.command, seen.started_in, seen.environment, seen.slurm)
    claim(folder, seen=seen, by=mine)
    return mine


# ── what a Snakemake asks that starts, and says when it ends ───────────────────────────────────────


def start(folder: Path, *, snakefile: Path, slurm: bool) -> RunLock:
    """Take the folder for this run, or refuse; called before any job starts.

    Args:
        folder: the working directory, absolute.
        snakefile: the main Snakefile, absolute.
        slurm: whether this run submits to SLURM.

    Raises:
        SaltflowError: another run lives here, one was killed, or jobs of one still run.
    """
    seen = read_run_lock(folder)
    if seen and seen.state == "running":
        raise SaltflowError(refusal(folder, seen))
    if jobs := jobs_of_last_run(folder, seen, slurm=slurm):
        raise SaltflowError(f"Jobs of an earlier run still work in {folder}: {name_them(jobs)}; {_waits(folder)}")
    arguments = sys.orig_argv[1:]
    lock = RunLock(
        command=[_python(), *arguments],
        started_in=str(_started_in(arguments, snakefile)),
        environment={name: value for name, value in os.environ.items() if name.startswith("SNAKEMAKE_")},
        slurm=slurm,
    )
    claim(folder, seen=seen, by=lock)
    os.environ[MARK] = str(folder)
    return lock


def stop(folder: Path, *, well: bool, note: Callable[[datetime], object]) -> str | None:
    """Record the end of this run. Returns a sentence where jobs failed or still run, else None.

    Args:
        folder: the working directory.
        well: whether every job was done.
        note: puts on record what was finished since a time without Snakemake seeing it.
    """
    mine = read_run_lock(folder)
    if mine is None or mine.pid != os.getpid():
        return None
    if well:
        rewrite(folder, mine, state="finished")
        return None
    from saltflow.operations.account.failures import what_failed

    since = datetime.fromisoformat(mine.began) - CLOCKS_AGREE_WITHIN
    left = f"Jobs of this run may still work in {folder}; {_waits(folder)}"
    with suppress(SchedulerSilentError):
        # SLURM needs some seconds to end what was cancelled, and some jobs end well in this time.
        if wait_for(lambda: jobs_of_last_run(folder, mine), say=_silently, limit_s=CANCELLED_WITHIN_S):
            note(since)
            rewrite(folder, mine, state="stopped")
            left = None
    return "\n".join(filter(None, (what_failed(folder, since=since), left))) or None


def _python() -> str:
    """This Python; the rules quote its name where it holds a space."""
    return sys.executable if Path(sys.executable).exists() else shlex.split(sys.executable)[0]


def _silently(_line: str) -> None:
    pass


def jobs_of_last_run(folder: Path, lock: RunLock | None, *, slurm: bool = False) -> list[RunningJob]:
    """What still runs in a folder.

    Args:
        lock: the last run, if there is a record of it.
        slurm: whether the folder is known to use SLURM from elsewhere.

    Raises:
        SchedulerSilentError: the folder uses SLURM, and SLURM does not answer.
    """
    users = {getpass.getuser()} | ({lock.user} if lock else set())
    submits = slurm or (lock is not None and lock.slurm) or (folder / SLURM_LOGS).is_dir()
    return find_running_jobs(folder, users=users, slurm=submits)


def refusal(folder: Path, seen: RunLock) -> str:
    """Why nothing may start over the record of a run that has not ended, and what to do, in a sentence."""
    if seen.lives:
        return (
            f"Another Snakemake works in {folder}: {seen}; let it end, or stop it there with Ctrl-C: "
            "two of them would write the same files."
        )
    if not seen.is_here:
        return (
            f"There is no word of the end of {seen} in {folder}; look on {seen.host} whether it lives, "
            f"and if it does not, type there `{resume_command(folder)}` (here, if that machine is gone for good, "
            f"`{resume_command(folder)} --lost-host {seen.host}`)."
        )
    try:
        jobs = jobs_of_last_run(folder, seen)
    except SchedulerSilentError:
        jobs = []
    left = f" and left {name_them(jobs)}" if jobs else ""
    return f"In {folder}, {seen} was killed{left}; {_waits(folder)}"


def notice(folder: Path) -> str | None:
    """What to say before Snakemake itself speaks of a lock, or plans over a run that was killed."""
    seen = read_run_lock(folder)
    return refusal(folder, seen) if seen and seen.state == "running" else None


def _waits(folder: Path) -> str:
    return f"type `{resume_command(folder)}`, which waits for what still runs, checks what was made and goes on."


def resume_command(folder: Path) -> str:
    """What to type in the repository to go on in a folder."""
    folder = folder.resolve()
    inside = folder.relative_to(REPOSITORY) if folder.is_relative_to(REPOSITORY) else folder
    return f"saltflow resume {shlex.quote(str(inside))}"


def configfiles_of_last_run(folder: Path) -> list[str]:
    """The settings that the last run of a folder was started with by --configfile; none where nothing has run."""
    last = read_run_lock(folder)
    named = values_of(last.command, *CONFIGFILE)[-1:] if last else []
    return [str(Path(last.started_in, path)) for paths in named for path in paths]


def profile_of_last_run(folder: Path) -> str | None:
    """The profile that the last run of a folder was started with; None where nothing has run or it had none."""
    last = read_run_lock(folder)
    named = values_of(last.command, "--profile") if last else []
    profile = next((profile for profiles in reversed(named) for profile in profiles), None)
    place = Path(last.started_in, profile) if profile else None
    return str(place) if place and place.is_dir() else profile


def last_command(folder: Path) -> str:
    """What was last typed to run the sweep of a folder, with its profile, settings and targets, as a line to read."""
    last = read_run_lock(folder)
    return (
        f"Last run: {shlex.join(last.command[1:]).removeprefix('-m ')} (began {last.began})" if last else "No run yet."
    )


def _started_in(arguments: Sequence[str], snakefile: Path) -> Path:
    """The folder where Snakemake was started; by the time it reads its rules it has gone to --directory."""
    given = [value for values in values_of(arguments, "-s", "--snakefile") for value in values[:1]]
    if not given:
        return snakefile.parent  # where it looks for a Snakefile
    parts = Path(os.path.normpath(given[-1])).parts
    if os.path.isabs(given[-1]) or ".." in parts:
        return Path(os.environ.get("PWD", snakefile.parent))  # as the shell knows it
    return snakefile.parents[len(parts) - 1]
