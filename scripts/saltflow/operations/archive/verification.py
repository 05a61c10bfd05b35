"""Whether an archive holds what it says: unpacked elsewhere, hashed, and planned there by Snakemake."""

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from zipfile import ZipFile

from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import sha256_of_file
from saltflow.operations.archive.contents import SWEEP, WORKFLOW
from saltflow.operations.archive.zip_file import MANIFEST, check_space

NOTHING_TO_DO = "Nothing to be done"


def plan_command(targets: Sequence[str]) -> list[str]:
    """The dry run that must find nothing to do, to be typed in the folder of the workflow."""
    return ["snakemake", "-n", *targets, "--directory", f"../{SWEEP}", "--configfile", f"../{SWEEP}/config.yaml"]


def verify(archive: Path, *, targets: Sequence[str]) -> int:
    """Unpack an archive beside itself, compare every hash, plan its composition, and remove what was unpacked.

    Args:
        archive: the file.
        targets: the last products of the composition.

    Returns:
        the number of files.

    Raises:
        SaltflowError: the disk is too full, a file differs, or Snakemake would run a job.
    """
    with tempfile.TemporaryDirectory(prefix=".verifying-", dir=archive.parent) as folder:
        files = _unpack(archive, Path(folder))
        _check_hashes(archive, Path(folder), files)
        _check_plan(archive, Path(folder), targets)
    return len(files)


def _unpack(archive: Path, folder: Path) -> list[str]:
    with ZipFile(archive) as file:
        check_space(folder, size_bytes=sum(entry.file_size for entry in file.infolist()))
        file.extractall(folder)
        return [entry.filename for entry in file.infolist()]


def _check_hashes(archive: Path, folder: Path, files: Sequence[str]) -> None:
    lines = (folder / MANIFEST).read_text().splitlines()
    manifest = {path: sha256 for sha256, path in (line.split("  ", 1) for line in lines)}
    differing = [path for path, sha256 in manifest.items() if sha256_of_file(folder / path) != sha256]
    differing += sorted(set(manifest) ^ (set(files) - {MANIFEST}))
    if differing:
        raise SaltflowError(f"{archive} is damaged: {', '.join(differing)} differ from {MANIFEST}; archive again.")


def _check_plan(archive: Path, folder: Path, targets: Sequence[str]) -> None:
    command = plan_command(targets)
    dry_run = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder / WORKFLOW,
        env={name: value for name, value in os.environ.items() if name != "SNAKEMAKE_PROFILE"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if dry_run.returncode != 0 or NOTHING_TO_DO not in dry_run.stdout:
        raise SaltflowError(
            f"{archive} would not be complete elsewhere: `{shlex.join(command)}` in it said\n{dry_run.stdout[-2000:]}"
        )
