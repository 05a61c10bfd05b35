"""Which files are structures: those that are named, and those of a folder by their names."""

from collections.abc import Sequence
from pathlib import Path

from saltflow.base.errors import InputError

SUFFIXES = (".cif", ".vasp", ".extxyz", ".xyz")


def files_of_folder(folder: Path) -> list[Path]:
    """The structure files of a folder, sorted."""
    return sorted(each for each in folder.iterdir() if each.suffix.lower() in SUFFIXES or "POSCAR" in each.name)


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
