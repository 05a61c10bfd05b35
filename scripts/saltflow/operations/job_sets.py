"""Which jobs a rule has in a campaign: the wildcards of all of them, in the order of the tables."""

from collections.abc import Callable, Iterator
from itertools import product

from saltflow.campaign.campaign import Campaign
from saltflow.campaign.potential_view import PotentialView
from saltflow.operations.rule_spec import Wildcards

JobSet = Callable[[Campaign], Iterator[Wildcards]]


def once(_campaign: Campaign) -> Iterator[Wildcards]:
    """One job, also where only a study is wanted."""
    yield {}


def once_for_all(campaign: Campaign) -> Iterator[Wildcards]:
    """One job for all compositions of the sweep, where there are any."""
    if campaign.swept:
        yield {}


def per_element(campaign: Campaign) -> Iterator[Wildcards]:
    """One for each element of each reference."""
    for reference in dict.fromkeys(campaign.potentials[name].reference for name in campaign.trained_potentials):
        for element in campaign.reference_elements(reference):
            yield {"reference": reference, "element": element}


# ── potentials ─────────────────────────────────────────────────────────────────────────────────


def per_potential(campaign: Campaign) -> Iterator[Wildcards]:
    """One for each potential that the sweep needs."""
    yield from ({"potential": name} for name in campaign.needed_potentials)


def per_trained_potential(campaign: Campaign) -> Iterator[Wildcards]:
    """One for each of them that learns from labels."""
    yield from ({"potential": name} for name in campaign.trained_potentials)


def per_generation(
    *, first: int = 0, where: Callable[[PotentialView], bool] = lambda potential: True, last: int | None = None
) -> JobSet:
    """One for each generation of each potential, from the first one to the last."""

    def jobs(campaign: Campaign) -> Iterator[Wildcards]:
        for potential in map(campaign.potential, campaign.needed_potentials):
            if where(potential):
                for generation in potential.generations[first : None if last is None else last + 1]:
                    yield {"potential": potential.name, "generation": str(generation)}

    return jobs


def per_chunk(campaign: Campaign) -> Iterator[Wildcards]:
    """One for each chunk of labels."""
    for generation in per_generation()(campaign):
        for chunk in campaign.potential(generation["potential"]).chunks(int(generation["generation"])):
            yield generation | {"chunk": str(chunk)}


def per_member(campaign: Campaign) -> Iterator[Wildcards]:
    """One for each model of each committee."""
    for generation in per_generation()(campaign):
        for member in campaign.potential(generation["potential"]).committee:
            yield generation | {"member": str(member)}


def per_driving_potential(campaign: Campaign) -> Iterator[Wildcards]:
    """One for each potential of the compositions whose domain is assessed."""
    driving = {campaign.driven_by[name] for name in campaign.with_domain}
    yield from ({"potential": name} for name in campaign.trained_potentials if name in driving)


def per_loco_potential(campaign: Campaign) -> Iterator[Wildcards]:
    """One for each potential that is validated by leaving compositions out."""
    yield from ({"potential": name} for name in campaign.with_loco)


def per_loco_member(campaign: Campaign) -> Iterator[Wildcards]:
    """One for each model of a committee without a composition, on the labels of the last generation."""
    for potential in map(campaign.potential, campaign.with_loco):
        last = {"potential": potential.name, "generation": str(potential.generations[-1])}
        for excluded, member in product(potential.loco.compositions, potential.committee):
            yield last | {"excluded": excluded, "member": str(member)}


# ── compositions ───────────────────────────────────────────────────────────────────────────────


def per_composition(analysis: str | None = None) -> JobSet:
    """One for each swept composition, where the analysis is asked for."""

    def jobs(campaign: Campaign) -> Iterator[Wildcards]:
        if analysis is None or analysis in campaign.analyses:
            yield from ({"composition": name} for name in campaign.swept)

    return jobs


def per_domain(campaign: Campaign) -> Iterator[Wildcards]:
    """One for each composition whose domain is assessed."""
    yield from ({"composition": name} for name in campaign.with_domain)


def per_replica(campaign: Campaign) -> Iterator[Wildcards]:
    """One for each replica of each composition."""
    for name, replica in product(campaign.swept, campaign.replicas):
        yield {"composition": name, "replica": str(replica)}


def per_replica_quenched_alone(campaign: Campaign) -> Iterator[Wildcards]:
    """One for each replica, unless those of a composition are quenched together."""
    if not campaign.settings.execution.quench_together:
        yield from per_replica(campaign)


def per_composition_quenched_together(campaign: Campaign) -> Iterator[Wildcards]:
    """One for each composition, where its replicas are quenched together."""
    if campaign.settings.execution.quench_together:
        yield from per_composition()(campaign)


def per_state_point(analysis: str | None = None) -> JobSet:
    """One for each composition at each temperature, where the analysis is asked for."""

    def jobs(campaign: Campaign) -> Iterator[Wildcards]:
        if analysis is None or analysis in campaign.analyses:
            for name, temperature in product(campaign.swept, campaign.temperatures_K):
                yield {"composition": name, "temperature": str(temperature)}

    return jobs


def per_state_point_alone(campaign: Campaign) -> Iterator[Wildcards]:
    """One for each state point, unless the temperatures of a composition are run together."""
    if not campaign.settings.execution.temperatures_together:
        yield from per_state_point()(campaign)


def per_composition_run_together(campaign: Campaign) -> Iterator[Wildcards]:
    """One for each composition, where its temperatures are run together."""
    if campaign.settings.execution.temperatures_together:
        yield from per_composition()(campaign)


def per_constrained_composition(campaign: Campaign) -> Iterator[Wildcards]:
    """One for each composition with constrained runs."""
    yield from ({"composition": name} for name in campaign.constrained)


def per_constrained_temperature(campaign: Campaign) -> Iterator[Wildcards]:
    """One for each of their temperatures."""
    for name in campaign.constrained:
        for temperature in campaign.composition(name).constrained_temperatures_K:
            yield {"composition": name, "temperature": str(temperature)}


def per_constrained_run(campaign: Campaign) -> Iterator[Wildcards]:
    """One for each of their modes and temperatures."""
    for name in campaign.constrained:
        composition = campaign.composition(name)
        for mode, temperature in product(composition.frozen_modes, composition.constrained_temperatures_K):
            yield {"composition": name, "mode": mode, "temperature": str(temperature)}


def per_crystal(campaign: Campaign) -> Iterator[Wildcards]:
    """One for each crystal whose migration barriers are computed."""
    yield from ({"structure": name} for name in campaign.crystals)


def per_crystal_with_md(campaign: Campaign) -> Iterator[Wildcards]:
    """One for each of them whose composition is swept too."""
    yield from ({"structure": name} for name in campaign.crystals_with_md)


def if_crystals(campaign: Campaign) -> Iterator[Wildcards]:
    """One job for all of them, where there are any."""
    if campaign.crystals:
        yield {}


def if_family(campaign: Campaign) -> Iterator[Wildcards]:
    """One job for the family that is screened, where there is one."""
    if campaign.screened:
        yield {}


def per_relaxation(campaign: Campaign) -> Iterator[Wildcards]:
    """One for each share of its crystals."""
    yield from ({"part": str(part)} for part in range(campaign.screened.relaxations if campaign.screened else 0))


def per_study(campaign: Campaign) -> Iterator[Wildcards]:
    """One for each share of its survivors."""
    yield from ({"part": str(part)} for part in range(campaign.screened.studies if campaign.screened else 0))


def per_electrode(campaign: Campaign) -> Iterator[Wildcards]:
    """One for each host whose electrode is computed."""
    yield from ({"electrode": name} for name in campaign.electrodes)


def if_electrodes(campaign: Campaign) -> Iterator[Wildcards]:
    """One job for all of them, where there are any."""
    if campaign.electrodes:
        yield {}


def if_requested(analysis: str) -> JobSet:
    """One job for the whole sweep, where the analysis is asked for."""

    def jobs(campaign: Campaign) -> Iterator[Wildcards]:
        if analysis in campaign.analyses and campaign.swept:
            yield {}

    return jobs
