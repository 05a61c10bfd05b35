"""Settings of where and how jobs run."""

from typing import Annotated, Literal

from pydantic import (
    BeforeValidator,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from saltflow.campaign.settings.section import Device, Section


def _none_of_text(value: object) -> object:
    """Snakemake hands the settings of a profile on as text, null as 'None'."""
    return None if value == "None" else value


Request = Annotated[str | None, BeforeValidator(_none_of_text)]


class Nodes(Section):
    """What jobs on one kind of node ask of a cluster; null leaves it to the cluster."""

    partition: Request
    qos: Request
    constraint: Request
    longest_min: Annotated[PositiveInt | None, BeforeValidator(_none_of_text)]


class GPUNodes(Nodes):
    model: Request


class Site(Section):
    """A cluster, as its users see it."""

    account: Request
    cpu: Nodes
    gpu: GPUNodes


class Labelling(Section):
    """How a labelling job spreads over the cores of a node."""

    most_cores: PositiveInt
    atoms_per_rank: PositiveInt
    threads_per_rank: PositiveInt

    @model_validator(mode="after")
    def _a_rank_fits(self) -> "Labelling":
        if self.threads_per_rank > self.most_cores:
            raise ValueError("threads_per_rank must be at most most_cores")
        return self


class Prices(Section):
    """What an hour costs; null where it is not known."""

    euro_per_GPU_hour: NonNegativeFloat | None
    euro_per_core_hour: NonNegativeFloat | None
    kW_per_GPU: NonNegativeFloat | None
    kW_per_core: NonNegativeFloat | None
    kg_CO2_per_kWh: NonNegativeFloat | None


class Execution(Section):
    """Where and how jobs run; no result depends on it and no job is rerun for it."""

    device: Device
    checkpoint_ps: PositiveFloat
    quench_together: bool
    temperatures_together: bool
    repeated_hours: NonNegativeFloat
    labelling: Labelling
    prices: Prices
    quota_GB: PositiveFloat | None
    site: Site
    modules: dict[Literal["workflow", "reference", "learning", "dynamics", "analysis"], list[str]]
