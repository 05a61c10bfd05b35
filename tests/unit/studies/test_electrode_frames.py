"""Frames of electrodes: which come first, labelled by a reference, and taken into the dataset of a potential."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from ase.build import bulk
from called import called
from layered_hosts import layered_oxide
from reference_cases import GFN1

from saltflow.base.errors import InputError, SaltflowError
from saltflow.base.provenance import write_json
from saltflow.campaign.config_files import read_configuration
from saltflow.campaign.settings.references import read_reference
from saltflow.labels.dataset.importing import read_imported
from saltflow.labels.frames import read_frames
from saltflow.labels.reference_command import command as reference_command
from saltflow.materials.frame_info import FrameInfo
from saltflow.studies.electrodes.cycles_of_host import write_frames
from saltflow.studies.electrodes.electrode_frames import check_reference, electrode_frames
from saltflow.studies.electrodes.frames_command import command


def finished(folder: Path, *, states: int) -> Path:
    """A study of LiCl with two phases and so many states of cycles, each a little larger than the one before."""
    folder.mkdir()
    write_json(folder / "electrode.json", {})
    cells = [bulk("LiCl", "rocksalt", a=5.0 + 0.02 * number, cubic=True) for number in range(2 + states)]
    write_frames(cells[:2], folder / "phases.extxyz")
    write_frames(cells[2:], folder / "cycles.extxyz")
    return folder


def lineages(frames) -> list[str]:
    return [FrameInfo.of(frame).lineage for frame in frames]


def test_hosts_that_fell_apart_come_first_then_phases_then_states_of_cycles(tmp_path):
    study = finished(tmp_path / "salt", states=10)
    write_frames([bulk("LiCl", "rocksalt", a=4.9, cubic=True)], study / "last_good.extxyz")
    frames = electrode_frames([study], most=8)
    kinds = ["last_good", "phases", "phases", *["cycles"] * 5]
    assert lineages(frames) == [f"electrodes/salt/{kind}" for kind in kinds]
    edges = [frame.cell[0, 0] for frame in frames[3:]]
    assert edges == pytest.approx([5.04, 5.08, 5.12, 5.16, 5.20])  # every other of ten
    assert len(electrode_frames([study], most=99)) == 13
    assert lineages(electrode_frames([study], most=1)) == ["electrodes/salt/last_good"]


def test_what_is_no_study_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"has no electrode.json; name the folder"):
        electrode_frames([tmp_path], most=3)
    write_json(tmp_path / "electrode.json", {})
    with pytest.raises(InputError, match="nothing to label"):
        electrode_frames([tmp_path], most=3)


def test_a_reference_without_the_spin_of_a_metal_is_refused():
    with pytest.raises(InputError, match="gfn1-xtb has no spin, which Co needs; take a reference with unpaired_el"):
        check_reference("gfn1-xtb", GFN1, [layered_oxide()])
    check_reference("gfn1-xtb", GFN1, [bulk("LiCl", "rocksalt", a=5.1)])
    gpaw = read_reference(read_configuration([])["references"], "pbe-d3-gpaw")
    spinless = gpaw.model_copy(update={"unpaired_electrons": {}})
    with pytest.raises(SaltflowError, match="Co is open-shell; give its unpaired electrons"):
        check_reference("pbe-d3-gpaw", spinless, [layered_oxide()])


def test_they_are_labelled_and_join_the_dataset_of_a_potential(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    finished(tmp_path / "salt", states=2)
    assert called(command, "salt", "--most", 3, "--reference", "gfn1-xtb").exit_code == 0
    words = ("--reference", "gfn1-xtb", "--composition", "LiCl", "--out", "labelled.extxyz")
    result = called(reference_command, "label", "insertions.extxyz", *words)
    assert result.exit_code == 0, result.output
    sets = yaml.safe_load(result.output.partition("overrides.yaml:\n")[2])
    frames = read_imported(sets, GFN1, reference_name="gfn1-xtb", elements=["Li", "Cl"], max_force_eV_A=30.0)
    given = [frame.positions.tolist() for frame in read_frames("insertions.extxyz")]
    assert [frame.positions.tolist() for frame in frames] == given
    assert all(np.isfinite(FrameInfo.of(frame).reference_energy_eV) for frame in frames)
