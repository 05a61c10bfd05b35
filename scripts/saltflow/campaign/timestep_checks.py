"""Whether the time steps of dynamics resolve the fastest vibration of each composition."""

import math
from collections.abc import Iterable, Iterator, Mapping

from saltflow.base.errors import InputError
from saltflow.campaign.campaign import Campaign
from saltflow.campaign.composition_view import CompositionView
from saltflow.campaign.potential_view import PotentialView
from saltflow.materials.vibration_periods import fastest_period_fs, timestep_key

STEPS_PER_PERIOD = 10


def check_timesteps(campaign: Campaign) -> None:
    """Refuse time steps above a tenth of the fastest period, in the dynamics of a composition or of a training.

    Raises:
        InputError: a sentence for each.
    """
    swept = map(campaign.composition, campaign.swept)
    trained = map(campaign.potential, campaign.trained_potentials)
    problems = [
        *(problem for each in swept for problem in _problems(f"Composition {each.id}", each, each.row.amounts)),
        *(problem for each in trained for problem in _problems(f"Potential {each.name}", each, each.elements)),
    ]
    if problems:
        raise InputError(problems)


def _problems(where: str, view: CompositionView | PotentialView, symbols: Iterable[str]) -> Iterator[str]:
    steps: Mapping[str, float] = view.section("dynamics")["timestep_fs"]
    key, period_fs = timestep_key(symbols), fastest_period_fs(symbols)
    longest_fs = math.floor(10 * period_fs / STEPS_PER_PERIOD) / 10
    if steps[key] > longest_fs:
        yield (
            f"{where}: dynamics.timestep_fs.{key} is {steps[key]:g} fs, but its fastest vibration takes about "
            f"{period_fs:.0f} fs and needs {STEPS_PER_PERIOD} steps: write {longest_fs:g} or less."
        )
