"""Lineages never leak between the sets, and labels survive the disk."""

import numpy as np
import pytest
from ase import Atoms
from reference_cases import lithium_chloride

from saltflow.labels.dataset.splits import collect, split_frames
from saltflow.labels.frames import read_frames, write_frames

SETS = ("train", "valid", "test")


def frames_of(*lineages: str, split: str = "train", each: int = 3) -> list[Atoms]:
    """Frames of some lineages, mixed."""
    frames = []
    for _ in range(each):
        for lineage in lineages:
            frame = lithium_chloride()
            frame.info |= {"lineage": lineage, "split": split}
            frames.append(frame)
    return frames


def generation(number: int, *, cells: int = 8, heldout: int = 2) -> list[Atoms]:
    names = [f"LiCl/generation{number}/cell{index}" for index in range(cells)]
    return frames_of(*names[:heldout], split="heldout") + frames_of(*names[heldout:])


def lineages(parts: dict[str, list[Atoms]]) -> dict[str, set[str]]:
    return {name: {frame.info["lineage"] for frame in frames} for name, frames in parts.items()}


@pytest.mark.parametrize("valid_fraction", [0.01, 0.2, 0.5])
def test_no_lineage_is_in_two_sets_over_generations(valid_fraction):
    parts: dict[str, list[Atoms]] = {}
    assigned: dict[str, str] = {}
    for number in range(4):
        before = {name: len(frames) for name, frames in parts.items()}
        parts = collect(generation(number), parts, valid_fraction=valid_fraction)
        found = lineages(parts)
        assert not found["train"] & (found["valid"] | found["test"])
        assert not found["valid"] & found["test"]
        assert sum(len(parts[name]) for name in SETS) == 24 * (number + 1)
        assert all(len(parts[name]) >= count for name, count in before.items())
        now = {lineage: name for name, members in found.items() for lineage in members}
        assert assigned.items() <= now.items()
        assigned = now


def test_only_held_out_cells_are_in_the_test_set():
    parts = collect(generation(0), {}, valid_fraction=0.3)
    assert lineages(parts)["test"] == {"LiCl/generation0/cell0", "LiCl/generation0/cell1"}


def test_the_validation_set_is_never_empty():
    parts = collect(generation(0), {}, valid_fraction=0.001)
    assert len(lineages(parts)["valid"]) == 1
    later = collect(generation(1), parts, valid_fraction=0.001)
    assert later["valid"] == parts["valid"]


def test_the_validation_fraction_is_kept():
    parts = collect(generation(0, cells=42), {}, valid_fraction=0.25)
    assert len(lineages(parts)["valid"]) == 10
    assert len(lineages(parts)["train"]) == 30


def test_a_known_lineage_stays_in_its_set():
    known = {"LiCl/old": "valid"}
    again = frames_of("LiCl/old", split="train")
    assert split_frames(again, valid_fraction=0.1, known=known)["LiCl/old"] == "valid"


def test_the_split_does_not_depend_on_the_order_of_frames():
    frames = generation(0)
    shuffled = [frames[index] for index in np.random.default_rng(0).permutation(len(frames))]
    assert split_frames(frames, valid_fraction=0.3, known={}) == split_frames(shuffled, valid_fraction=0.3, known={})


def test_a_generation_without_labels_keeps_the_sets():
    parts = collect(generation(0), {}, valid_fraction=0.2)
    assert collect([], parts, valid_fraction=0.2) == parts
    assert collect([], {}, valid_fraction=0.2) == {name: [] for name in SETS}


# ── on disk ────────────────────────────────────────────────────────────────────────────────────


def labelled(seed: int) -> Atoms:
    random = np.random.default_rng(seed)
    frame = lithium_chloride(seed=seed)
    stress = random.normal(size=(3, 3))
    frame.info |= {
        "REF_energy": float(random.normal() * 1000),
        "REF_stress": stress + stress.T,
        "lineage": "0.5Li2SO4-ZrCl4/generation0/cell1",
        "split": "heldout",
        "force_uncertainty_eV_A": 0.25,
    }
    frame.set_array("REF_forces", random.normal(size=(len(frame), 3)))
    return frame


def test_labels_survive_the_disk(tmp_path):
    frames = [labelled(seed) for seed in (1, 2)]
    write_frames(tmp_path / "frames.extxyz", frames)
    for frame, read in zip(frames, read_frames(tmp_path / "frames.extxyz"), strict=True):
        np.testing.assert_allclose(read.positions, frame.positions, atol=1e-7)
        np.testing.assert_allclose(read.cell.array, frame.cell.array, atol=1e-7)
        assert read.pbc.all()
        np.testing.assert_allclose(read.arrays["REF_forces"], frame.arrays["REF_forces"], atol=1e-7)
        np.testing.assert_allclose(read.info["REF_stress"], frame.info["REF_stress"], rtol=1e-12)
        assert read.info["REF_energy"] == pytest.approx(frame.info["REF_energy"], abs=1e-9)
        assert read.calc is None
        for key in ("composition", "lineage", "origin", "split", "force_uncertainty_eV_A"):
            assert read.info[key] == frame.info[key]


@pytest.mark.parametrize("name", ["2LiCl-ZrCl4", "0.5Li2SO4-ZrCl4", "Li6PS5Cl"])
def test_names_survive_the_disk(tmp_path, name):
    frame = lithium_chloride()
    frame.info |= {"composition": name, "lineage": f"{name}/generation0/cell0"}
    write_frames(tmp_path / "frames.extxyz", [frame])
    (read,) = read_frames(tmp_path / "frames.extxyz")
    assert read.info["composition"] == name
    assert read.info["lineage"] == f"{name}/generation0/cell0"


def test_no_frames_are_an_empty_file(tmp_path):
    write_frames(tmp_path / "none.extxyz", [])
    assert read_frames(tmp_path / "none.extxyz") == []
