"""Keys of frames: declared once, read as their types, and named nowhere else."""

import ast
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from saltflow.base.errors import SaltflowError
from saltflow.labels.frames import read_frames, write_frames
from saltflow.materials.frame_info import KEYS, FrameInfo

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"
LIBRARY = SCRIPTS / "saltflow"
HOME = LIBRARY / "materials/frame_info.py"
EXAMPLES = {str: "ok", int: 3, float: 0.25, bool: True}
MODULES = {path: ast.parse(path.read_text()) for path in sorted(SCRIPTS.rglob("*.py")) if path != HOME}


@pytest.fixture
def frame() -> Atoms:
    return bulk("LiCl", "rocksalt", a=5.13)


def example(key):
    if key.per_atom:
        return np.arange(2) if key.name == "unit" else np.arange(6.0).reshape(2, 3)
    return EXAMPLES.get(key.convert, np.array([[1.0, 0.1, 0.2], [0.1, 2.0, 0.3], [0.2, 0.3, 3.0]]))


def test_every_key_survives_a_file_with_its_type(frame, tmp_path):
    values = {name: example(key) for name, key in KEYS.items()}
    write_frames(tmp_path / "frames.extxyz", [FrameInfo.of(frame).set(**values)])
    (found,) = read_frames(tmp_path / "frames.extxyz")
    for name, value in values.items():
        read = getattr(FrameInfo.of(found), name)
        if isinstance(value, np.ndarray):
            np.testing.assert_allclose(read, value)
        else:
            assert (read, type(read)) == (value, type(value)), name


def test_labels_stand_under_the_names_that_mace_reads(frame):
    FrameInfo.of(frame).set(reference_energy_eV=-1.0, reference_forces_eV_A=np.zeros((2, 3)))
    FrameInfo.of(frame).reference_stress_eV_A3 = [1, 2, 3, 4, 5, 6]
    assert frame.info["REF_energy"] == -1.0
    assert frame.arrays["REF_forces"].shape == (2, 3)
    np.testing.assert_array_equal(frame.info["REF_stress"], [[1, 6, 5], [6, 2, 4], [5, 4, 3]])


def test_a_key_that_is_missing_is_a_sentence_with_the_file(frame, tmp_path):
    write_frames(tmp_path / "frames.extxyz", [FrameInfo.of(frame).set(lineage="p/generation0/LiCl/cell0")])
    (found,) = read_frames(tmp_path / "frames.extxyz")
    with pytest.raises(SaltflowError) as error:
        _ = FrameInfo.of(found).reference_energy_eV
    sentence = str(error.value)
    assert sentence.startswith("The frame ClLi (p/generation0/LiCl/cell0) in ")
    assert "frames.extxyz has no REF_energy (energy of the cell by the reference in eV)" in sentence
    assert "saltflow dataset import" in sentence
    assert FrameInfo.partial(found).reference_energy_eV is None
    assert FrameInfo.of(found).temperature_K is None, "its absence has a meaning"


def test_unknown_names_are_refused(frame):
    with pytest.raises(TypeError, match="no key 'lineag'"):
        FrameInfo.of(frame).set(lineag="cell0")
    with pytest.raises(AttributeError):
        FrameInfo.of(frame).lineag = "cell0"


def test_writing_replaces_copies_and_removes(frame):
    first = FrameInfo.of(frame.copy()).set(composition="LiCl", seed=1)
    second = FrameInfo.of(frame).copy(first, seed=2, lineage="cell0")
    assert second.info == {"composition": "LiCl", "seed": 2, "lineage": "cell0"}
    assert first.info == {"composition": "LiCl", "seed": 1}
    FrameInfo.of(second).lineage = None
    assert FrameInfo.of(second).replace(composition="LiF").info == {"composition": "LiF"}


# ── nothing else names a key ───────────────────────────────────────────────────────────────────


def uses_info(tree: ast.AST) -> list[int]:
    """Lines that reach into `.info`, or give `info=`; a call of `.info(…)` writes to a log."""
    called = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
    attributes = {node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "info"} - called
    given = [node for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "info"]
    return sorted(node.lineno for node in [*attributes, *(node.value for node in given)])


def test_no_other_module_reaches_into_the_info_of_a_frame():
    found = [f"{path.relative_to(SCRIPTS)}:{line}" for path, tree in MODULES.items() for line in uses_info(tree)]
    assert not found, "read and write them by FrameInfo"
    assert uses_info(ast.parse('frame.info["lineage"]')) == [1], "the test sees what it looks for"


def test_no_other_module_spells_a_label():
    labels = {key.on_disk for key in KEYS.values() if key.on_disk != key.name}
    spelled = [
        f"{path.relative_to(SCRIPTS)}:{node.lineno}"
        for path, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node.value in labels
    ]
    assert not spelled


@pytest.mark.parametrize("name", KEYS)
def test_a_key_is_written_and_read_in_its_declared_modules(name):
    """A keyword or an assignment writes; an attribute reads."""
    key = KEYS[name]
    assert all(any(writes(name, tree) for tree in folder(where)) for where in key.written_by), key.written_by
    assert all(any(reads(name, tree) for tree in folder(where)) for where in key.read_by), key.read_by


def folder(dotted: str) -> list[ast.AST]:
    path = LIBRARY / dotted.replace(".", "/")
    found = [tree for each, tree in MODULES.items() if each == path.with_suffix(".py") or path in each.parents]
    assert found, f"{dotted} does not exist"
    return found


def writes(name: str, tree: ast.AST) -> bool:
    keywords = {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword)}
    keys = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    stored = {
        node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    }
    return name in keywords | keys | stored


def reads(name: str, tree: ast.AST) -> bool:
    return any(
        isinstance(node, ast.Attribute) and node.attr == name and isinstance(node.ctx, ast.Load)
        for node in ast.walk(tree)
    )
