"""The configuration of a sweep from its files, merged as Snakemake merges them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from saltflow.base.errors import InputError
from saltflow.base.repository import REPOSITORY

# The defaults: what people change first wins over all other settings.
DEFAULTS = (REPOSITORY / "config/expert.yaml", REPOSITORY / "config/config.yaml")
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
        configuration = updated(configuration, read_yaml(path))
    return configuration | {"references": read_methods(configuration, sweep=sweep)}


def read_methods(configuration: Mapping, *, sweep: Path | None) -> dict[str, dict]:
    """Name → settings of every reference method.

    Those of the repository and of the folder references/ of a sweep, one file each; what the configuration holds under
    `references` changes single keys of them or adds methods.

    Args:
        configuration: as Snakemake has merged it.
        sweep: the folder of the sweep.

    Raises:
        InputError: a file is no mapping of keys.
    """
    folders = [REPOSITORY / METHODS, *([sweep / OWN_METHODS] if sweep else [])]
    methods = {path.stem: read_yaml(path) for folder in folders for path in sorted(folder.glob("*.yaml"))}
    changes = configuration.get("references") or {}
    return updated(methods, changes) if isinstance(changes, Mapping) else changes


def read_yaml(path: Path) -> dict:
    """The keys and values of a YAML file.

    Raises:
        InputError: it is missing or holds something else.
    """
    try:
        content = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        raise InputError([f"There is no configuration {path}; correct its path."]) from None
    except yaml.YAMLError as error:
        raise InputError([f"{path}: this is not YAML; correct it: {' '.join(str(error).split())}."]) from None
    if not isinstance(content, Mapping | None):
        raise InputError([f"{path}: keys and values are wanted here, not {content!r:.40}; correct it."])
    return dict(content or {})


def updated(base: Mapping, changes: Mapping) -> dict:
    """A mapping with its nested keys changed one by one; anything else is replaced."""
    merged = dict(base)
    for key, value in changes.items():
        nested = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = updated(merged[key], value) if nested else value
    return merged
