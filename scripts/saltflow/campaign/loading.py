"""Reads and checks everything that a sweep is made of."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from saltflow.base.errors import InputError
from saltflow.campaign.campaign import Campaign
from saltflow.campaign.dispersion_checks import check_dispersion
from saltflow.campaign.loco_checks import check_loco
from saltflow.campaign.potentials_table import check_members, read_potentials
from saltflow.campaign.replay_checks import check_replays
from saltflow.campaign.settings import Settings, load_overrides, load_settings
from saltflow.materials.compositions import Composition, read_compositions


def load_campaign(config: Mapping, *, folders: Sequence[Path]) -> Campaign:
    """Read and check settings, tables and overrides.

    Args:
        config: the parsed configuration.
        folders: where relative paths of tables are looked up, in order.

    Raises:
        InputError: every problem of the first stage that has one, in sentences.
    """
    settings = load_settings(config)
    tables = settings.tables
    potentials = read_potentials(
        find_table("potentials", tables.potentials, folders), references=list(settings.references)
    )
    compositions = read_compositions(
        find_table("compositions", tables.compositions, folders), potentials=list(potentials)
    )
    check_members(potentials, compositions)
    overrides = load_overrides(
        find_table("overrides", tables.overrides, folders),
        settings=settings,
        compositions=list(compositions),
        potentials=list(potentials),
    )
    campaign = Campaign(settings, compositions, potentials, overrides, _swept(settings, compositions))
    check_replays(campaign)
    check_loco(campaign)
    check_dispersion(campaign)
    return campaign


def find_table(key: str, path: str, folders: Sequence[Path]) -> Path:
    """The file of a table: `path` in the first of the folders that has it.

    Raises:
        InputError: none has; `key` of the section `tables` names it.
    """
    candidates = [Path(folder) / path for folder in folders]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    looked = " or ".join(str(folder.resolve()) for folder in folders)
    raise InputError([f"tables.{key}: '{path}' was not found in {looked}; correct the path in config.yaml."])


def _swept(settings: Settings, compositions: Mapping[str, Composition]) -> tuple[str, ...]:
    wanted = settings.sweep.compositions
    if wanted == "all":
        return tuple(name for name, row in compositions.items() if row.start != "none")
    problems = [
        f"sweep.compositions: '{name}' is not in compositions.tsv; correct the id or add a row."
        for name in wanted
        if name not in compositions
    ]
    problems += [
        f"sweep.compositions: '{name}' has start 'none'; give it a structure file in the table to simulate it."
        for name in wanted
        if name in compositions and compositions[name].start == "none"
    ]
    if problems:
        raise InputError(problems)
    return tuple(dict.fromkeys(wanted))
