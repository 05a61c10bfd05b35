"""Settings of molecular dynamics, free and constrained."""

from typing import Annotated, Literal, get_args

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from saltflow.campaign.settings.physical_ranges import (
    LONGEST_PS,
    Duration,
    DurationOrZero,
    Temperature,
    WholeTemperature,
    check_frames,
)
from saltflow.campaign.settings.section import Dtype, Fraction, NonNegativeInt, Section


class Timestep(Section):
    default: PositiveFloat
    with_O_or_F: PositiveFloat
    with_H: PositiveFloat


class Quench(Section):
    relax_steps: NonNegativeInt
    melt_temperature_K: Temperature
    melt_ps: DurationOrZero
    melt_npt_ps: DurationOrZero
    rate_K_per_ps: PositiveFloat
    final_temperature_K: Temperature
    anneal_ps: DurationOrZero

    @model_validator(mode="after")
    def _cooling_ends(self) -> "Quench":
        cooling_ps = (self.melt_temperature_K - self.final_temperature_K) / self.rate_K_per_ps
        if cooling_ps > LONGEST_PS:
            raise ValueError(f"rate_K_per_ps {self.rate_K_per_ps:g} cools for {cooling_ps:g} ps; raise it")
        return self


class Velocities(Section):
    duration_ps: DurationOrZero
    interval_fs: PositiveFloat


class UntilKnown(Section):
    """Production ends when its results are known so well; `duration_ps` is then the most."""

    least_ps: Duration
    D_relative_error: Annotated[float, Field(gt=0, lt=1)]
    sigma_E_relative_error: Annotated[float, Field(gt=0, lt=1)]
    equal_errors: bool


class Production(Section):
    equilibrate_npt_ps: DurationOrZero
    equilibrate_cell: Literal["isotropic", "full"]
    equilibrate_nvt_ps: DurationOrZero
    duration_ps: Duration
    frame_interval_fs: PositiveFloat
    until_known: UntilKnown | None
    velocities: Velocities

    @model_validator(mode="after")
    def _frames_can_be_analysed(self) -> "Production":
        check_frames(self.duration_ps, frame_interval_fs=self.frame_interval_fs)
        return self

    @model_validator(mode="after")
    def _least_can_be_analysed(self) -> "Production":
        if self.until_known and self.until_known.least_ps < self.duration_ps:
            check_frames(self.until_known.least_ps, frame_interval_fs=self.frame_interval_fs)
        return self


class StopCriteria(Section):
    max_temperature_ratio: Annotated[float, Field(gt=1)]
    max_energy_drift_meV_atom_ps: PositiveFloat


class Dynamics(Section):
    protocol: PositiveInt
    dispersion: Literal["none", "D3(BJ)"]
    dtype: Dtype
    timestep_fs: Timestep
    thermostat: Literal["nose-hoover", "bussi", "langevin"]
    thermostat_time_fs: PositiveFloat
    barostat_time_fs: PositiveFloat
    compressibility_per_GPa: PositiveFloat
    pressure_GPa: float
    quench: Quench
    production: Production
    stop_criteria: StopCriteria


Mode = Literal["free", "T", "R", "V", "TR", "TV", "RV", "TRV"]
MODES = get_args(Mode)
GroupName = Annotated[str, Field(pattern=r"^(polyanions|fragments|([A-Z][a-z]?\d*)+)$")]


class Constraints(Section):
    protocol: PositiveInt
    modes: list[Mode]
    temperatures_K: Literal["all"] | Annotated[list[WholeTemperature], Field(min_length=1)]
    groups: Annotated[list[GroupName], Field(min_length=1)]
    max_exchanged_fraction: Fraction
    equilibrate_ps: DurationOrZero
    duration_ps: Duration
    frame_interval_fs: PositiveFloat

    @model_validator(mode="after")
    def _frames_can_be_analysed(self) -> "Constraints":
        check_frames(self.duration_ps, frame_interval_fs=self.frame_interval_fs)
        return self

    @model_validator(mode="after")
    def _modes_are_unique(self) -> "Constraints":
        if len(set(self.modes)) < len(self.modes):
            raise ValueError("modes holds a mode twice")
        return self
