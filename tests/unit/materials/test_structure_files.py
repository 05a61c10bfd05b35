"""Structure files that a user names: one ordered crystal is read, anything else is a sentence with the remedy."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import write
from rock_salt_cif import ORDERED, PARTIAL

from saltflow.base.errors import InputError
from saltflow.materials.structure_files import read_structure, read_structures

SALT = bulk("NaCl", "rocksalt", a=5.64, cubic=True)


class Trap:
    """A pickle of it makes a folder when it is loaded."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __reduce__(self):
        return Path.mkdir, (self.folder,)


def trap(path: Path, *, protocol: int) -> None:
    path.write_bytes(pickle.dumps(Trap(path.with_name("loaded")), protocol=protocol))


def with_nan(path: Path) -> None:
    atoms = SALT.copy()
    atoms.positions[0] = np.nan
    write(path, atoms, format="extxyz")


# Name of the file → what it holds, and the sentence.
REFUSED = {
    "gone.cif": (lambda path: None, "does not exist; correct the path"),
    "folder.cif": (Path.mkdir, "is a folder; name a file in it"),
    "empty.cif": (lambda path: path.write_text(""), "is empty; give an ordered structure as CIF"),
    "blank.extxyz": (lambda path: path.write_text(" \n\n"), "is empty; give"),
    "noise.cif": (lambda path: path.write_bytes(bytes(range(256)) * 40), "is binary and was not opened further; give"),
    "latin.vasp": (lambda path: path.write_bytes("Kochsalz, gemäß".encode("latin-1")), "is binary"),
    "new.cif": (lambda path: trap(path, protocol=5), "is binary"),
    "old.cif": (lambda path: trap(path, protocol=0), "cannot be read as a structure"),
    "old.traj": (lambda path: trap(path, protocol=0), "cannot be read as a structure"),
    "POSCAR": (lambda path: trap(path, protocol=0), "cannot be read as a structure"),
    "passwd": (lambda path: path.symlink_to("/etc/passwd"), "cannot be read as a structure"),
    "page.cif": (lambda path: path.write_text("<!DOCTYPE html><html></html>"), "cannot be read as a structure"),
    "partial.cif": (
        lambda path: path.write_text(PARTIAL),
        r"4 sites of .* are partially occupied \(Na1 with Na:0\.5\); order the structure first",
    ),
    "two.cif": (
        lambda path: path.write_text(ORDERED + ORDERED.replace("data_NaCl", "data_again")),
        "holds 2 structures where",
    ),
    "two.extxyz": (lambda path: write(path, [SALT, SALT]), "holds 2 structures where one is wanted; keep one"),
    "no-cell.xyz": (lambda path: write(path, Atoms("NaCl", [[0, 0, 0], [3, 0, 0]])), "without a cell; give"),
    "slab.extxyz": (lambda path: write(path, Atoms("Na", cell=[3, 3, 0])), "without a cell; give"),
    "nan.extxyz": (with_nan, "holds a position that is not a number"),
    "no-atoms.extxyz": (lambda path: write(path, Atoms(cell=[3, 3, 3])), "(without atoms|cannot be read)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_the_remedy_and_never_unpickled(tmp_path: Path, name: str):
    make, sentence = REFUSED[name]
    make(tmp_path / name)
    with pytest.raises(InputError, match=sentence) as caught:
        read_structure(tmp_path / name)
    (problem,) = caught.value.problems
    assert str(tmp_path / name) in problem
    assert problem.endswith(".")
    assert not (tmp_path / "loaded").exists()


def test_the_trap_works(tmp_path: Path):
    trap(tmp_path / "new.cif", protocol=5)
    pickle.loads((tmp_path / "new.cif").read_bytes())
    assert (tmp_path / "loaded").is_dir()


@pytest.mark.parametrize("name", ["POSCAR", "salt.vasp", "salt.extxyz", "salt.cif"])
def test_an_ordered_crystal_is_read(tmp_path: Path, name: str):
    write(tmp_path / name, SALT)
    found = read_structure(tmp_path / name)
    assert found.symbols.formula.count() == {"Na": 4, "Cl": 4}
    assert found.cell.cellpar() == pytest.approx([5.64] * 3 + [90] * 3)


def test_a_file_is_parsed_anew_when_its_content_changes_and_its_readers_share_nothing(tmp_path: Path):
    path = tmp_path / "salt.extxyz"
    write(path, SALT)
    read_structure(path).set_cell([1, 1, 1])
    assert read_structure(path).cell.lengths() == pytest.approx([5.64] * 3)
    write(path, [SALT, SALT, SALT])
    assert len(read_structures(path)) == 3
