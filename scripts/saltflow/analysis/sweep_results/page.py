"""The results page of a sweep, finished or not."""

from collections.abc import Callable, Mapping
from pathlib import Path

from saltflow.analysis.ranking.so_far import read_unfinished
from saltflow.analysis.sweep_results.results_document import results_document
from saltflow.base.provenance import write_text
from saltflow.campaign.campaign import Campaign
from saltflow.campaign.sweep_facts import sweep_facts
from saltflow.operations.pages.results_page import results_page

PAGE = "results/summary/index.html"


StudiesSoFar = Callable[[Campaign, Path], Mapping[str, Mapping]]


def as_written(_campaign: Campaign, _folder: Path) -> dict[str, Mapping]:
    """Of no study anything beyond the page.json that it has written."""
    return {}


def make_page(
    campaign: Campaign, folder: Path, *, studies: StudiesSoFar = as_written, live: Mapping | None = None
) -> str:
    """What a sweep has found so far, as HTML.

    Args:
        campaign: what the sweep is made of.
        folder: its working directory.
        studies: what finds study → its part so far; studies are a room that this one does not know.
        live: as for `results_page`.
    """
    found = results_document(
        sweep_facts(campaign),
        folder,
        unfinished=read_unfinished(campaign, folder),
        studies=studies(campaign, folder),
    )
    return results_page(*found, live=live)


def write_page(campaign: Campaign, folder: Path, *, studies: StudiesSoFar = as_written) -> Path:
    """Write that page to its place in the sweep; its path."""
    path = folder / PAGE
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, make_page(campaign, folder, studies=studies))
    return path
