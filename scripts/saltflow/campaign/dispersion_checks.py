"""Whether dispersion would count twice: in the labels of a potential and in the dynamics that it drives."""

from collections.abc import Iterator, Mapping

from saltflow.base.errors import InputError
from saltflow.campaign.campaign import Campaign
from saltflow.campaign.dispersion_switch import NONE
from saltflow.campaign.potential_view import PotentialView


def check_dispersion(campaign: Campaign) -> None:
    """Refuse dispersion that counts twice, in the sampling of a potential or in the dynamics of a composition.

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
    reference = potential.reference
    if NONE in (dynamics["dispersion"], reference.dispersion):
        return
    yield (
        f"{where}: dynamics.dispersion {dynamics['dispersion']} would count twice, as the labels of "
        f"'{potential.row.reference}' hold {reference.dispersion}; write none into dynamics.dispersion (overrides.yaml "
        f"changes it for one), or choose a reference with dispersion none for {potential.name}."
    )
