"""Which files of a folder are structures, by their names."""

from pathlib import Path

SUFFIXES = (".cif", ".vasp", ".extxyz", ".xyz")


def files_of_folder(folder: Path) -> list[Path]:
    """The structure files of a folder, sorted."""
    return sorted(each for each in folder.iterdir() if each.suffix.lower() in SUFFIXES or "POSCAR" in each.name)
