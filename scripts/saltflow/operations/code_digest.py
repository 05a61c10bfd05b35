"""Digest of the code behind a rule: what a script and the modules that it imports do, not how they are written."""

import ast
import hashlib
import json
import os
import re
import sys
from contextlib import suppress
from functools import cache
from importlib.util import cache_from_source
from pathlib import Path

from saltflow.base.provenance import atomic_write

SCRIPTS = Path(__file__).resolve().parents[2]
# The log and the journal of a job, and what they import: no product depends on them.
SAYS_WHAT_HAPPENS = "saltflow.operations.job_log"
IMPORT = re.compile(r"^\s*from (saltflow[\w.]*) import (\([^)]*\)|.*)$|^\s*import (saltflow[\w.]*)", re.MULTILINE)


@cache
def code_digest(script: str | os.PathLike) -> str:
    """Sixteen hexadecimal digits of an entry script and every saltflow module that it imports, directly or not.

    Comments, docstrings and layout do not count: only a change of the parsed code changes it.
    """
    modules = sorted(imported_modules(Path(script)).items())
    parts = [_parsed(Path(script)), *(f"{name} {_parsed(path)}" for name, path in modules)]
    _keep()
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def imported_modules(script: Path) -> dict[str, Path]:
    """Dotted name → file of every saltflow module that makes the products of a script, imported directly or not."""
    found: dict[str, Path] = {}
    queue = [script]
    while queue:
        for name, path in _saltflow_imports(queue.pop()):
            if name not in found and name != SAYS_WHAT_HAPPENS:
                found[name] = path
                queue.append(path)
    return found


@cache
def _saltflow_imports(path: Path) -> tuple[tuple[str, Path], ...]:
    """Dotted name and file of the modules that a file imports, their parent packages included.

    Read from the text, as parsing every module would take most of the time of a dry run.
    """
    names: set[str] = set()
    for package, imported, module in IMPORT.findall(path.read_text()):
        names.update([package or module, *(f"{package}.{name}" for name in re.findall(r"\w+", imported))])
    parts = [name.split(".") for name in names]
    wanted = {".".join(each[:depth]) for each in parts for depth in range(2, len(each) + 1)}
    return tuple((name, file) for name in sorted(wanted) if (file := _module_path(name)))


@cache
def _module_path(name: str) -> Path | None:
    base = SCRIPTS.joinpath(*name.split("."))
    candidates = (base.with_suffix(".py"), base / "__init__.py")
    return next((path for path in candidates if path.is_file()), None)


@cache
def _parsed(path: Path) -> str:
    """Digest of what a file parses to; known already where its bytes are those of last time."""
    source = path.read_bytes()
    key = hashlib.sha256(source).hexdigest()
    _used[key] = _kept().get(key) or hashlib.sha256(_syntax(source).encode()).hexdigest()
    return _used[key]


def _syntax(source: bytes) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)


# Parsing every module would take most of the time of a dry run: what was parsed is kept beside compiled modules.
_used: dict[str, str] = {}
_CACHE = Path(cache_from_source(__file__)).with_suffix(".json")


@cache
def _kept() -> dict[str, str]:
    try:
        return json.loads(_CACHE.read_text())
    except (OSError, ValueError):
        return {}


def _keep() -> None:
    if sys.dont_write_bytecode or _used.keys() <= _kept().keys():
        return
    with suppress(OSError), atomic_write(_CACHE) as target:
        target.write_text(json.dumps(_used))
    _kept().update(_used)
