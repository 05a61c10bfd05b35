"""Many crystals: a study of each, and a ranking by the barrier at which paths cross the crystal."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import write_text
from saltflow.studies.barriers.barrier_ranking import COLUMNS, barriers_of, rank, ranking_text


def screen(files: Sequence[Path], study: Callable[[Path, Path], dict], folder: Path) -> list[dict[str, str]]:
    """Study every structure, and write ranking.tsv after each, lowest 3D barrier first.

    A structure that cannot be studied gets its sentence as status; the others go on.

    Args:
        files: structures.
        study: makes the record of one from its file and its folder.
        folder: of all results.

    Returns:
        The rows.
    """
    rows: list[dict[str, str]] = []
    for file in files:
        began = time.perf_counter()
        row = dict.fromkeys(COLUMNS, "") | {"structure": file.stem}
        try:
            record = study(file, folder / file.stem)
        except SaltflowError as error:
            row["status"] = " ".join(str(error).split())
        else:
            row |= barriers_of(record)
        row["seconds"] = f"{time.perf_counter() - began:.1f}"
        rows.append(row)
        rows.sort(key=rank)
        write_text(folder / "ranking.tsv", ranking_text(rows))
    return rows
