"""The part of config/README.md that repeats the comments of the defaults: presets, methods and a table per section."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from saltflow.base.errors import InputError
from saltflow.campaign.config_files import DEFAULTS, METHODS
from saltflow.campaign.settings.descriptions import (
    Described,
    read_defaults,
    read_descriptions,
    read_methods,
    read_presets,
)
from saltflow.campaign.settings.schema import model_keys
from saltflow.campaign.settings.whole import COMPOSITION_SECTIONS, POTENTIAL_SECTIONS, Settings

MARK = "<!-- Written from here on by: PYTHONPATH=scripts python -m saltflow.campaign.settings --write -->\n"


def readme(text: str) -> str:
    """config/README.md with everything after its mark written anew.

    Args:
        text: what the file holds.

    Raises:
        InputError: the mark is missing.
    """
    head, mark, _ = text.partition(MARK)
    if not mark:
        raise InputError([f"config/README.md lacks the line that its tables follow; add it: {MARK.strip()}"])
    return head + MARK + "\n" + "\n".join([_presets(), _methods(), *_sections()])


def _presets() -> str:
    rows = [(f"`{name}`", title) for name, title in read_presets().items()]
    return "## Presets\n\n" + _table(("preset", "what it is"), rows)


def _methods() -> str:
    rows = [(f"[`{each.name}`]({Path(METHODS).name}/{each.name}.yaml)", each.title) for each in read_methods()]
    return "## Reference methods\n\n" + _table(("method", "what it is"), rows)


def _sections() -> Iterator[str]:
    settings = read_defaults()
    first = {each.key for each in read_descriptions(DEFAULTS[-1])}
    order = {key: number for number, (key, _, _) in enumerate(model_keys(Settings))}

    def place(setting: Described) -> tuple:
        """Subsection by subsection, its own description ahead, then what people change first."""
        subsection = setting.key if setting.value is None else setting.key.rpartition(".")[0]
        return order[subsection], setting.value is not None, setting.key not in first, order[setting.key]

    for section in Settings.model_fields:
        found = sorted((each for each in settings if each.key.partition(".")[0] == section), key=place)
        shown = [each for each in found if each.value or each.description]
        words = [_scope(section), *(each.description for each in shown if each.key == section)]
        rows = [(f"`{each.key}`", _default(each, first), each.description) for each in shown if each.key != section]
        introduction = " ".join(filter(None, words))
        if rows:
            yield f"## {section}\n\n{introduction}\n\n" + _table(("key", "default", "what it is"), rows)


def _scope(section: str) -> str:
    """What an override of the section may be of."""
    scopes = [("composition", COMPOSITION_SECTIONS), ("potential", POTENTIAL_SECTIONS)]
    kinds = [kind for kind, sections in scopes if section in sections]
    return f"Per {' or '.join(kinds)}." if kinds else ""


def _default(setting: Described, first: set[str]) -> str:
    if setting.value is None:
        return ""
    return f"**`{setting.value}`**" if setting.key in first else f"`{setting.value}`"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [" | ".join(cell.replace("|", r"\|") for cell in row) + "\n" for row in rows]
    return " | ".join(header) + "\n" + "|".join(["---"] * len(header)) + "\n" + "".join(lines)
