"""The labels of benchmarks/universal: of one method, which is stated, and no cell is both trained and tested on."""

from pathlib import Path

import numpy as np

from saltflow.base.provenance import digest, read_json
from saltflow.labels.frames import read_frames
from saltflow.materials.frame_info import FrameInfo

FOLDER = Path(__file__).parents[3] / "benchmarks/universal"
FRAMES = [FrameInfo.of(frame) for frame in read_frames(FOLDER / "dft_labels.extxyz")]
ABOUT = read_json(FOLDER / "dft_labels.json")


def test_they_are_of_the_stated_method():
    settings = {name: value for name, value in ABOUT["reference"].items() if name != "name"}
    assert {info.reference_digest for info in FRAMES} == {digest(settings)}
    assert {(info.reference, info.dispersion) for info in FRAMES} == {("pbe-d3-qe-draft", "D3(BJ)")}
    assert ABOUT["licence"] == "CC0-1.0"


def test_no_cell_is_both_trained_and_tested_on():
    train, heldout = ({info.lineage for info in FRAMES if info.split == split} for split in ("train", "heldout"))
    assert len(train) >= 3
    assert len(heldout) >= 3
    assert not train & heldout


def test_forces_add_up_to_nothing_and_stresses_are_symmetric():
    for info in FRAMES:
        assert np.abs(info.reference_forces_eV_A.sum(axis=0)).max() < 1e-5
        assert np.allclose(info.reference_stress_eV_A3, info.reference_stress_eV_A3.T)
