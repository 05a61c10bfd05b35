"""overrides.yaml: how single compositions and potentials differ from config.yaml."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from saltflow.base.errors import InputError
from saltflow.campaign.config_files import read_settings, updated
from saltflow.campaign.settings.messages import suggestion, validated
from saltflow.campaign.settings.section import Section
from saltflow.campaign.settings.whole import COMPOSITION_SECTIONS, POTENTIAL_SECTIONS, Settings


class Overrides(Section):
    """overrides.yaml: sparse changes of single compositions and potentials."""

    compositions: dict[str, dict]
    potentials: dict[str, dict]


def load_overrides(
    path: Path, *, settings: Settings, compositions: Iterable[str], potentials: Iterable[str]
) -> Overrides:
    """Read overrides.yaml and check every entry against the settings that it would change.

    Args:
        path: the file; an empty one overrides nothing.
        settings: what is overridden.
        compositions: known ids.
        potentials: known names.

    Raises:
        InputError: one sentence per unknown id or wrong key.
    """
    overrides = validated(Overrides, _read_sections(path), source=path.name)
    problems = _unknown(overrides.compositions, set(compositions), "composition", path)
    problems += _unknown(overrides.potentials, set(potentials), "potential", path)
    for kind, allowed in (("compositions", COMPOSITION_SECTIONS), ("potentials", POTENTIAL_SECTIONS)):
        problems += _problems_of_entries(settings, getattr(overrides, kind), allowed, f"{path.name}: {kind}")
    if problems:
        raise InputError(problems)
    return overrides


def overridden(settings: Settings, changes: Mapping | None) -> Settings:
    """The settings with a sparse, nested mapping of changes merged in and checked again."""
    if not changes:
        return settings
    return validated(Settings, updated(settings.model_dump(), changes), source="overrides")


def _read_sections(path: Path) -> dict:
    """The mapping of overrides.yaml; a section whose entries are all commented out is empty."""
    return {"compositions": {}, "potentials": {}} | {
        name: {} if entries is None else entries for name, entries in read_settings(path).items()
    }


def _unknown(entries: Iterable[str], known: set[str], kind: str, path: Path) -> list[str]:
    return [
        f"{path.name}: {kind} '{name}' is not in its table{suggestion(name, known)}; correct or delete it."
        for name in entries
        if name not in known
    ]


def _problems_of_entries(settings: Settings, entries: Mapping, allowed: tuple[str, ...], source: str) -> list[str]:
    problems = []
    for name, changes in entries.items():
        wrong = sorted(set(changes or {}) - set(allowed))
        problems += [f"{source}: {name}: '{key}' cannot be overridden here; use {', '.join(allowed)}." for key in wrong]
        try:
            validated(Settings, updated(settings.model_dump(), changes or {}), source=f"{source}: {name}")
        except InputError as error:
            problems += error.problems
    return problems
