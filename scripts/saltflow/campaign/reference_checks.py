"""Whether universal potentials know the elements that they are to label or drive, before anything runs."""

from saltflow.base.errors import InputError
from saltflow.campaign.campaign import Campaign
from saltflow.campaign.settings.references import UniversalReference


def check_references(campaign: Campaign) -> None:
    """Refuse a universal potential that has not learned an element of what it labels, melts or drives.

    Raises:
        InputError: a sentence for each potential.
    """
    problems = []
    for potential in map(campaign.potential, campaign.potentials):
        row = potential.row
        used = {"reference": (row.reference, potential.reference), "foundation": (row.foundation, potential.universal)}
        for column, (name, settings) in used.items():
            if isinstance(settings, UniversalReference) and (missing := settings.lacks(potential.elements)):
                problems.append(
                    f"Potential {row.name}, column {column}: '{name}' has not learned {', '.join(missing)}; choose "
                    f"another {column}, or leave the compositions with it out."
                )
    if problems:
        raise InputError(problems)
