"""Changes of single compositions written into the overrides of a sweep."""

from collections.abc import Mapping
from pathlib import Path

import yaml

from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import atomic_write
from saltflow.base.repository import REPOSITORY
from saltflow.campaign.config_files import read_settings, updated


def overrides_text(changes: Mapping[str, Mapping]) -> str:
    """YAML of changes of compositions, as overrides.yaml has them."""
    return yaml.safe_dump({"compositions": dict(changes)}, sort_keys=False, allow_unicode=True)


def add_overrides(path: Path, changes: Mapping[str, Mapping]) -> Path:
    """Merge changes of compositions into a file of overrides; its comments at the top stay, others do not.

    Raises:
        SaltflowError: the file is that of the repository, which other sweeps read.
    """
    if path.resolve().is_relative_to(REPOSITORY / "config"):
        raise SaltflowError(
            f"This sweep has the overrides of the repository, {path}, which others share; copy the file into the sweep "
            "and name it in tables.overrides of its config.yaml."
        )
    head = []
    for line in path.read_text().splitlines(keepends=True):
        if not line.startswith("#"):
            break
        head.append(line)
    before = {name: entries or {} for name, entries in read_settings(path).items()}
    merged = updated({"compositions": {}} | before, {"compositions": dict(changes)})
    with atomic_write(path) as temporary:
        temporary.write_text("".join(head) + yaml.safe_dump(merged, sort_keys=False, allow_unicode=True))
    return path
