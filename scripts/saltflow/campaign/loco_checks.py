"""Which compositions can be left out of which potential: `learning.loco_compositions`, checked before anything runs.

A potential leaves out a composition of the list when that composition and others train it. A list in the overrides of a
potential must be possible for that potential; the list of the settings must be possible for at least one.
"""

from collections.abc import Iterable, Iterator

from saltflow.base.errors import InputError
from saltflow.campaign.campaign import Campaign
from saltflow.campaign.potential_view import PotentialView
from saltflow.campaign.settings.messages import suggestion

KEY = "learning.loco_compositions"


def check_loco(campaign: Campaign) -> None:
    """Make sure that every composition that is to be left out can be.

    Raises:
        InputError: one trains no potential, or nothing besides it does, or it alone has an element.
    """
    problems = list(_problems_of_all(campaign))
    for potential in map(campaign.potential, campaign.potentials):
        problems += [*_problems_of_one(campaign, potential), *_lost_elements(potential)]
    if problems:
        raise InputError(problems)


def _problems_of_all(campaign: Campaign) -> Iterator[str]:
    trained = [row for row in campaign.potentials.values() if row.is_trained]
    training = {name: 0 for row in trained for name in row.compositions}
    for row in trained:
        training |= {name: max(training[name], len(row.compositions)) for name in row.compositions}
    for name in dict.fromkeys(campaign.settings.learning.loco_compositions):
        if name not in training:
            yield (
                f"{KEY}: '{name}' trains no potential{_meant(campaign, name, training)}; name a composition of "
                "potentials.tsv, or take it out."
            )
        elif training[name] == 1:
            yield f"{KEY}: the potential that '{name}' trains has no other composition; take it out, or add members."


def _problems_of_one(campaign: Campaign, potential: PotentialView) -> Iterator[str]:
    changes = campaign.overrides.potentials.get(potential.name) or {}
    for name in dict.fromkeys(changes.get("learning", {}).get("loco_compositions", [])):
        if name not in potential.compositions:
            yield (
                f"Potential {potential.name}: {KEY}: '{name}' does not train it"
                f"{_meant(campaign, name, potential.compositions)}; name one of its compositions, or take it out."
            )
        elif len(potential.compositions) == 1:
            yield f"Potential {potential.name}: {KEY}: nothing but '{name}' trains it; take it out, or add members."


def _meant(campaign: Campaign, name: str, known: Iterable[str]) -> str:
    """What a name that is no composition at all may have been meant to be."""
    return "" if name in campaign.compositions else suggestion(name, known)


def _lost_elements(potential: PotentialView) -> Iterator[str]:
    """A model knows the elements of its training set and no others: it cannot be asked about another composition."""
    elements = {member.id: member.row.amounts.keys() for member in potential.members}
    for name in potential.loco.compositions:
        known = set().union(*(found for other, found in elements.items() if other != name))
        if missing := sorted(elements[name] - known):
            yield (
                f"Potential {potential.name}: {KEY}: without '{name}' nothing that trains it contains "
                f"{', '.join(missing)}; take it out (the overrides can, for this potential alone), or add a "
                "composition that does."
            )
