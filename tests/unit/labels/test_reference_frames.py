"""Frames on disk: nothing is lost, and nothing at all is a file too."""

import numpy as np
from ase import Atoms

from saltflow.labels.frames import read_frames, write_frames


def test_frames_come_back_with_their_labels(tmp_path):
    atoms = Atoms("LiCl", positions=[[0, 0, 0], [1.25, 2.5, 0]], cell=[5, 6, 7], pbc=True)
    stress = np.array([[1.0, 0.1, 0.2], [0.1, 2.0, 0.3], [0.2, 0.3, 3.0]])
    atoms.info.update(composition="LiCl", lineage="LiCl/1", REF_energy=-1 / 3, REF_stress=stress)
    atoms.arrays["REF_forces"] = np.array([[0.5, 0, 0], [-0.5, 0, 0]])
    write_frames(tmp_path / "frames.extxyz", [atoms, atoms])
    frames = read_frames(tmp_path / "frames.extxyz")
    assert len(frames) == 2
    assert frames[1].info["REF_energy"] == -1 / 3
    np.testing.assert_array_equal(frames[1].info["REF_stress"], stress)
    np.testing.assert_array_equal(frames[1].arrays["REF_forces"], atoms.arrays["REF_forces"])
    np.testing.assert_array_equal(frames[1].positions, atoms.positions)


def test_no_frames_are_an_empty_file(tmp_path):
    write_frames(tmp_path / "none.extxyz", [])
    assert (tmp_path / "none.extxyz").stat().st_size == 0
    assert read_frames(tmp_path / "none.extxyz") == []
