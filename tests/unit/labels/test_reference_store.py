"""Labels are kept by what they are: found again bit for bit, whole or not at all, by any number of jobs."""

import logging
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from ase import Atoms
from reference_cases import GFN1, lithium_chloride

from saltflow.labels.frames import read_frames, write_frames
from saltflow.labels.reference.isolated_atoms import isolated_atom_energy_eV
from saltflow.labels.reference.ledger import label_chunk, read_ledger
from saltflow.labels.reference.store import LabelStore, key_of_structure

KEY, OTHER = "a" * 64, "b" * 64
FORCES = np.random.default_rng(1).normal(size=(50, 3)) / 3
ENDLESS = """
import sys
import numpy as np
from reference_cases import GFN1
from saltflow.labels.reference.store import LabelStore
with LabelStore(sys.argv[1], GFN1, protocol=1) as store:
    for number in range(10**9):
        store.add(f"{number:064x}", {"number": number, "forces_eV_A": np.full((50, 3), number / 3)})
"""


def store_of(folder, **changes) -> LabelStore:
    return LabelStore(folder, GFN1, **({"protocol": 1} | changes))


def test_every_digit_comes_back(tmp_path):
    with store_of(tmp_path) as store:
        store.add(KEY, {"energy_eV": -1 / 3, "forces_eV_A": FORCES})
    found = store_of(tmp_path).find([KEY, OTHER])
    assert list(found) == [KEY]
    assert found[KEY]["energy_eV"] == -1 / 3
    np.testing.assert_array_equal(found[KEY]["forces_eV_A"], FORCES)


def test_a_structure_is_known_by_elements_positions_cell_and_periodicity(tmp_path):
    atoms = lithium_chloride(seed=1)
    path = tmp_path / "frames.extxyz"
    write_frames(path, [atoms])
    (read,) = read_frames(path)
    write_frames(path, [read])
    assert key_of_structure(read_frames(path)[0]) == key_of_structure(read)
    read.info["composition"] = "another name"
    assert key_of_structure(read_frames(path)[0]) == key_of_structure(read)
    other = [read.copy() for _ in range(4)]
    other[0].positions[0, 0] += 1e-6
    other[1].cell[2, 2] += 1e-6
    other[2].symbols[0] = "Na"
    other[3].pbc = [True, True, False]
    assert len({key_of_structure(each) for each in [read, *other]}) == 5
    zero = Atoms("H", [[0.0, 0, 0]], cell=[3, 3, 3], pbc=True)
    minus_zero = Atoms("H", [[-0.0, 0, 0]], cell=[3, 3, 3], pbc=True)
    assert key_of_structure(zero) == key_of_structure(minus_zero)


def test_another_method_or_protocol_knows_nothing(tmp_path):
    with store_of(tmp_path) as store:
        store.add(KEY, {"energy_eV": 1.0})
    assert store_of(tmp_path, protocol=2).find([KEY]) == {}
    hotter = GFN1.model_copy(update={"electronic_temperature_K": 3000.0})
    assert LabelStore(tmp_path, hotter, protocol=1).find([KEY]) == {}
    patient = GFN1.model_copy(update={"max_iterations": 999})
    assert LabelStore(tmp_path, patient, protocol=1).find([KEY]) == {KEY: {"energy_eV": 1.0}}


def test_a_damaged_line_is_computed_again_and_the_others_are_kept(tmp_path, caplog):
    with store_of(tmp_path) as store:
        store.add(KEY, {"energy_eV": 1.0})
        store.add(OTHER, {"energy_eV": 2.0})
    (path,) = tmp_path.glob("*/*.labels")
    path.write_bytes(path.read_bytes().replace(b'"energy_eV": 1.0', b'"energy_eV": 7.0'))
    with caplog.at_level(logging.WARNING, logger="saltflow.labels.reference"):
        assert store_of(tmp_path).find([KEY, OTHER]) == {OTHER: {"energy_eV": 2.0}}
    assert "line 1 of" in caplog.text
    with store_of(tmp_path) as again:
        again.add(KEY, {"energy_eV": 1.0})
    assert store_of(tmp_path).find([KEY, OTHER]) == {KEY: {"energy_eV": 1.0}, OTHER: {"energy_eV": 2.0}}


def test_two_killed_writers_lose_nothing_that_they_had_written(tmp_path):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", ENDLESS, str(tmp_path)]
    writers = [subprocess.Popen(command, env=environment) for _ in range(2)]
    seen: list[int] = []
    while len(seen) < 2 or min(seen) < 20:
        assert [writer.poll() for writer in writers] == [None, None]
        time.sleep(0.05)
        seen = [path.read_bytes().count(b"\n") for path in tmp_path.glob("*/*.labels")]
    for writer in writers:
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    found = store_of(tmp_path).find([f"{number:064x}" for number in range(20)])
    assert [found[f"{number:064x}"]["number"] for number in range(20)] == list(range(20))
    assert found[f"{7:064x}"]["forces_eV_A"] == np.full((50, 3), 7 / 3).tolist()


def test_the_end_of_a_line_that_a_kill_cut_off_is_no_label(tmp_path):
    with store_of(tmp_path) as store:
        store.add(OTHER, {"energy_eV": 2.0})
        store.add(KEY, {"energy_eV": 1.0})
    (path,) = tmp_path.glob("*/*.labels")
    path.write_bytes(path.read_bytes()[:-1])
    assert store_of(tmp_path).find([KEY, OTHER]) == {OTHER: {"energy_eV": 2.0}}


def chunk(folder, store_folder, frames, *, limit_eV_A=50.0, reference=GFN1):
    write_frames(folder / "frames.extxyz", frames)
    label_chunk(
        folder / "frames.extxyz",
        folder / "out.extxyz",
        folder / "ledger.tsv",
        reference,
        reference_name="gfn1-xtb",
        max_force_eV_A=limit_eV_A,
        store=LabelStore(store_folder, reference, protocol=1),
        workdir=folder / "work",
    )
    return read_frames(folder / "out.extxyz"), read_ledger(folder / "ledger.tsv")


def test_another_sweep_labels_only_what_is_new(tmp_path, caplog):
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    known = [lithium_chloride(seed=seed) for seed in range(3)]
    before, _ = chunk(first, tmp_path / "store", known)
    with caplog.at_level(logging.INFO, logger="saltflow.labels.reference"):
        after, rows = chunk(second, tmp_path / "store", [*reversed(known), lithium_chloride(seed=9)])
    assert "3 of 4 different frames are already labelled" in caplog.text
    assert caplog.text.count("s per frame") == 1
    assert [row["status"] for row in rows] == ["ok"] * 4
    for old, new in zip(reversed(before), after[:3], strict=True):
        np.testing.assert_array_equal(old.arrays["REF_forces"], new.arrays["REF_forces"])
        assert old.info["REF_energy"] == new.info["REF_energy"]


def test_equal_frames_are_computed_once(tmp_path, caplog):
    frames = [lithium_chloride(seed=1), lithium_chloride(seed=2), lithium_chloride(seed=1)]
    broken = [lithium_chloride(seed=3) for _ in range(2)]
    for frame in broken:
        frame.positions[1] = frame.positions[0]
    with caplog.at_level(logging.INFO, logger="saltflow.labels.reference"):
        labelled, rows = chunk(tmp_path, tmp_path / "store", [*frames, *broken])
    assert caplog.text.count("s per frame") == 3
    assert [row["status"] for row in rows] == ["ok", "ok", "ok", "overlap", "overlap"]
    assert [row["frame"] for row in rows] == ["0", "1", "2", "3", "4"]
    np.testing.assert_array_equal(labelled[0].arrays["REF_forces"], labelled[2].arrays["REF_forces"])


def test_products_are_made_from_the_store_without_the_program(tmp_path):
    frames = [lithium_chloride(seed=seed) for seed in range(2)]
    before, _ = chunk(tmp_path, tmp_path / "store", frames)
    (tmp_path / "out.extxyz").unlink()
    gone = GFN1.model_copy(update={"frame_timeout_s": 1e-9})  # nothing can be computed
    after, rows = chunk(tmp_path, tmp_path / "store", frames, reference=gone)
    assert [row["status"] for row in rows] == ["ok", "ok"]
    np.testing.assert_array_equal(before[1].arrays["REF_forces"], after[1].arrays["REF_forces"])


def test_another_force_limit_computes_nothing(tmp_path, caplog):
    frames = [lithium_chloride(seed=seed) for seed in range(2)]
    before, _ = chunk(tmp_path, tmp_path / "store", frames)
    largest = [np.linalg.norm(frame.arrays["REF_forces"], axis=1).max() for frame in before]
    with caplog.at_level(logging.INFO, logger="saltflow.labels.reference"):
        _, rows = chunk(tmp_path, tmp_path / "store", frames, limit_eV_A=float(np.mean(largest)))
    assert sorted(row["status"] for row in rows) == ["force_limit", "ok"]
    assert "s per frame" not in caplog.text


def test_an_isolated_atom_is_computed_once(tmp_path):
    with store_of(tmp_path / "store") as store:
        energy_eV = isolated_atom_energy_eV("Cl", GFN1, store=store, workdir=tmp_path / "first")
    with store_of(tmp_path / "store") as store:
        again_eV = isolated_atom_energy_eV("Cl", GFN1, store=store, workdir=tmp_path / "second")
    assert again_eV == energy_eV == pytest.approx(-121, abs=20)
    assert (tmp_path / "first").exists()
    assert not (tmp_path / "second").exists()
