"""Sizes of the house, of this checkout and of an earlier one beside it.

    python benchmarks/architecture/run.py [--before a54b837]

What is counted: modules and how they lie in folders, names that are used twice, circles of imports, imports against the
direction of the rooms, lines of rule files, settings, words of documentation, files that a new rule touches.
"""

import argparse
import ast
import contextlib
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
BEFORE = "a54b837"  # the last state before the rooms
# Modules that mean the same in each of their packages.
SHARED_NAMES = ("__init__", "__main__", "analysis", "command", "figures", "figure", "rows")


def modules(library: Path) -> dict[str, Path]:
    """Dotted name → file of every module of the library."""
    found = {}
    for path in sorted(library.rglob("*.py")):
        parts = path.relative_to(library.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(found: Mapping[str, Path]) -> dict[str, set[str]]:
    """Module → modules of the library that it imports, those for type checkers left out."""
    return {name: set(_imported(path, found)) - {name} for name, path in found.items()}


def _imported(path: Path, found: Mapping[str, Path]) -> Iterator[str]:
    tree = ast.parse(path.read_text())
    hidden = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and getattr(block.test, "id", "") == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in found)
        elif isinstance(node, ast.ImportFrom) and node.module in found:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in found else node.module for name in names)


def circles(graph: Mapping[str, set[str]]) -> int:
    """Modules that can be reached from themselves."""

    def reaches_itself(start: str) -> bool:
        seen, stack = set(), list(graph[start])
        while stack:
            name = stack.pop()
            if name == start:
                return True
            if name not in seen:
                seen.add(name)
                stack += graph[name]
        return False

    return sum(map(reaches_itself, graph))


def against_direction(graph: Mapping[str, set[str]], repository: Path) -> int | None:
    """Imports from a room that stands further up; None where the checkout has no rooms."""
    linter = tomllib.loads((repository / "pyproject.toml").read_text()).get("tool", {}).get("importlinter")
    if not linter:
        return None
    layers = next(contract["layers"] for contract in linter["contracts"] if contract["type"] == "layers")
    height = {f"saltflow.{room}": -place for place, room in enumerate(layers)}

    def room(name: str) -> int | None:
        return height.get(".".join(name.split(".")[:2]))

    return sum(
        room(end) > room(start)
        for start, ends in graph.items()
        for end in ends
        if room(start) is not None and room(end) is not None
    )


def leaf_keys(settings: object) -> int:
    """Settings of a nested mapping."""
    if isinstance(settings, dict) and settings:
        return sum(map(leaf_keys, settings.values()))
    return 1


def words(*paths: Path) -> int:
    """Words of text files."""
    return sum(len(path.read_text().split()) for path in paths)


def measure(repository: Path) -> dict[str, object]:
    """Every number of one checkout."""
    library, config = repository / "scripts/saltflow", repository / "config"
    found = modules(library)
    graph = imports(found)
    names = Counter(name.rsplit(".", 1)[-1] for name, path in found.items() if path.name != "__init__.py")
    classes = Counter(
        node.name
        for path in found.values()
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef)
    )
    folders = Counter(path.parent for path in found.values())
    expert, methods = config / "expert.yaml", sorted((config / "references").glob("*.yaml"))
    first = leaf_keys(yaml.safe_load((config / "config.yaml").read_text()))
    rest = sum(leaf_keys(yaml.safe_load(path.read_text())) for path in ([expert] if expert.is_file() else []) + methods)
    rules = {path.name: len(path.read_text().splitlines()) for path in (repository / "rules").glob("*.smk")}
    documents = [repository / "README.md", config / "README.md", *sorted((repository / "docs").glob("*.md"))]
    return {
        "modules of the library": len(found),
        "lines of the library": sum(len(path.read_text().splitlines()) for path in found.values()),
        "modules in its top folder": folders[library],
        "most modules in one folder": max(folders.values()),
        "module names with two meanings": sum(count > 1 for name, count in names.items() if name not in SHARED_NAMES),
        "class names used twice": sum(count > 1 for count in classes.values()),
        "modules in a circle of imports": circles(graph),
        "imports against the rooms": against_direction(graph, repository),
        "lines of common.smk": rules["common.smk"],
        "lines of the longest rule file": max(rules.values()),
        "lines of all rule files": sum(rules.values()),
        "settings at first sight": first,
        "settings in all": first + rest,
        "words of README": words(repository / "README.md"),
        "words of all documents": words(*documents),
    }


@contextlib.contextmanager
def checkout(revision: str) -> Iterator[Path]:
    """An earlier state of the repository, in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(["git", "archive", revision], cwd=ROOT, capture_output=True, check=True).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
        yield Path(folder)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--before", default=BEFORE, help=f"an earlier revision (default: {BEFORE})")
    revision = parser.parse_args().before
    try:
        with checkout(revision) as earlier:
            before = measure(earlier)
    except subprocess.CalledProcessError:
        sys.exit(f"{revision} is not in this clone; name another revision with --before, or fetch the whole history.")
    after = measure(ROOT)
    width = max(map(len, after))
    print(f"{'':{width}}  {revision:>8}  {'now':>8}")
    for name, value in after.items():
        earlier_value = before[name] if before[name] is not None else "-"
        print(f"{name:{width}}  {earlier_value:>8}  {value:>8}")


if __name__ == "__main__":
    main()
