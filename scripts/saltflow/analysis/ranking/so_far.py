"""Input of the ranking of a sweep that is not finished: results, and the status of all other compositions."""

from pathlib import Path

from saltflow.analysis.ranking.ranking import CompositionResults, read_finished
from saltflow.campaign.campaign import Campaign
from saltflow.operations.status import Tally, read_status

PENDING = "pending"


def read_so_far(campaign: Campaign, folder: Path) -> tuple[dict[str, CompositionResults], dict[str, str]]:
    """Results of the finished compositions of a sweep, and the status of every other composition.

    Args:
        campaign: what the sweep is made of.
        folder: its working directory.

    Returns:
        composition id → results; composition id → failed with the reason, pending, or why it is not simulated.
    """
    results = folder / "results"
    done = [name for name in campaign.swept if all(path.is_file() for path in _needed(campaign, results, name))]
    finished = read_finished(
        [results / name / "arrhenius.json" for name in done],
        domain=[path for name in done for path in _domain(campaign, results, name)],
        transport=[path for name in done for path in _points(campaign, results, name, "transport.json")],
        structure=[path for name in done for path in _points(campaign, results, name, "structure.json")],
        releases=dict.fromkeys(_release(campaign, results, name) for name in done),
        dispersion=campaign.added_dispersion,
    )
    due = {name: why for name, why in read_unfinished(campaign, folder).items() if name not in finished}
    return finished, due | campaign.not_swept


def read_unfinished(campaign: Campaign, folder: Path) -> dict[str, str]:
    """Composition of the sweep → its status while it has no result: failed with the reason, or pending."""
    return {name: _why(tally) for name, tally in read_status(campaign, folder).compositions.items()}


def _needed(campaign: Campaign, results: Path, name: str) -> list[Path]:
    transport, structure = (_points(campaign, results, name, f"{kind}.json") for kind in ("transport", "structure"))
    own = [results / name / "arrhenius.json", *_domain(campaign, results, name)]
    return [*own, _release(campaign, results, name), *transport, *structure]


def _points(campaign: Campaign, results: Path, name: str, product: str) -> list[Path]:
    return [results / name / f"md/{temperature}K" / product for temperature in campaign.temperatures_K]


def _domain(campaign: Campaign, results: Path, name: str) -> list[Path]:
    return [results / name / "domain.json"] if name in campaign.with_domain else []


def _release(campaign: Campaign, results: Path, name: str) -> Path:
    return results / "potentials" / campaign.composition(name).potential / "released.json"


def _why(tally: Tally) -> str:
    failed = next((each for each in tally.jobs if each.state == "failed"), None)
    if failed is None:
        return PENDING
    message = " ".join((failed.attempt.sentence or "").split())
    return f"failed: {failed.job.rule} {failed.attempt.reason}" + (f": {message}" if message else "")
