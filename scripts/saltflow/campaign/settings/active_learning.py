"""Settings of labels, and of what potentials learn from them."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import (
    Discriminator,
    Field,
    PositiveFloat,
    PositiveInt,
    Tag,
    model_validator,
)

from saltflow.campaign.settings.physical_ranges import CellAtoms, Duration, Temperature, Temperatures
from saltflow.campaign.settings.section import (
    Dtype,
    Fraction,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloats,
    Section,
)


class ImportedSet(Section):
    """A labelled set from elsewhere, and what it is declared to be."""

    path: Annotated[str, Field(min_length=1)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    reference: str
    composition: Annotated[str, Field(min_length=1)]


class ReplayStructures(Section):
    """Structures that a foundation from a file labels itself, to learn them again."""

    path: Annotated[str, Field(min_length=1)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    dispersion: Literal["none", "D3(BJ)"]


class ImportedDynamics(ImportedSet):
    """A set that is molecular dynamics by the reference, in the order of time."""

    md_temperature_K: Temperature


def _kind_of_set(entry: object) -> str:
    has_key = isinstance(entry, Mapping) and "md_temperature_K" in entry
    return "[dynamics]" if has_key or isinstance(entry, ImportedDynamics) else "[set]"


AnyImportedSet = Annotated[
    Annotated[ImportedSet, Tag("[set]")] | Annotated[ImportedDynamics, Tag("[dynamics]")], Discriminator(_kind_of_set)
]


# The keys of `learning.training` that only one recipe of fine-tuning reads.
RECIPE_KEYS = {
    "naive": (),
    "frozen": ("frozen",),
    "replay": ("replay_ratio", "replay_weight", "replay_structures"),
    "lora": ("lora_rank", "lora_scale"),
}


class Labels(Section):
    protocol: PositiveInt
    chunk_frames: PositiveInt
    store_path: str | None
    imported: list[AnyImportedSet]
    max_force_eV_A: PositiveFloat
    max_failed_fraction: Fraction
    licence: Annotated[str, Field(min_length=1)]


class InitialStructures(Section):
    cells: Annotated[int, Field(ge=3)]
    atoms: CellAtoms
    density_scales: PositiveFloats
    frames_per_cell: PositiveInt
    rattle_A: PositiveFloat
    melt_temperatures_K: Temperatures
    melt_ps: Duration
    heldout_cells: PositiveInt
    repulsion_frames: NonNegativeInt
    repulsion_min_factor: Annotated[float, Field(gt=0, le=1)]
    prescreen: bool

    @model_validator(mode="after")
    def _cells_are_left_to_train(self) -> "InitialStructures":
        if self.heldout_cells > self.cells - 2:
            raise ValueError("heldout_cells must leave at least two of the cells: one to train on and one to validate")
        return self


class Exploration(Section):
    cells: Annotated[int, Field(ge=2)]
    atoms: CellAtoms
    temperatures_K: Temperatures
    duration_ps: Duration
    stride_fs: PositiveFloat
    heldout_cells: PositiveInt

    @model_validator(mode="after")
    def _cells_are_left_to_train(self) -> "Exploration":
        if self.heldout_cells >= self.cells:
            raise ValueError("heldout_cells must be fewer than cells: the others are trained on")
        return self


class Selection(Section):
    frames: PositiveInt
    heldout_frames: PositiveInt
    random_fraction: Fraction
    lower_quantile: Fraction
    min_force_uncertainty_eV_A: NonNegativeFloat
    max_force_uncertainty_eV_A: PositiveFloat

    @model_validator(mode="after")
    def _frames_are_left_to_train(self) -> "Selection":
        if self.heldout_frames >= self.frames:
            raise ValueError("heldout_frames must be fewer than frames: the others are trained on")
        return self

    @model_validator(mode="after")
    def _the_band_has_a_width(self) -> "Selection":
        if self.min_force_uncertainty_eV_A >= self.max_force_uncertainty_eV_A:
            raise ValueError("min_force_uncertainty_eV_A must be below max_force_uncertainty_eV_A")
        return self


class DiffusionAgreement(Section):
    max_deviation_sigmas: PositiveFloat
    max_relative_error: PositiveFloat


class Convergence(Section):
    force_rmse_meV_A: PositiveFloat
    max_uncertain_fraction: Fraction
    diffusion: DiffusionAgreement | None


class ForgettingCheck(Section):
    crystals: list[Annotated[str, Field(min_length=1)]]
    max_volume_change: PositiveFloat
    max_bulk_modulus_change: PositiveFloat


class Training(Section):
    valid_fraction: Annotated[float, Field(gt=0, lt=1)]
    epochs: PositiveInt
    batch_frames: PositiveInt
    learning_rate: PositiveFloat
    forces_weight: NonNegativeFloat
    energy_weight: NonNegativeFloat
    stress_weight: NonNegativeFloat
    dtype: Dtype
    recipe: Literal["naive", "frozen", "replay", "lora"]
    frozen: Literal["embedding", "interactions", "products"]
    replay_ratio: PositiveFloat
    replay_weight: PositiveFloat
    replay_structures: ReplayStructures | None
    lora_rank: PositiveInt
    lora_scale: PositiveFloat


class Model(Section):
    cutoff_A: PositiveFloat
    channels: PositiveInt
    max_L: NonNegativeInt
    max_ell: NonNegativeInt
    correlation: PositiveInt
    interactions: PositiveInt
    radial_basis: PositiveInt
    radial_width: PositiveInt


class FoundationLearned(Section):
    functional: Literal["PBE", "r2SCAN"] | None
    dispersion: Literal["none", "D3(BJ)"]


class Learning(Section):
    protocol: PositiveInt
    generations: Annotated[int, Field(ge=0, le=100)]
    committee: Annotated[int, Field(ge=1, le=100)]
    initial_structures: InitialStructures
    exploration: Exploration
    selection: Selection
    convergence: Convergence
    forgetting_check: ForgettingCheck
    loco_compositions: list[Annotated[str, Field(min_length=1)]]
    training: Training
    foundation_method: FoundationLearned
    model: Model

    @model_validator(mode="after")
    def _committee_can_disagree(self) -> "Learning":
        if self.generations > 0 and self.committee < 2:
            raise ValueError(
                "committee must be at least 2 when generations is above 0: their disagreement selects frames"
            )
        return self


class Domain(Section):
    in_domain_percentile: Annotated[float, Field(ge=50, lt=100)]
    max_out_of_domain_fraction: Fraction
    frames_per_replica: PositiveInt
    environments_per_element: PositiveInt
