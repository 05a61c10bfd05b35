"""Settings of what is computed from trajectories, and of what compares compositions."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import (
    Field,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from saltflow.campaign.settings.physical_ranges import Temperature
from saltflow.campaign.settings.section import Fraction, NonNegativeFloat, Section

Analysis = Literal[
    "transport",
    "structure",
    "residence",
    "motion",
    "strings",
    "residence_maps",
    "pathways",
    "domain",
    "spectra",
    "constraints",
    "order",
]
ALWAYS: tuple[Analysis, ...] = ("transport", "structure")
# Analysis → the one that it is a part of or reads.
NEEDS: Mapping[Analysis, Analysis] = {"strings": "motion", "residence_maps": "motion", "order": "pathways"}


class Transport(Section):
    frame: Literal["framework", "barycentric"]
    alpha_min: PositiveFloat
    alpha_max: PositiveFloat
    msd_min_A2: PositiveFloat
    max_lag_fraction: Annotated[float, Field(gt=0, le=0.5)]
    cluster_frames: Annotated[int, Field(ge=5)]
    cutoff_sweep_A: Annotated[float, Field(ge=0)]
    correlation_origins: PositiveInt
    correlation_bin_A: PositiveFloat

    @model_validator(mode="after")
    def _alpha_range_is_open(self) -> "Transport":
        if self.alpha_min >= self.alpha_max:
            raise ValueError("alpha_min must be below alpha_max")
        return self


class StructureAnalysis(Section):
    r_max_A: PositiveFloat
    bin_width_A: PositiveFloat
    frames_per_replica: PositiveInt
    q_max_per_A: PositiveFloat
    q_bin_per_A: PositiveFloat
    scattering_frames: Annotated[int, Field(ge=5)]
    vectors_per_bin: PositiveInt
    weighting: Literal["number", "neutron", "x-ray"]

    @model_validator(mode="after")
    def _bins_are_several(self) -> "StructureAnalysis":
        if self.q_bin_per_A > self.q_max_per_A / 10:
            raise ValueError("q_bin_per_A must be at most a tenth of q_max_per_A")
        return self


class Residence(Section):
    frames_per_replica: Annotated[int, Field(ge=20)]
    origins_per_replica: Annotated[int, Field(ge=10)]
    allowed_absences_ps: Annotated[list[NonNegativeFloat], Field(min_length=1)]
    max_lag_fraction: Annotated[float, Field(gt=0, le=0.9)]
    min_class_fraction: Fraction


class Motion(Section):
    origins_per_replica: Annotated[int, Field(ge=10)]
    max_lag_fraction: Annotated[float, Field(gt=0, le=0.5)]
    van_hove_lags: PositiveInt
    van_hove_r_max_A: PositiveFloat
    van_hove_bin_A: PositiveFloat
    hop_window_ps: PositiveFloat
    hop_length_A: PositiveFloat
    concerted_time_ps: PositiveFloat
    concerted_distance_A: PositiveFloat
    string_distance_A: PositiveFloat
    shuffles: Annotated[int, Field(ge=2)]
    site_radius_A: PositiveFloat


class Pathways(Section):
    spacing_A: PositiveFloat
    smoothing_A: NonNegativeFloat
    volume_spacing_A: PositiveFloat
    min_visits: PositiveFloat
    max_half_difference_kT: PositiveFloat


class Spectra(Section):
    correlation_ps: PositiveFloat
    frames: Annotated[int, Field(ge=100)]
    max_lag_fraction: Annotated[float, Field(gt=0, le=0.5)]
    q_max_per_A: PositiveFloat
    q_points: Annotated[int, Field(ge=10)]
    q_shells: Annotated[int, Field(ge=2)]
    self_q_per_A: Annotated[list[PositiveFloat], Field(min_length=1)]


class Coupling(Section):
    hop_length_A: PositiveFloat
    matching_factor: Annotated[float, Field(gt=1)]


class Arrhenius(Section):
    target_temperature_K: Temperature
    bootstrap_samples: PositiveInt


class Order(Section):
    temperature_K: Temperature
    shuffles: Annotated[int, Field(ge=19)]
