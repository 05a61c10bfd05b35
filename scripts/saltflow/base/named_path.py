"""The one rule of paths in settings and tables: relative to the file that names them, or absolute."""

import os
from pathlib import Path


def named_path(path: str, *, named_in: Path) -> str:
    """A path as it is from the working directory.

    It stays relative: with absolute paths, Snakemake would rerun the jobs of a folder that was moved or cloned.

    Args:
        path: as it is written; ~ is the home folder.
        named_in: the file that names it.
    """
    written = os.path.expanduser(path)
    if not written or os.path.isabs(written):
        return written
    return os.path.relpath(named_in.parent.resolve() / written)
