"""Frames and ledgers of earlier jobs that something else has overwritten: named, with the remedy."""

import pickle

import pytest
from ase.build import bulk

from saltflow.base.errors import DamagedProductError
from saltflow.labels.frames import read_cell, read_frames, write_frames
from saltflow.labels.reference.ledger import read_ledger

SALT = bulk("LiCl", "rocksalt", a=5.14)
GARBAGE = {
    "binary": bytes(range(256)) * 8,
    "text": b"neither frames\nnor a table\n",
    "page": b"<html>404</html>\n",
    "pickle": pickle.dumps(SALT, protocol=0),
    "truncated": b"2\nLattice=",
}
REMEDY = r"is damaged \(.*\); if a job made it, delete it and start the same command again\."


@pytest.mark.parametrize("kind", GARBAGE)
@pytest.mark.parametrize("read", [read_frames, read_cell, read_ledger])
def test_garbage_is_named_with_the_remedy(tmp_path, kind, read):
    path = tmp_path / "quenched.extxyz"
    path.write_bytes(GARBAGE[kind])
    with pytest.raises(DamagedProductError, match=rf"quenched\.extxyz {REMEDY}"):
        read(path)


@pytest.mark.parametrize("number", [0, 2])
def test_a_cell_is_one_frame(tmp_path, number):
    path = tmp_path / "quenched.extxyz"
    write_frames(path, [SALT] * number)
    assert len(read_frames(path)) == number
    with pytest.raises(DamagedProductError, match=f"it holds {number} frames where one is wanted"):
        read_cell(path)
