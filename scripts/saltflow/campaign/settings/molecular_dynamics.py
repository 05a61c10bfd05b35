"""Settings of molecular dynamics, free and constrained."""

from typing import Annotated, Literal, get_args

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from saltflow.campaign.settings.section import Dtype, Fraction, NonNegativeFloat, NonNegativeInt, Section


class Timestep(Section):
    default: PositiveFloat
    with_O_or_F: PositiveFloat
    with_H: PositiveFloat


class Quench(Section):
    relax_steps: NonNegativeInt
    melt_temperature_K: PositiveFloat
    melt_ps: NonNegativeFloat
    melt_npt_ps: NonNegativeFloat
    rate_K_per_ps: PositiveFloat
    final_temperature_K: PositiveFloat
    anneal_ps: NonNegativeFloat


class Velocities(Section):
    duration_ps: NonNegativeFloat
    interval_fs: PositiveFloat


class Production(Section):
    equilibrate_npt_ps: NonNegativeFloat
    equilibrate_cell: Literal["isotropic", "full"]
    equilibrate_nvt_ps: NonNegativeFloat
    duration_ps: PositiveFloat
    frame_interval_fs: PositiveFloat
    velocities: Velocities


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
    temperatures_K: Literal["all"] | Annotated[list[PositiveInt], Field(min_length=1)]
    groups: Annotated[list[GroupName], Field(min_length=1)]
    max_exchanged_fraction: Fraction
    equilibrate_ps: NonNegativeFloat
    duration_ps: PositiveFloat
    frame_interval_fs: PositiveFloat

    @model_validator(mode="after")
    def _modes_are_unique(self) -> "Constraints":
        if len(set(self.modes)) < len(self.modes):
            raise ValueError("modes holds a mode twice")
        return self
