"""What a rule reruns for: code that does something else, and not code that is written in another way."""

import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from saltflow.operations.code_digest import imported_modules

ROOT = Path(__file__).resolve().parents[3]


class Checkout:
    """A copy of the library whose files a test may change."""

    MODULE = "structure.rdf"

    def __init__(self, folder: Path):
        self.scripts = folder / "scripts"
        shutil.copytree(ROOT / "scripts", self.scripts, ignore=shutil.ignore_patterns("__pycache__"))
        self.write("saltflow/direct.py", "import saltflow.indirect\n\ndef twice(number):\n    return 2 * number\n")
        self.write("saltflow/indirect.py", '"""About."""\n\nLIMIT = 1\n')
        self.write("saltflow/apart.py", "LIMIT = 1\n")
        self.write("entry.py", "from saltflow import direct\n\nprint(direct.twice(1) in {1, 'a', 'b', 'c'})\n")

    def write(self, path: str, text: str) -> None:
        (self.scripts / path).write_text(textwrap.dedent(text))

    def digest(self) -> str:
        code = "import sys; from saltflow.operations.code_digest import code_digest; print(code_digest(sys.argv[1]))"
        command = [sys.executable, "-c", code, "entry.py"]
        return subprocess.run(command, cwd=self.scripts, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("entry.py", "from saltflow import direct\n\nprint(direct.twice(1) in {1, 'a', 'b', 'd'})\n"),
        ("saltflow/direct.py", "import saltflow.indirect\n\ndef twice(number):\n    return 3 * number\n"),
        ("saltflow/indirect.py", '"""About."""\n\nLIMIT = 2\n'),
        ("saltflow/direct.py", "import saltflow.apart\n\ndef twice(number):\n    return 2 * number\n"),
    ],
    ids=["the script", "a module it imports", "a module imported by that one", "another import"],
)
def test_the_code_digest_sees_what_the_code_does(checkout, path, text):
    before = checkout.digest()
    checkout.write(path, text)
    assert checkout.digest() != before


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (
            "entry.py",
            "# why\nfrom saltflow import direct\n\n\nprint(  direct.twice(1)  in {1, 'a', 'b', 'c'})  # said\n",
        ),
        (
            "saltflow/direct.py",
            '"""New."""\nimport saltflow.indirect\ndef twice(number):\n    """Twice."""\n\n'
            "    return (2 *\n        number)\n",
        ),
        ("saltflow/indirect.py", '"""About something else."""\nLIMIT = 1  # a limit\n'),
        ("saltflow/apart.py", "LIMIT = 2\n"),
        ("saltflow/__init__.py", '"""saltflow."""\n\n__version__ = "99.0"\n'),
    ],
    ids=["layout", "docstrings", "comments", "a module it does not import", "the version"],
)
def test_the_code_digest_does_not_see_what_changes_nothing(checkout, path, text):
    before = checkout.digest()
    checkout.write(path, text)
    assert checkout.digest() == before


def test_imports_are_followed_into_packages_and_back():
    found = imported_modules(ROOT / "scripts/analyse_transport.py")
    assert {
        "saltflow.analysis.transport",
        "saltflow.trajectory",
        "saltflow.base.provenance",
        "saltflow.base.errors",
    } <= set(found)
    assert "saltflow.learning.training" not in found
    assert not {"saltflow.operations.job_log", "saltflow.operations.recorder"} & set(found), (
        "a new word in the log reruns nothing"
    )
    built = imported_modules(ROOT / "scripts/build_cell.py")
    assert set(built) >= {"saltflow.materials.cells", "saltflow.materials.cells.packing"}
