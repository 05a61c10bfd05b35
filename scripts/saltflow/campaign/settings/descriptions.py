"""Descriptions of settings, read from the comments beside their values.

A description stands behind its key or on the comment lines directly above it. A mapping in braces is a value, any
other one a section of further keys. Lines that begin with `# ──` are headings; `#key` without a space is a setting that
is not in use. Comment lines at the top that a blank line follows describe the whole file.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from saltflow.base.errors import InputError
from saltflow.base.repository import REPOSITORY
from saltflow.campaign.config_files import DEFAULTS, METHODS

HEADING = "# ──"
PRESETS = "config/presets"  # in the repository: one folder per preset
MODELINE = "# yaml-language-server:"


@dataclass(frozen=True)
class Described:
    """A key of a settings file. key: dotted. value: as written, None for a section. description: may be empty."""

    key: str
    value: str | None
    description: str


@dataclass(frozen=True)
class Method:
    """A shipped reference method. title: in a line. settings: those that its file holds."""

    name: str
    title: str
    settings: tuple[Described, ...]

    def value(self, key: str) -> str | None:
        """The value of a key of its file, None where it has no such key."""
        return next((each.value for each in self.settings if each.key == key), None)


def read_defaults() -> list[Described]:
    """Keys of the defaults without those of reference methods: what people change first, then every other one.

    Raises:
        InputError: a comment describes no key, or a key is described twice.
    """
    settings = [setting for path in reversed(DEFAULTS) for setting in read_descriptions(path)]
    described: set[str] = set()
    for setting in settings:
        if setting.description and setting.key in described:
            raise InputError([f"'{setting.key}' is described in both {' and '.join(each.name for each in DEFAULTS)}."])
        described |= {setting.key} if setting.description else set()
    return settings


def read_methods() -> list[Method]:
    """The shipped reference methods."""
    paths = sorted((REPOSITORY / METHODS).glob("*.yaml"))
    return [Method(path.stem, read_title(path), tuple(read_descriptions(path))) for path in paths]


def read_presets() -> dict[str, str]:
    """Name → title of every preset."""
    return {path.parent.name: read_title(path) for path in sorted((REPOSITORY / PRESETS).glob("*/config.yaml"))}


def read_title(path: Path) -> str:
    """The first comment line of a file, which says what it is.

    Raises:
        InputError: it does not begin with a comment.
    """
    for line in path.read_text().splitlines():
        if not line.startswith(MODELINE):
            break
    if not line.startswith("# "):
        raise InputError([f"{path}: the first line must be a comment that says what the file is."])
    return line.removeprefix("# ")


def read_descriptions(path: Path) -> list[Described]:
    """The keys of a settings file in their order, with their descriptions.

    Raises:
        InputError: a comment describes no key, or a key has two descriptions.
    """
    text = path.read_text()
    comments = _Comments(path.name, text.splitlines())
    settings = []
    for key, name, value in _keys(yaml.compose(text)):
        end = (name if _is_section(value) else value).end_mark
        written = None if _is_section(value) else text[value.start_mark.index : value.end_mark.index]
        settings.append(Described(key, written, comments.beside(name.start_mark, end)))
    comments.check()
    return settings


def _keys(section: yaml.MappingNode, prefix: str = "") -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
    """Dotted key, its node and that of its value, of a section and of those in it."""
    for name, value in section.value:
        key = f"{prefix}{name.value}"
        yield key, name, value
        if _is_section(value):
            yield from _keys(value, f"{key}.")


def _is_section(value: yaml.Node) -> bool:
    return isinstance(value, yaml.MappingNode) and not value.flow_style


class _Comments:
    """The comment lines of a file, each of which describes one key at most."""

    def __init__(self, name: str, lines: list[str]):
        self.name = name
        self.lines = lines
        head = next((number for number, line in enumerate(lines) if not line.startswith("#")), len(lines))
        head = head if not "".join(lines[head : head + 1]).strip() else 0
        self.loose = {
            number
            for number, line in enumerate(lines)
            if number >= head and line.lstrip().startswith("# ") and not line.lstrip().startswith(HEADING)
        }

    def beside(self, start: yaml.Mark, end: yaml.Mark) -> str:
        """The description of the key that begins at `start` and whose value ends at `end`; may be empty."""
        first = start.line
        while first - 1 in self.loose and self.lines[first - 1].index("#") == start.column:
            first -= 1
        self.loose -= set(range(first, start.line))
        above = [line.strip().removeprefix("# ") for line in self.lines[first : start.line]]
        behind = self.lines[end.line][end.column :].partition("# ")[2].strip()
        if above and behind:
            raise InputError([f"{self.name}, line {start.line + 1}: a key has one description, above it or behind it."])
        return behind or " ".join(above)

    def check(self) -> None:
        """Refuse comments that describe no key."""
        if self.loose:
            raise InputError([f"{self.name}, line {min(self.loose) + 1}: this comment describes no key."])
