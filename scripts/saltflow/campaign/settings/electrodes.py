"""Settings of electrodes: what a sweep asks for, and the options of one host."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, PositiveFloat, PositiveInt, model_validator

from saltflow.campaign.settings.physical_ranges import Duration, DurationOrZero, Temperature
from saltflow.campaign.settings.section import Fraction, NonNegativeFloat, NonNegativeInt, Section

Counts = dict[Annotated[str, Field(pattern=r"^[A-Z][a-z]?$")], PositiveInt]
Exchanges = dict[Annotated[str, Field(pattern=r"^[A-Z][a-z]?-[A-Z][a-z]?$")], PositiveInt]


class Electrodes(Section):
    structures_path: str | None
    mobile_ion: str | None
    potential: str | None
    protocol: PositiveInt
    structures_per_submission: PositiveInt
    options: dict
    shown: NonNegativeInt


class ElectrodeOptions(BaseModel):
    """Options of `saltflow electrode` for one host, with the defaults of the command."""

    model_config = Section.model_config

    repeat: Annotated[list[PositiveInt], Field(min_length=3, max_length=3)] = [1, 1, 1]
    fixed_cell: bool = False
    voids: bool = False
    vacancies: Counts = {}
    antisites: Exchanges = {}
    faults: NonNegativeInt = 0
    apart_A: NonNegativeFloat = 0.0
    range: Annotated[list[Fraction], Field(min_length=2, max_length=2)] = [0.0, 1.0]
    points: Annotated[int, Field(ge=2)] = 5
    candidates: PositiveInt = 6
    metal_path: str | None = None
    force_eV_A: PositiveFloat = 0.03
    steps: PositiveInt = 300
    layers: str | None = None
    temperature_K: Temperature = 300.0
    voltages: list[float] = []
    sweeps: Annotated[int, Field(ge=10)] = 2000
    energies: Literal["cells", "positions", "rigid", "dynamics"] = "cells"
    transport: list[Temperature] = []
    transport_ps: Duration = 50.0
    replicas: PositiveInt = 2
    cycles: NonNegativeInt = 0
    rule: Literal["lowest-energy", "random", "nearest-to-face"] = "lowest-energy"
    axis: Literal["a", "b", "c"] = "c"
    ions_per_step: PositiveInt = 1
    md_ps: DurationOrZero = 1.0
    ensemble: Literal["nvt", "npt", "npt-full"] = "npt-full"
    cycle_replicas: PositiveInt = 1
    seed: NonNegativeInt = 1

    @model_validator(mode="after")
    def _options_fit_together(self) -> "ElectrodeOptions":
        if self.range[0] >= self.range[1]:
            raise ValueError("range has to be two fractions of the sites, ascending, such as [0, 1]")
        if self.fixed_cell and self.ensemble != "nvt":
            raise ValueError("fixed_cell keeps the cell in dynamics as well; set ensemble to nvt")
        if self.transport and len(set(self.transport)) < 2:
            raise ValueError("transport has to be two different temperatures or more, such as [600, 800, 1000]")
        if self.faults and self.layers is None:
            raise ValueError("faults are of layers; set layers to their element, such as C")
        return self
