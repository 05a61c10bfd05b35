"""Settings of migration barriers."""

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from saltflow.campaign.settings.physical_ranges import Temperatures
from saltflow.campaign.settings.section import NonNegativeInt, Section


class Barriers(Section):
    structures_path: str | None
    mobile_ion: str | None
    potential: str | None
    protocol: PositiveInt
    structures_per_submission: PositiveInt
    mechanism: Literal["vacancy", "interstitial", "knock-off"]
    r_max_A: Annotated[float, Field(ge=1, le=8)]
    edge_A: Annotated[float, Field(ge=4, le=30)]
    images: Annotated[int, Field(ge=1, le=30)]
    end_force_eV_A: PositiveFloat
    band_force_eV_A: PositiveFloat
    steps: PositiveInt
    cheapest: PositiveInt | None
    prefactor_radius_A: Annotated[float, Field(ge=1)] | None
    temperatures_K: Temperatures
    carriers_per_nm3: PositiveFloat
    jumps: Annotated[int, Field(ge=100)]
    seed: NonNegativeInt
    shown: NonNegativeInt
