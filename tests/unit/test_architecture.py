"""The house: rooms import one way, names have one meaning, every room says what it is."""

import ast
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "scripts/saltflow"
ROOMS = sorted(path for path in LIBRARY.iterdir() if (path / "__init__.py").is_file())
MODULES = sorted(path for path in LIBRARY.rglob("*.py"))
# Modules that mean the same in each of their packages.
SHARED_NAMES = {"__init__", "__main__", "analysis", "command", "figures", "figure", "rows"}


def test_imports_keep_to_their_contracts():
    """Rooms import one way, nothing imports Snakemake, no package has a circle (pyproject.toml, tool.importlinter)."""
    result = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT / "scripts")},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("room", ROOMS, ids=lambda path: path.name)
def test_a_room_says_what_it_is_and_what_it_imports(room: Path):
    tree = ast.parse((room / "__init__.py").read_text())
    assert len(tree.body) == 1, "a docstring alone: importing one module must not tie a rule to the whole room"
    assert re.search(r"\. Imports (base|no other room)", ast.get_docstring(tree).replace("\n", " "))


def test_tests_mirror_the_rooms():
    mirrored = {
        path.name for path in (ROOT / "tests/unit").iterdir() if path.is_dir() and not path.name.startswith("_")
    }
    assert mirrored == {path.name for path in ROOMS}


def test_no_module_name_has_two_meanings():
    names = Counter(path.stem for path in MODULES)
    assert {name for name, count in names.items() if count > 1} <= SHARED_NAMES


def test_no_class_name_is_used_twice():
    names = Counter(
        node.name
        for path in MODULES
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert [name for name, count in names.items() if count > 1] == []


def test_no_product_is_known_by_its_path():
    """Products say what they are; folders are not read for it."""
    scripts = [*MODULES, *(ROOT / "scripts").glob("*.py")]
    allowed = r"self\.parent\.name|path\.parent\.name: read_title"  # a potential's parent; the folder of a preset
    by_path = re.compile(r"\.parents?(?:\[\d\])?(?:\.parent)*\.name\b")
    assert [path.name for path in scripts if by_path.search(re.sub(allowed, "", path.read_text()))] == []


def test_no_test_imports_another_test():
    tests = [path for path in (ROOT / "tests").rglob("test_*.py")]
    importing = re.compile(r"^(?:from|import) test_", re.MULTILINE)
    assert [path.name for path in tests if importing.search(path.read_text())] == []
