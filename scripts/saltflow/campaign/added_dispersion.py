"""Whose parameters `dynamics.dispersion` takes: those of the functional of the labels.

Apart from `dispersion_switch`, so that jobs that evaluate a potential do not depend on the code of the settings.
"""

from collections.abc import Mapping

from saltflow.campaign.dispersion_switch import NONE
from saltflow.campaign.foundation_method import FoundationMethod
from saltflow.campaign.settings.references import Reference


def with_functional(section: Mapping, reference: Reference | FoundationMethod) -> dict:
    """A section with the key `dispersion`, which then names the functional of the labels, such as "D3(BJ) of PBE".

    Args:
        section: as it is set.
        reference: of the labels; `dispersion_checks` has made sure that it has no dispersion where some is added.
    """
    added = section["dispersion"]
    return {**section, "dispersion": added if added == NONE else f"{added} of {reference.functional}"}


def has_dispersion(reference: Reference, dispersion: str) -> bool:
    """Whether labels of a reference hold a dispersion that `with_functional` can name; true for none."""
    named = getattr(reference, "functional", None) is not None
    return dispersion == NONE or (dispersion == reference.dispersion and named)
