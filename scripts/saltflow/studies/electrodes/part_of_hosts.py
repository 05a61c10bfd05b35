"""The part of electrodes on the results page: a table of all hosts, and a part of its own for the first of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from saltflow.analysis.sweep_results import page_blocks as blocks
from saltflow.base.provenance import read_json
from saltflow.campaign.campaign import Campaign
from saltflow.studies.electrodes.electrode_part import results_part
from saltflow.studies.electrodes.electrode_table import host_rows

STUDY = "results/studies/electrodes"
FROM_PAGE = "../studies/electrodes"  # of results/summary
SHOWN_COLUMNS = {
    "electrode": "electrode",
    "host": "host",
    "mobile_ion": "ion",
    "mean_voltage_V": "mean voltage (V)",
    "volume_change_percent": "volume (%)",
    "hysteresis_V": "hysteresis (V)",
    "Ea_lowest_eV": "lowest Ea (eV)",
    "status": "status",
}
TEXT = ("electrode", "host", "mobile_ion", "status")


def part_of_hosts(
    rows: Sequence[Mapping[str, str]], records: Mapping[str, Mapping], folders: Mapping[str, Path], *, most: int
) -> dict:
    """Title, blocks and parts, JSON-able.

    Args:
        rows: of `host_rows`.
        records: host → of `study_host_file`.
        folders: host → its folder, with structures and trajectories.
        most: so many hosts have a part.
    """
    found = [name for name, record in records.items() if record["mean_voltage_V"] is not None]
    table = [[_shown(row, name) for name in SHOWN_COLUMNS] for row in rows]
    note = "Energies at 0 K of neutral cells, each by the potential of its row."
    return {
        "title": f"Electrodes: {len(found)} of {len(records)} hosts have a voltage",
        "blocks": [
            blocks.table("Hosts", list(SHOWN_COLUMNS.values()), table, note=note),
            blocks.links("Files", [(name, f"{FROM_PAGE}/{name}") for name in ("voltages.tsv", "voltages.svg")]),
        ],
        "parts": [
            results_part(records[name], folders[name], structures=min(most, len(found))) for name in found[:most]
        ],
    }


def electrodes_so_far(campaign: Campaign, folder: Path) -> dict | None:
    """The part of the hosts whose electrodes are there, while a sweep still runs; None without any.

    Args:
        campaign: what the sweep is made of.
        folder: its working directory.
    """
    folders = {name: folder / STUDY / name for name in campaign.electrodes}
    records = {name: read_json(path / "electrode.json") for name, path in folders.items() if _is_there(path)}
    if not records:
        return None
    part = part_of_hosts(
        host_rows(records, campaign.electrode_facts), records, folders, most=campaign.settings.electrodes.shown
    )
    if missing := len(campaign.electrodes) - len(records):
        part["title"] += f", {missing} more to come"
    return part


def _is_there(folder: Path) -> bool:
    return (folder / "electrode.json").is_file()


def _shown(row: Mapping[str, str], column: str) -> object:
    text = row[column]
    if column in TEXT:
        return text
    return blocks.shortened(float(text), digits=4) if text else None
