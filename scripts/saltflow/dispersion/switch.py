"""The switch `dynamics.dispersion`: whether dispersion is added where a potential drives atoms.

It is in the labels, and the potential has learned it, or it is added here, or nowhere; both would count it twice. To
the rules the switch carries the functional of the labels, whose damping parameters are used: "D3(BJ) of PBE".
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from saltflow.errors import InputError, SaltflowError
from saltflow.reference.settings import Reference

if TYPE_CHECKING:
    from saltflow.targets import Campaign

NONE = "none"
CUTOFF_A = 14.0  # of the distance of two atoms


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


def functional_of(dispersion: str) -> str | None:
    """The functional of what `completed` wrote; None where nothing is added."""
    return None if dispersion == NONE else dispersion.partition(" of ")[2]


def method_of(release: Mapping, dynamics: Mapping) -> dict:
    """What drives a trajectory, for its provenance.

    Args:
        release: record of the potential.
        dynamics: the section `dynamics` as rules get it.

    Returns:
        reference: that of the labels. dispersion: what the labels have and what the dynamics adds (none, or the name
        of the correction), and cutoff_A where it does.
    """
    dispersion = {"labels": release["dispersion"], "dynamics": dynamics["dispersion"]}
    if functional_of(dynamics["dispersion"]):
        dispersion["cutoff_A"] = CUTOFF_A
    return {"reference": release["reference"], "dispersion": dispersion}


def check_apart(release: Mapping, dispersion: str, *, potential: str) -> None:
    """Refuse to add dispersion to a potential that has learned it.

    Args:
        release: record of the potential.
        dispersion: that is to be added, or none.
        potential: for the message.

    Raises:
        SaltflowError: its labels have some.
    """
    learned = release["dispersion"]
    if dispersion != NONE and learned != NONE:
        raise SaltflowError(
            f"{potential}: its labels hold {learned}, which {dispersion} in the dynamics would count twice; write none "
            "into dynamics.dispersion."
        )


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
