"""Numbers that dynamics can have at all: what lies outside is a wrong unit or a slip of the pen."""

from typing import Annotated

from pydantic import AfterValidator, Field, PositiveFloat, PositiveInt

from saltflow.campaign.settings.section import NonNegativeFloat

LOWEST_K, HIGHEST_K = 100, 3000  # ions rattle below, salts evaporate above
COLD_K = 150  # below it a number may be in °C
LONGEST_PS = 1e9  # a millisecond: beyond what any machine computes
MOST_ATOMS = 1_000_000  # of a cell; at 1 MB per atom (operations/memory_model.py) they fill the largest nodes
FEWEST_FRAMES = 100  # of a run; an MSD over a tenth of it then has ten lags


def _plausible_K(temperature_K: float) -> float:
    if not LOWEST_K <= temperature_K <= HIGHEST_K:
        question = " (is this in °C?)" if temperature_K < COLD_K else ""
        raise ValueError(f"temperatures of dynamics are in K and lie between {LOWEST_K} and {HIGHEST_K}{question}")
    return temperature_K


def _feasible_ps(duration_ps: float) -> float:
    if duration_ps > LONGEST_PS:
        raise ValueError(f"no machine computes more than {LONGEST_PS:g} ps, a millisecond")
    return duration_ps


def _feasible_atoms(atoms: int) -> int:
    if atoms > MOST_ATOMS:
        raise ValueError(f"no node holds more than {MOST_ATOMS} atoms, at 1 MB each")
    return atoms


Temperature = Annotated[PositiveFloat, AfterValidator(_plausible_K)]
WholeTemperature = Annotated[PositiveInt, AfterValidator(_plausible_K)]
Temperatures = Annotated[list[Temperature], Field(min_length=1)]
Duration = Annotated[PositiveFloat, AfterValidator(_feasible_ps)]
DurationOrZero = Annotated[NonNegativeFloat, AfterValidator(_feasible_ps)]
CellAtoms = Annotated[PositiveInt, AfterValidator(_feasible_atoms)]


def check_frames(duration_ps: float, *, frame_interval_fs: float) -> None:
    """Refuse a run with too few frames to analyse.

    Raises:
        ValueError: it has fewer than `FEWEST_FRAMES`.
    """
    if (frames := round(1000 * duration_ps / frame_interval_fs)) < FEWEST_FRAMES:
        raise ValueError(
            f"duration_ps {duration_ps:g} holds {frames} frames of frame_interval_fs {frame_interval_fs:g}, and an "
            f"analysis needs {FEWEST_FRAMES}: raise the one or lower the other"
        )
