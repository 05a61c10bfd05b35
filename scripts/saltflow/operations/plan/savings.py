"""Settings whose change makes a sweep cheaper, and what each change costs in truth."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from saltflow.campaign.campaign import Campaign

COARSER = 2**0.5  # half the length of a run


@dataclass(frozen=True)
class Lever:
    """One change of a setting.

    setting: its dotted key. before, after: values. loss: what it costs besides hours.
    changes: nested, for `overridden`. dropped: wildcards of jobs that it makes unnecessary.
    """

    setting: str
    before: object
    after: object
    loss: str
    changes: Mapping
    dropped: Mapping[str, str] = field(default_factory=dict)

    def drops(self, wildcards: Mapping[str, str]) -> bool:
        """Whether a job is not needed any more."""
        return bool(self.dropped) and all(wildcards.get(name) == value for name, value in self.dropped.items())


def levers(campaign: Campaign) -> Iterator[Lever]:
    """Changes that make sense for a campaign."""
    yield from _of_state_points(campaign)
    yield from _of_learning(campaign)


def _of_state_points(campaign: Campaign) -> Iterator[Lever]:
    settings = campaign.settings
    production, quench, atoms = settings.dynamics.production, settings.dynamics.quench, settings.cells.atoms
    yield Lever(
        "cells.atoms", atoms, atoms // 2, "shorter g(r), more self-interaction", {"cells": {"atoms": atoms // 2}}
    )
    yield _of_length(campaign)
    yield from _of_shared_errors(campaign)
    coldest, *warmer = campaign.temperatures_K
    if len(warmer) > 2:
        changes = {"sweep": {"temperatures_K": warmer}}
        dropped = {"temperature": str(coldest)}
        yield Lever("sweep.temperatures_K", coldest, "left out", "a longer extrapolation", changes, dropped)
    if (replicas := settings.sweep.replicas) > 1:
        changes, dropped = {"sweep": {"replicas": replicas - 1}}, {"replica": str(replicas)}
        yield Lever(
            "sweep.replicas", replicas, replicas - 1, "the spread between cells is known worse", changes, dropped
        )
    rate = quench.rate_K_per_ps
    changes = {"dynamics": {"quench": {"rate_K_per_ps": 2 * rate}}}
    yield Lever("dynamics.quench.rate_K_per_ps", rate, 2 * rate, "less relaxed glasses", changes)
    interval = production.frame_interval_fs
    changes = {"dynamics": {"production": {"frame_interval_fs": 2 * interval}}}
    yield Lever("dynamics.production.frame_interval_fs", interval, 2 * interval, "coarser hops and residence", changes)


def _of_length(campaign: Campaign) -> Lever:
    production = campaign.settings.dynamics.production
    if production.until_known is None:
        half_ps = production.duration_ps / 2
        changes = {"dynamics": {"production": {"duration_ps": half_ps}}}
        loss = "errors 1.4 times as large, more points not diffusive"
        return Lever("dynamics.production.duration_ps", production.duration_ps, half_ps, loss, changes)
    names = ("D_relative_error", "sigma_E_relative_error")
    wanted = {name: min(0.99, round(COARSER * getattr(production.until_known, name), 3)) for name in names}
    before = ", ".join(f"{getattr(production.until_known, name):g}" for name in names)
    after = ", ".join(f"{value:g}" for value in wanted.values())
    changes = {"dynamics": {"production": {"until_known": wanted}}}
    return Lever("dynamics.production.until_known", before, after, "errors 1.4 times as large", changes)


def _of_shared_errors(campaign: Campaign) -> Iterator[Lever]:
    wanted = campaign.settings.dynamics.production.until_known
    if wanted and wanted.equal_errors:
        target_K = campaign.settings.arrhenius.target_temperature_K
        loss = f"errors up to twice as large at single temperatures, no larger at {target_K:g} K"
        changes = {"dynamics": {"production": {"until_known": {"equal_errors": False}}}}
        yield Lever("dynamics.production.until_known.equal_errors", True, False, loss, changes)


def _of_learning(campaign: Campaign) -> Iterator[Lever]:
    if not campaign.trained_potentials:
        return
    learning = campaign.settings.learning
    if (last := learning.generations) > 1:
        changes, dropped = {"learning": {"generations": last - 1}}, {"generation": str(last)}
        yield Lever("learning.generations", last, last - 1, "potentials may not converge", changes, dropped)
    if (committee := learning.committee) > 2:
        changes, dropped = {"learning": {"committee": committee - 1}}, {"member": str(committee)}
        yield Lever("learning.committee", committee, committee - 1, "uncertainty is known worse", changes, dropped)
    frames, heldout = learning.selection.frames, learning.selection.heldout_frames
    if frames // 2 > heldout:
        changes = {"learning": {"selection": {"frames": frames // 2}}}
        yield Lever("learning.selection.frames", frames, frames // 2, "less accurate potentials", changes)
    epochs = learning.training.epochs
    if epochs > 1:
        changes = {"learning": {"training": {"epochs": epochs // 2}}}
        yield Lever("learning.training.epochs", epochs, epochs // 2, "trainings may end before they are flat", changes)
