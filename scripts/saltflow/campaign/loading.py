"""Reads and checks everything that a sweep is made of."""

import os
from collections.abc import Mapping
from pathlib import Path

from saltflow.base.errors import InputError
from saltflow.campaign.campaign import Campaign
from saltflow.campaign.crystals_table import read_crystals
from saltflow.campaign.dispersion_checks import check_dispersion
from saltflow.campaign.hosts_table import read_hosts
from saltflow.campaign.loco_checks import check_loco
from saltflow.campaign.potentials_table import PotentialRow, check_members, read_potentials
from saltflow.campaign.reference_checks import check_references
from saltflow.campaign.replay_checks import check_replays
from saltflow.campaign.screened_family import named_family
from saltflow.campaign.settings import Settings, load_overrides, load_settings
from saltflow.campaign.settings.barriers import Barriers
from saltflow.campaign.settings.electrodes import Electrodes
from saltflow.campaign.settings.references import UniversalReference
from saltflow.campaign.study_tables import Known
from saltflow.campaign.timestep_checks import check_timesteps
from saltflow.materials.compositions import Composition, FormulaRounding, read_compositions


def load_campaign(config: Mapping) -> Campaign:
    """Read and check settings, tables and overrides.

    Args:
        config: the complete configuration; its paths are as they are from the working directory.

    Raises:
        InputError: every problem of the first stage that has one, in sentences.
    """
    settings = load_settings(config)
    tables = settings.tables
    universal = [name for name, each in settings.references.items() if isinstance(each, UniversalReference)]
    potentials = read_potentials(
        _table("potentials", tables.potentials), references=list(settings.references), universal=universal
    )
    compositions = read_compositions(
        _table("compositions", tables.compositions),
        potentials=list(potentials),
        rounding=FormulaRounding(settings.cells.atoms, settings.cells.formula_rounding),
    )
    check_members(potentials, compositions)
    overrides = load_overrides(
        _table("overrides", tables.overrides),
        settings=settings,
        compositions=list(compositions),
        potentials=list(potentials),
    )
    swept = _swept(settings, compositions)
    crystals, electrodes = {}, {}
    if (path := settings.barriers.structures_path) is not None:
        known = _known(settings, settings.barriers, potentials=potentials)
        crystals = read_crystals(path, known, {name: compositions[name] for name in swept})
    if (path := settings.electrodes.structures_path) is not None:
        known = _known(settings, settings.electrodes, potentials=potentials)
        electrodes = read_hosts(path, known, settings.electrodes.options)
    family = named_family(settings.screening, potentials=list(potentials), universal=universal)
    campaign = Campaign(settings, compositions, potentials, overrides, swept, crystals, electrodes, family)
    check_references(campaign)
    check_replays(campaign)
    check_loco(campaign)
    check_dispersion(campaign)
    check_timesteps(campaign)
    return campaign


def _table(key: str, path: str) -> Path:
    """The file of a table, `key` of the section `tables`."""
    if not os.path.isfile(path):
        remedy = "correct its path, which is relative to the file of settings that names it"
        raise InputError([f"tables.{key}: there is no file '{path}'; {remedy}."])
    return Path(path)


def _known(settings: Settings, chosen: Barriers | Electrodes, *, potentials: Mapping[str, PotentialRow]) -> Known:
    """What the cells of the table of a study may name."""
    universal = [name for name, each in settings.references.items() if isinstance(each, UniversalReference)]
    return Known(potentials, universal, chosen.mobile_ion or "", chosen.potential or "")


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
