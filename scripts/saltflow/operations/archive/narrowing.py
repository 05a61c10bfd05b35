"""The part of a campaign that one composition needs: its settings, the rows of the tables, the files these name."""

import copy
import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from saltflow.base.tables import read_table
from saltflow.campaign import potentials_table
from saltflow.campaign.campaign import Campaign
from saltflow.materials import compositions

TABLES = "tables"


@dataclass(frozen=True)
class Narrowed:
    """The campaign of an archive.

    files: path relative to the sweep → text, of the configuration and its tables.
    moved: path that the sweep uses → path in the archived sweep, of structures and foundations from outside.
    """

    files: Mapping[str, str]
    moved: Mapping[str, str]


def narrow(campaign: Campaign, config: Mapping, composition: str) -> Narrowed:
    """The campaign with one composition, and with those rows only that made it.

    A member of a training set whose own potential is not needed here names the one that it trains instead; no
    result depends on that column of a member.

    Args:
        campaign: of the sweep, read in its folder.
        config: the merged configuration.
    """
    chain = _chain(campaign, campaign.composition(composition).potential)
    trains = {member: name for name in reversed(chain) for member in campaign.potentials[name].compositions}
    trains[composition] = chain[0]
    rows = [name for name in campaign.compositions if name in trains]
    moved = _moved(campaign, rows, chain)
    changes = {
        name: {"start": _from_tables(moved[start])} if start in moved else {}
        for name in rows
        for start in [campaign.composition(name).row.start]
    }
    for name in rows:
        if campaign.composition(name).potential not in chain:
            changes[name]["potential"] = trains[name]
    starts = {
        name: {"foundation": _from_tables(moved[foundation])} if foundation in moved else {}
        for name in chain
        for foundation in [campaign.potentials[name].foundation]
    }
    files = {
        "config.yaml": _config_text(config, composition, moved),
        f"{TABLES}/compositions.tsv": _table_text(
            config["tables"]["compositions"], compositions.COLUMNS, "id", changes
        ),
        f"{TABLES}/potentials.tsv": _table_text(
            config["tables"]["potentials"], potentials_table.COLUMNS, "name", starts
        ),
        "overrides.yaml": _overrides_text(campaign, rows, chain, moved),
    }
    return Narrowed(files, moved)


def _from_tables(path: str) -> str:
    """A path of the archived sweep as its tables name it."""
    return Path(path).relative_to(TABLES).as_posix()


def _chain(campaign: Campaign, potential: str) -> list[str]:
    """A potential, the one it starts from, and so on."""
    chain = [potential]
    while (foundation := campaign.potentials[chain[-1]].foundation) in campaign.potentials:
        chain.append(foundation)
    return chain


def _moved(campaign: Campaign, rows: Sequence[str], chain: Sequence[str]) -> dict[str, str]:
    """Where the structures and foundations that the campaign names lie in the archive."""
    moved = {}
    for name in rows:
        start = campaign.composition(name).row.start
        if start not in ("pack", "none"):
            moved[start] = f"{TABLES}/structures/{name}{Path(start).suffix}"
    for name in chain:
        if campaign.potential(name).foundation["kind"] == "file":
            foundation = campaign.potentials[name].foundation
            moved[foundation] = f"{TABLES}/foundations/{name}/{Path(foundation).name}"
        for each in campaign.potential(name).imported(0):
            moved[each["path"]] = f"{TABLES}/labels/{each['sha256'][:8]}-{Path(each['path']).name}"
        if each := campaign.potential(name).fine_tuning.replay_structures:
            moved[each["path"]] = f"{TABLES}/replayed/{each['sha256'][:8]}-{Path(each['path']).name}"
    return moved


def _as_archived(sections: Mapping, moved: Mapping[str, str]) -> dict:
    """Sections of settings whose imported labels and replayed structures are where the archive has them.

    No composition is left out of a potential there: that judges it, and nothing was made from it.
    """
    sections = copy.deepcopy(dict(sections))
    if "loco_compositions" in sections.get("learning", {}):
        sections["learning"]["loco_compositions"] = []
    replayed = sections.get("learning", {}).get("training", {}).get("replay_structures")
    for each in [*sections.get("labels", {}).get("imported", []), *([replayed] if replayed else [])]:
        each["path"] = moved.get(each["path"], each["path"])
    return sections


def _config_text(config: Mapping, composition: str, moved: Mapping[str, str]) -> str:
    config = _as_archived(config, moved)
    config["tables"] = {key: f"{TABLES}/{key}.tsv" for key in ("compositions", "potentials")}
    config["tables"]["overrides"] = "overrides.yaml"
    config["sweep"]["compositions"] = [composition]
    config["execution"].pop("site", None)  # accounts and partitions are nobody else's business
    header = f"# The settings that made {composition}, every file of the configuration merged.\n"
    return header + yaml.safe_dump(config, sort_keys=False, allow_unicode=True)


def _table_text(path: str, columns: Sequence[str], key: str, changes: Mapping[str, Mapping[str, str]]) -> str:
    """Those rows of a table that `changes` names, with the cells that it changes."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE, quotechar=None)
    writer.writerow(columns)
    for row in read_table(path, columns=columns, key=key):
        if (name := row.cells[key]) in changes:
            cells = row.cells | changes[name]
            writer.writerow([cells[column] or "-" for column in columns])
    return text.getvalue()


def _overrides_text(campaign: Campaign, rows: Sequence[str], chain: Sequence[str], moved: Mapping[str, str]) -> str:
    overrides = campaign.overrides
    kept = {
        "compositions": {name: changes for name, changes in overrides.compositions.items() if name in rows},
        "potentials": {
            name: _as_archived(changes, moved) for name, changes in overrides.potentials.items() if name in chain
        },
    }
    return yaml.safe_dump(kept, sort_keys=False, allow_unicode=True)
