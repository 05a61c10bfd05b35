"""Run the program of a code, with a time limit and no longer than the job that started it."""

import errno
import os
import shlex
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from saltflow.base.child_process import NOT_FOUND, bound_program, format_exit
from saltflow.base.errors import SaltflowError
from saltflow.labels.reference.label import LabelFailure, Processes

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
PROBE_BYTES = 1 << 16


def run_program(
    command: str, *, folder: Path, limit_s: float, processes: Processes, output: str = "program.out"
) -> str:
    """Run a command in a folder and wait for it; returns its output.

    Args:
        command: program and arguments, without a shell; {ranks} and {threads} are filled in.
        folder: working directory; stdout and stderr go to the file `output` in it.
        limit_s: all its processes are killed after this time.
        processes: MPI ranks and threads of each.

    Raises:
        LabelFailure: "timeout", or "crashed" with the last line of its output.
        SaltflowError: the program is missing.
    """
    words = shlex.split(fill_command(command, processes))
    environment = os.environ | {"OMP_NUM_THREADS": str(processes.threads)}
    printed = folder / output
    with printed.open("wb") as record:
        process = subprocess.Popen(
            bound_program(words),
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=record,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = process.wait(timeout=limit_s)
        except subprocess.TimeoutExpired:
            reason = f"no result within {limit_s:g} s (frame_timeout_s)"
            raise LabelFailure("timeout", reason, attempts=1) from None
        finally:
            kill_group(process.pid)
            process.wait()
    text = printed.read_text(errors="replace")
    if status == NOT_FOUND:
        raise SaltflowError(f"The program of the reference's command '{command}' is not installed; correct command.")
    if status != 0:
        raise LabelFailure("crashed", f"{words[0]} {format_exit(status)}: {_last_line(text)}", attempts=1)
    return text


def fill_command(command: str, processes: Processes) -> str:
    """A command with ranks and threads filled in."""
    return command.replace("{ranks}", str(processes.ranks)).replace("{threads}", str(processes.threads))


def kill_group(group: int) -> None:
    """Kill all processes of a group."""
    with suppress(ProcessLookupError):  # it has ended
        os.killpg(group, signal.SIGKILL)


def disk_is_full(folder: Path) -> bool:
    """Whether a small file cannot be written in a folder."""
    probe = folder / f".room-{os.getpid()}"
    try:
        with probe.open("wb") as file:
            file.write(b"\0" * PROBE_BYTES)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return error.errno in NO_ROOM
    finally:
        probe.unlink(missing_ok=True)
    return False


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "no output"
