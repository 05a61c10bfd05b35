"""Frames of finished paths: the highest first, labelled by a reference, and taken into the dataset of a potential."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from barrier_studies import study
from called import called
from reference_cases import GFN1

from saltflow.base.errors import InputError
from saltflow.base.provenance import read_json, write_json
from saltflow.labels.dataset.importing import read_imported
from saltflow.labels.frames import read_frames
from saltflow.labels.reference_command import command as reference_command
from saltflow.materials.frame_info import FrameInfo
from saltflow.studies.barriers.saddle_frames import saddle_frames
from saltflow.studies.barriers.saddles_command import command as saddles_command


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """The folder of a study with hops of 0.3 and 0.5 eV, whose ends are alike."""
    folder = tmp_path_factory.mktemp("studies") / "salt"
    folder.mkdir()
    write_json(folder / "barriers.json", study(folder))
    return folder


def test_the_highest_images_come_first_then_ends_then_the_rest(finished):
    record = read_json(finished / "barriers.json")
    frames = saddle_frames([finished], most=100)
    barriers = sorted((hop["forward_eV"] for hop in record["hops"]), reverse=True)
    hops = [FrameInfo.of(frame).lineage.rpartition("/")[2] for frame in frames]
    first = {hop["hop"]: hop["forward_eV"] for hop in record["hops"]}
    assert [first[hop] for hop in hops[: len(barriers)]] == pytest.approx(barriers)
    assert sorted(hops[len(barriers) : 2 * len(barriers)]) == sorted(first)
    assert len(frames) == 6 * len(barriers)  # five images and one of two equal ends
    assert len(saddle_frames([finished], most=3)) == 3


def test_a_path_without_energies_gives_no_frame(finished, tmp_path):
    with pytest.raises(InputError, match=r"has no barriers.json; name the folder"):
        saddle_frames([tmp_path], most=3)
    write_json(tmp_path / "barriers.json", {"hops": [{"hop": "h1"}]})
    write_json(tmp_path / "h1.json", {"energies_eV": [0.0, float("nan"), 0.0]})
    with pytest.raises(InputError, match="nothing to label"):
        saddle_frames([tmp_path], most=3)


def test_they_are_labelled_and_join_the_dataset_of_a_potential(finished, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert called(saddles_command, finished, "--most", 3).exit_code == 0
    words = ("label", "saddles.extxyz", "--reference", "gfn1-xtb", "--composition", "LiCl", "--out", "labelled.extxyz")
    result = called(reference_command, *words)
    assert result.exit_code == 0, result.output
    sets = yaml.safe_load(result.output.partition("overrides.yaml:\n")[2])
    frames = read_imported(sets, GFN1, reference_name="gfn1-xtb", elements=["Li", "Cl"], max_force_eV_A=30.0)
    assert [frame.positions.tolist() for frame in frames] == [
        frame.positions.tolist() for frame in read_frames("saddles.extxyz")
    ]
    assert {FrameInfo.of(frame).lineage.rpartition("/")[0] for frame in frames} == {"barriers/salt"}
    assert all(np.isfinite(FrameInfo.of(frame).reference_energy_eV) for frame in frames)
    assert (tmp_path / "labelled.tsv").read_text().count("\tok\t") == 3
