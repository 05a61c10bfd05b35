"""Many crystals: a study of each, and a ranking by the barrier at which paths cross the crystal."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from saltflow.base.errors import InputError, SaltflowError
from saltflow.base.provenance import write_text
from saltflow.materials.structure_names import SUFFIXES, files_of_folder
from saltflow.studies.barriers.barrier_ranking import COLUMNS, barriers_of, rank, ranking_text


def structure_files(names: Sequence[str]) -> list[Path]:
    """The files that are named, and the structure files of folders that are named, sorted.

    Raises:
        InputError: a folder holds none, or two files would share a folder of results.
    """
    found: list[Path] = []
    for name in map(Path, names):
        if not name.is_dir():
            found.append(name)
            continue
        if not (inside := files_of_folder(name)):
            raise InputError([f"The folder '{name}' holds no structure file ({', '.join(SUFFIXES)}, POSCAR)."])
        found += inside
    stems = [each.stem for each in found]
    if twice := sorted({stem for stem in stems if stems.count(stem) > 1}):
        raise InputError([f"Two files are called {twice[0]}; rename one, for results go to a folder of that name."])
    return found


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
