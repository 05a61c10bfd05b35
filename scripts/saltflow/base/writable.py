"""Check before a start that a campaign can write, because Snakemake would end in a traceback."""

import os
from pathlib import Path

from saltflow.base.errors import SaltflowError


def check_writable(folder: Path) -> None:
    """Make sure that a folder is writable, or can be created.

    Raises:
        SaltflowError: it is a file, or read-only.
    """
    remedy = "or start elsewhere with --directory"
    if folder.exists() and not folder.is_dir():
        raise SaltflowError(f"{folder.resolve()} is a file where a folder is needed; move it away {remedy}.")
    existing = next(place for place in (folder, *folder.resolve().parents) if place.is_dir())
    if not os.access(existing, os.W_OK | os.X_OK):
        raise SaltflowError(f"{existing.resolve()} cannot be written to; make it writable {remedy}.")
