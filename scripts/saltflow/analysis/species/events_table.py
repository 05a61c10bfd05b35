"""Events of a trajectory as a table."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from saltflow.base.provenance import atomic_write

COLUMNS = ("time_ps", "reaction", "x_A", "y_A", "z_A", "along_c", "atoms")


def write_events(rows: Sequence[Mapping[str, object]], path: Path, *, more: Sequence[str] = ()) -> None:
    """Write events as CSV.

    Args:
        rows: of `analysis.event_rows`.
        path: of the file.
        more: columns that the rows have beside `COLUMNS`.
    """
    with atomic_write(path) as temporary, open(temporary, "w", newline="") as handle:
        writer = csv.DictWriter(handle, [*COLUMNS[:-1], *more, COLUMNS[-1]])
        writer.writeheader()
        writer.writerows(rows)
