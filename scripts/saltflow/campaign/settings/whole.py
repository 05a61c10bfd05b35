"""Everything of config.yaml."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import (
    BeforeValidator,
    Field,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from saltflow.campaign.settings.active_learning import Domain, Labels, Learning
from saltflow.campaign.settings.analyses import (
    ALWAYS,
    NEEDS,
    Analysis,
    Arrhenius,
    Coupling,
    Motion,
    Order,
    Pathways,
    Residence,
    Spectra,
    StructureAnalysis,
    Transport,
)
from saltflow.campaign.settings.barriers import Barriers
from saltflow.campaign.settings.electrodes import Electrodes
from saltflow.campaign.settings.execution import Execution
from saltflow.campaign.settings.families import Screening
from saltflow.campaign.settings.messages import validated
from saltflow.campaign.settings.molecular_dynamics import Constraints, Dynamics
from saltflow.campaign.settings.physical_ranges import CellAtoms, WholeTemperature
from saltflow.campaign.settings.references import Reference, resolve_likeness
from saltflow.campaign.settings.section import NonNegativeFloat, NonNegativeInt, Section


class Tables(Section):
    compositions: str
    potentials: str
    overrides: str


class Sweep(Section):
    compositions: Literal["all"] | list[str]
    temperatures_K: Annotated[list[WholeTemperature], Field(min_length=1)]
    replicas: Annotated[int, Field(ge=1, le=1000)]
    analyses: list[Analysis]
    seed: NonNegativeInt

    @model_validator(mode="after")
    def _temperatures_are_unique(self) -> "Sweep":
        if len(set(self.temperatures_K)) < len(self.temperatures_K):
            raise ValueError("temperatures_K holds a temperature twice")
        return self

    @model_validator(mode="after")
    def _analyses_have_what_they_need(self) -> "Sweep":
        if missing := [name for name in ALWAYS if name not in self.analyses]:
            raise ValueError(f"analyses lacks {missing[0]}, which every sweep needs")
        for name, needed in NEEDS.items():
            if name in self.analyses and needed not in self.analyses:
                raise ValueError(f"analyses holds {name}, which needs {needed}: add it, or take {name} out")
        return self


class Acceptance(Section):
    min_density_ratio: NonNegativeFloat
    min_pair_factor: NonNegativeFloat


class Cells(Section):
    protocol: PositiveInt
    atoms: CellAtoms
    density_scale: PositiveFloat
    min_separation_factor: PositiveFloat
    formula_rounding: Annotated[float, Field(ge=0, lt=1)]
    min_separations_A: dict[Annotated[str, Field(pattern=r"^[A-Z][a-z]?-[A-Z][a-z]?$")], PositiveFloat]
    acceptance: Acceptance


# A reference may say which other it is like, and then only in which keys it differs.
References = Annotated[
    dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")], Reference], BeforeValidator(resolve_likeness)
]


class Settings(Section):
    """Everything of config.yaml, checked."""

    tables: Tables
    execution: Execution
    sweep: Sweep
    cells: Cells
    references: References
    labels: Labels
    learning: Learning
    dynamics: Dynamics
    domain: Domain
    transport: Transport
    structure: StructureAnalysis
    residence: Residence
    motion: Motion
    pathways: Pathways
    spectra: Spectra
    order: Order
    constraints: Constraints
    coupling: Coupling
    arrhenius: Arrhenius
    barriers: Barriers
    screening: Screening
    electrodes: Electrodes

    @model_validator(mode="after")
    def _something_is_asked_for(self) -> "Settings":
        studies = (self.barriers.structures_path, self.electrodes.structures_path, self.screening.family_path)
        if self.sweep.compositions == [] and not any(studies):
            raise ValueError(
                "sweep.compositions is empty; name compositions, crystals in barriers.structures_path, hosts in "
                "electrodes.structures_path, or a family in screening.family_path"
            )
        return self

    @model_validator(mode="after")
    def _constrained_temperatures_are_swept(self) -> "Settings":
        wanted = self.constraints.temperatures_K
        missing = set() if wanted == "all" else set(wanted) - set(self.sweep.temperatures_K)
        if missing:
            names = ", ".join(map(str, sorted(missing)))
            raise ValueError(
                f"constraints.temperatures_K holds {names}, which sweep.temperatures_K does not: a constrained run "
                "begins at the end of the free one"
            )
        return self


COMPOSITION_SECTIONS = (
    *("cells", "dynamics", "domain", "transport", "structure"),
    *("residence", "motion", "pathways", "spectra", "constraints", "coupling"),
)
POTENTIAL_SECTIONS = ("labels", "learning", "cells", "dynamics", "domain")


def load_settings(config: Mapping) -> Settings:
    """Check a whole configuration.

    Args:
        config: the parsed YAML, several files already merged.

    Raises:
        InputError: one sentence per wrong or missing key.
    """
    return validated(Settings, config, source="config")
