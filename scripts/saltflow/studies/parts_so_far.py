"""What studies have found so far, for the results page of a sweep that still runs.

A study joins by a row of `STUDIES`: its folder in results/studies, and what makes its part from the products that are
there, None where there are none.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from saltflow.campaign.campaign import Campaign
from saltflow.studies.barriers.part_so_far import barriers_so_far
from saltflow.studies.electrodes.part_of_hosts import electrodes_so_far

STUDIES: Mapping[str, Callable[[Campaign, Path], dict | None]] = {
    "barriers": barriers_so_far,
    "electrodes": electrodes_so_far,
}


def parts_so_far(campaign: Campaign, folder: Path) -> dict[str, dict]:
    """Study → its part of the page, of those that have found something.

    Args:
        campaign: what the sweep is made of.
        folder: its working directory.
    """
    return {name: part for name, find in STUDIES.items() if (part := find(campaign, folder))}
