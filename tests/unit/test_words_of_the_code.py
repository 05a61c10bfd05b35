"""What the code says: settings that its sentences name exist, and its words are those of the field."""

import ast
import re
from pathlib import Path

import pytest
from field_words import PRIVATE_WORDS

from saltflow.campaign.config_files import read_configuration

ROOT = Path(__file__).parents[2]
MODULES = sorted(path for path in (ROOT / "scripts").rglob("*.py"))
TEXTS = [
    path
    for pattern in (
        "rules/**/*.smk",
        "rules/captions/*",
        "scripts/**/*.j2",
        "profiles/*/*.yaml",
        "config/**/*.yaml",
        "config/*.tsv",
    )
    for path in sorted(ROOT.glob(pattern))
]
SETTINGS = read_configuration([])


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def sentences(path: Path) -> list[str]:
    """Every string of a module that has a space: docstrings, messages, the parts of formatted ones."""
    constants = [node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)]
    return [value for value in constants if isinstance(value, str) and " " in value]


def key_paths(settings: dict, prefix: str = "") -> set[str]:
    """Dotted paths of sections and values."""
    found = set()
    for key, value in settings.items():
        found |= {prefix + key} | (key_paths(value, f"{prefix}{key}.") if isinstance(value, dict) else set())
    return found


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_settings_that_a_sentence_names_exist(module):
    named = re.compile(rf"(?<![\w./])(?:{'|'.join(SETTINGS)})(?:\.[a-z]\w*)+(?![\w(/])")
    shown = {key for sentence in sentences(module) for key in named.findall(sentence)}
    files = re.compile(r"\.(?:yaml|tsv|json|csv|txt|svg|html|cube|extxyz|py)$")
    assert {key for key in shown - key_paths(SETTINGS) if not files.search(key)} == set()


@pytest.mark.parametrize("path", [*MODULES, *TEXTS], ids=name_of)
def test_words_are_those_of_the_field(path):
    text = "\n".join(sentences(path)) if path.suffix == ".py" else path.read_text()
    comments = "\n".join(re.findall(r"# (.*)", path.read_text())) if path.suffix == ".py" else ""
    assert PRIVATE_WORDS.findall(" ".join(f"{text}\n{comments}".split())) == []
