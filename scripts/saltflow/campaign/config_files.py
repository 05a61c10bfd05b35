"""The configuration of a sweep from its files, merged as Snakemake merges them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from saltflow.base.errors import InputError
from saltflow.base.named_path import named_path
from saltflow.base.repository import REPOSITORY
from saltflow.base.yaml_file import read_yaml

# The defaults: what people change first wins over all other settings.
DEFAULTS = (REPOSITORY / "config/expert.yaml", REPOSITORY / "config/config.yaml")
SETTINGS = "config.yaml"  # of a sweep
METHODS = "config/references"  # in the repository: one file per reference method
OWN_METHODS = "references"  # the same in the folder of a sweep


def read_configuration(paths: Sequence[str | Path], *, sweep: Path | None = None) -> dict:
    """The complete configuration with what these files change, later ones last.

    Args:
        paths: as for `snakemake --configfile`.
        sweep: its folder, which may hold methods of its own.

    Raises:
        InputError: a file is missing or is no mapping of keys.
    """
    configuration: dict = {}
    for path in (*DEFAULTS, *map(Path, paths)):
        configuration = updated(configuration, read_settings(path))
    return configuration | {"references": _read_methods(configuration, sweep=sweep)}


def read_settings(path: Path) -> dict:
    """The keys and values of a file of settings; every path in it is relative to that file, or absolute.

    Raises:
        InputError: it is missing or is no mapping of keys.
    """
    return {key: _with_named_paths(key, value, path) for key, value in read_yaml(path).items()}


def _with_named_paths(key: str, value: Any, named_in: Path) -> Any:
    """A value whose paths are as they are from the working directory: those of `tables`, `…path` and crystals.

    What a calculator takes for its `arguments` is its own.
    """
    if isinstance(value, Mapping) and key != "arguments":
        return {name: _with_named_paths("path" if key == "tables" else name, value[name], named_in) for name in value}
    if isinstance(value, list):
        return [_with_named_paths(key, each, named_in) for each in value]
    is_path = isinstance(value, str) and (
        key == "path" or key.endswith("_path") or (key == "crystals" and ":" not in value and {".", "/"} & set(value))
    )
    return named_path(value, named_in=named_in) if is_path else value


def _read_methods(configuration: Mapping, *, sweep: Path | None) -> dict[str, dict]:
    """Name → settings of every reference method.

    Those of the repository and of the folder references/ of a sweep, one file each; what the configuration holds under
    `references` changes single keys of them or adds methods.
    """
    folders = [REPOSITORY / METHODS, *([sweep / OWN_METHODS] if sweep else [])]
    if misnamed := [path for folder in folders for path in sorted(folder.glob("*.yml"))]:
        raise InputError([f"{path} would not be read; rename it to {path.stem}.yaml." for path in misnamed])
    methods = {path.stem: read_settings(path) for folder in folders for path in sorted(folder.glob("*.yaml"))}
    changes = configuration.get("references") or {}
    return updated(methods, changes) if isinstance(changes, Mapping) else changes


def updated(base: Mapping, changes: Mapping) -> dict:
    """A mapping with its nested keys changed one by one; anything else is replaced."""
    merged = dict(base)
    for key, value in changes.items():
        nested = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = updated(merged[key], value) if nested else value
    return merged
