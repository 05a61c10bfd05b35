"""The part of migration barriers on the results page of a sweep that still runs."""

from pathlib import Path

from saltflow.base.provenance import read_json
from saltflow.campaign.campaign import Campaign
from saltflow.studies.barriers.barrier_ranking import ranking_rows
from saltflow.studies.barriers.results_part import results_part

STUDY = "results/studies/barriers"


def barriers_so_far(campaign: Campaign, folder: Path) -> dict | None:
    """The part of the crystals whose barriers are there; None without any.

    Args:
        campaign: what the sweep is made of.
        folder: its working directory.
    """
    folders = {name: folder / STUDY / name for name in campaign.crystals}
    there = {name: path for name, path in folders.items() if (path / "barriers.json").is_file()}
    if not there:
        return None
    records = [read_json(path / "barriers.json") for path in there.values()]
    md = {name: read_json(path / "md_hops.json") for name, path in there.items() if (path / "md_hops.json").is_file()}
    rows = ranking_rows(records, campaign.crystal_facts, md)
    part = results_part(rows, records, there, md=md, most=campaign.settings.barriers.shown)
    if missing := len(campaign.crystals) - len(there):
        part["title"] += f", {missing} more to come"
    return part
