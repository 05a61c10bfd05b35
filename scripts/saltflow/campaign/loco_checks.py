"""Which compositions are left out of which potential: `learning.loco_compositions`, checked before anything runs.

A potential leaves out those of the list that train it, where others remain to train it. What is asked of one potential
by name, in the overrides, must be possible for it; what is asked of all must be possible for one.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from saltflow.base.errors import InputError
from saltflow.campaign.potentials_table import PotentialRow
from saltflow.campaign.settings.messages import suggestion

if TYPE_CHECKING:
    from saltflow.campaign.campaign import Campaign

KEY = "learning.loco_compositions"


def leavable(row: PotentialRow, asked: Sequence[str]) -> list[str]:
    """Those of the compositions asked for that train a potential beside others, each once."""
    return [name for name in dict.fromkeys(asked) if name in row.compositions and len(row.compositions) > 1]


def check_loco(campaign: "Campaign") -> None:
    """Make sure that every composition that is to be left out can be.

    Raises:
        InputError: one trains no potential, or nothing besides it does, or it alone has an element.
    """
    problems = list(_problems_of_all(campaign))
    for name in campaign.potentials:
        problems += [*_problems_of_own(campaign, name), *_lost_elements(campaign, name)]
    if problems:
        raise InputError(problems)


def _problems_of_all(campaign: "Campaign") -> Iterator[str]:
    members = {name for row in campaign.potentials.values() for name in row.compositions}
    for name in dict.fromkeys(campaign.settings.learning.loco_compositions):
        if name not in members:
            yield (
                f"{KEY}: '{name}' trains no potential{_meant(campaign, name, members)}; name a composition of the "
                "table of potentials, or take it out."
            )
        elif not any(leavable(row, [name]) for row in campaign.potentials.values()):
            yield f"{KEY}: nothing but '{name}' trains the potential that it trains; take it out, or add members."


def _problems_of_own(campaign: "Campaign", potential: str) -> Iterator[str]:
    row = campaign.potentials[potential]
    asked = (campaign.overrides.potentials.get(potential) or {}).get("learning", {}).get("loco_compositions", [])
    for name in dict.fromkeys(asked):
        if name not in row.compositions:
            yield (
                f"Potential {potential}: {KEY}: '{name}' does not train it{_meant(campaign, name, row.compositions)}; "
                "name one of its compositions, or take it out."
            )
        elif not leavable(row, [name]):
            yield f"Potential {potential}: {KEY}: nothing but '{name}' trains it; take it out, or add members."


def _meant(campaign: "Campaign", name: str, known: Iterable[str]) -> str:
    """What a name that is no composition at all may have been meant to be."""
    return "" if name in campaign.compositions else suggestion(name, known)


def _lost_elements(campaign: "Campaign", potential: str) -> Iterator[str]:
    """A model knows the elements of what it learned and no others: it could not be asked about such a composition."""
    for name in campaign.loco_compositions(potential):
        others = [each for each in campaign.potentials[potential].compositions if each != name]
        known = {symbol for other in others for symbol in campaign.compositions[other].amounts}
        if missing := sorted(campaign.compositions[name].amounts.keys() - known):
            yield (
                f"Potential {potential}: {KEY}: without '{name}' nothing that trains it contains {', '.join(missing)}; "
                "take it out (the overrides can, for this potential alone), or add a composition that does."
            )
