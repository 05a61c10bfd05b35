"""The mean squared displacement at every lag, as a table."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from saltflow.analysis.transport.measurement import Measurement
from saltflow.base.provenance import atomic_write


def write_curves(measured: Measurement, path: str | Path) -> None:
    """Write a gzipped CSV of lag_ps and the MSD of each species in Å², in the single-ion frame.

    It holds every lag up to `FULL_RATE_LAGS` frames, and every stride-th lag beyond.

    Args:
        measured: the state point.
        path: file to write, .csv.gz.
    """
    header = ",".join(["lag_ps", *(f"msd_{symbol}_A2" for symbol in measured.system.species)])
    table = np.column_stack([measured.all_lags * measured.system.interval_ps, measured.all_msd_A2])
    with _rows(path) as rows:
        np.savetxt(rows, table, fmt="%.6g", delimiter=",", header=header, comments="")


def no_curves(path: str | Path) -> None:
    """Write the table of a state point without an accepted replica: a header alone.

    Args:
        path: file to write, .csv.gz.
    """
    with _rows(path) as rows:
        rows.write(b"lag_ps\n")


@contextmanager
def _rows(path: str | Path) -> Iterator[gzip.GzipFile]:
    with (
        atomic_write(path) as temporary,
        open(temporary, "wb") as file,
        # Without name and time in the header, equal data give equal files.
        gzip.GzipFile("", "wb", mtime=0, fileobj=file) as rows,
    ):
        yield rows
