"""The configuration of a sweep from its files, merged as Snakemake merges them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from saltflow.base.errors import InputError
from saltflow.base.repository import REPOSITORY

BASE = REPOSITORY / "config/config.yaml"


def read_configuration(paths: Sequence[str | Path]) -> dict:
    """The complete configuration with what these files change, later ones last.

    Args:
        paths: as for `snakemake --configfile`.

    Raises:
        InputError: a file is missing or is no mapping of keys.
    """
    configuration: dict = {}
    for path in (BASE, *map(Path, paths)):
        configuration = _updated(configuration, _read(path))
    return configuration


def _read(path: Path) -> dict:
    try:
        content = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        raise InputError([f"There is no configuration {path}; correct its path."]) from None
    except yaml.YAMLError as error:
        raise InputError([f"{path}: this is not YAML; correct it: {' '.join(str(error).split())}."]) from None
    if not isinstance(content, Mapping | None):
        raise InputError([f"{path}: keys and values are wanted here, not {content!r:.40}; correct it."])
    return dict(content or {})


def _updated(base: Mapping, changes: Mapping) -> dict:
    """Nested keys are changed one by one; anything else is replaced."""
    merged = dict(base)
    for key, value in changes.items():
        nested = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _updated(merged[key], value) if nested else value
    return merged
