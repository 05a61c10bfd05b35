"""What a plan makes of the switch `dynamics.dispersion`: whose parameters are used, and that nothing counts twice.

Apart from `dispersion.switch`, so that jobs that evaluate a potential do not depend on the code of settings and plan.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from saltflow.base.errors import InputError
from saltflow.campaign.dispersion_switch import NONE
from saltflow.campaign.settings.references import Reference

if TYPE_CHECKING:
    from saltflow.campaign.campaign import Campaign


def completed(dynamics: Mapping, reference: Reference) -> dict:
    """The section `dynamics` with the functional whose parameters its dispersion takes.

    Args:
        dynamics: as it is set.
        reference: of the labels; `check_switch` has made sure that it has no dispersion where some is added.
    """
    added = dynamics["dispersion"]
    return {**dynamics, "dispersion": added if added == NONE else f"{added} of {reference.functional}"}


def has_dispersion(reference: Reference, dispersion: str) -> bool:
    """Whether labels of a reference hold a dispersion that `completed` can name; none asks for nothing."""
    return dispersion == NONE or (dispersion == reference.dispersion and hasattr(reference, "functional"))


def check_switch(campaign: "Campaign") -> None:
    """Make sure that nothing gets dispersion twice: no potential while it is sampled, no composition after.

    Raises:
        InputError: a sentence for each that does; compositions that only follow their potential are not named again.
    """
    potentials = {name: campaign.potential_section("dynamics", potential=name) for name in campaign.potentials}
    twice = {
        name: said
        for name, dynamics in potentials.items()
        for said in _said(campaign, name, dynamics, where=f"Potential {name}")
    }
    others = [
        said
        for name in campaign.swept
        if (potential := campaign.row(name).potential) not in twice or name in campaign.overrides.compositions
        for said in _said(
            campaign, potential, campaign.section("dynamics", composition=name), where=f"Composition {name}"
        )
    ]
    if problems := [*twice.values(), *others]:
        raise InputError(problems)


def _said(campaign: "Campaign", potential: str, dynamics: Mapping, *, where: str) -> Iterator[str]:
    """What is wrong with adding the dispersion of `dynamics` to a potential, if anything is."""
    name = campaign.potentials[potential].reference
    reference = campaign.settings.references[name]
    if NONE in (dynamics["dispersion"], reference.dispersion):
        return
    remedy = f"choose a reference with dispersion none for {potential}"
    yield (
        f"{where}: dynamics.dispersion {dynamics['dispersion']} would count twice, as the labels of '{name}' hold "
        f"{reference.dispersion}; write none into dynamics.dispersion (overrides.yaml changes it for one), or {remedy}."
    )
