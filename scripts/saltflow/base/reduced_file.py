"""A product that gives way to a smaller file with all that is read of it.

Results name their inputs by hash, long jobs their products, and Snakemake asks for times. A record beside the file
keeps the hash under which it was made, and the file its time: nothing runs again, and what does is the same to the last
byte.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from saltflow.base.provenance import atomic_write, reduction_record, sha256_as_made, sha256_of_file, write_json


@contextmanager
def reduced(path: str | os.PathLike) -> Iterator[Path]:
    """Give a temporary path for the smaller file; it takes the place of `path` when the block succeeds.

    Killed at any time, it leaves one of the two whole: the record holds for the smaller file alone, by its hash.

    Args:
        path: of the product.
    """
    path = Path(path)
    as_made, before = sha256_as_made(path), path.stat()
    with atomic_write(path) as temporary:
        yield temporary
        os.utime(temporary, ns=(before.st_atime_ns, before.st_mtime_ns))
        write_json(reduction_record(path), {"sha256": sha256_of_file(temporary), "as_made": as_made})
