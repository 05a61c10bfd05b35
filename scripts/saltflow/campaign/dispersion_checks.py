"""Whether dispersion may be added in the dynamics that a potential drives: not where its labels hold it already."""

from collections.abc import Iterator, Mapping

from saltflow.base.errors import InputError
from saltflow.campaign.campaign import Campaign
from saltflow.campaign.dispersion_switch import NONE
from saltflow.campaign.foundation_method import UNKNOWN
from saltflow.campaign.potential_view import PotentialView


def check_dispersion(campaign: Campaign) -> None:
    """Refuse dispersion that counts twice or has no parameters, in the sampling or dynamics of a potential.

    Raises:
        InputError: a sentence for each; compositions that only follow their potential are not named again.
    """
    potentials = list(map(campaign.potential, campaign.potentials))
    twice = {
        each.name: problem
        for each in potentials
        for problem in _problems(each, each.section("dynamics"), where=f"Potential {each.name}")
    }
    others = [
        problem
        for name in campaign.swept
        if campaign.compositions[name].potential not in twice or name in campaign.overrides.compositions
        for problem in _problems(
            campaign.potential_of(name), campaign.composition(name).section("dynamics"), where=f"Composition {name}"
        )
    ]
    if problems := [*twice.values(), *others]:
        raise InputError(problems)


def _problems(potential: PotentialView, dynamics: Mapping, *, where: str) -> Iterator[str]:
    reference, name = potential.reference, potential.reference_identity["name"]
    if dynamics["dispersion"] == NONE:
        return
    if reference.dispersion == UNKNOWN:
        yield (
            f"{where}: dynamics.dispersion {dynamics['dispersion']} may count twice and needs the parameters of a "
            f"functional, but nothing is known of {potential.row.foundation}; write none into dynamics.dispersion, or "
            f"what it learned from into learning.foundation_method of {potential.name} (overrides.yaml)."
        )
    elif reference.dispersion != NONE:
        yield (
            f"{where}: dynamics.dispersion {dynamics['dispersion']} would count twice, as the labels of "
            f"'{name}' hold {reference.dispersion}; write none into dynamics.dispersion "
            f"(overrides.yaml changes it for one), or choose a reference with dispersion none for {potential.name}."
        )
    elif reference.functional is None:
        yield (
            f"{where}: dynamics.dispersion {dynamics['dispersion']} needs the parameters of a functional, and "
            f"'{name}' names none; write none into dynamics.dispersion."
        )
