"""Typed settings: the one place where config.yaml and overrides.yaml are read and checked.

The models hold no defaults: every value lives in the commented YAML. An unknown key is an error that
names it, so a misspelt key cannot be ignored. Numbers carry their unit in the key.
"""

import copy
import difflib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal, get_args

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    field_validator,
    model_validator,
)

from saltflow.errors import InputError
from saltflow.reference.settings import Reference, resolve_likeness

NonNegativeInt = Annotated[int, Field(ge=0)]
NonNegativeFloat = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
PositiveFloats = Annotated[list[PositiveFloat], Field(min_length=1)]
Device = Literal["cpu", "cuda"]
Dtype = Literal["float32", "float64"]


class Section(BaseModel):
    """A block of settings: unknown keys are refused and nothing can be changed after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Tables(Section):
    compositions: str
    potentials: str
    overrides: str


class Sweep(Section):
    compositions: Literal["all"] | Annotated[list[str], Field(min_length=1)]
    temperatures_K: Annotated[list[PositiveInt], Field(min_length=1)]
    glasses: PositiveInt
    seed: NonNegativeInt

    @model_validator(mode="after")
    def _temperatures_are_unique(self) -> "Sweep":
        if len(set(self.temperatures_K)) < len(self.temperatures_K):
            raise ValueError("temperatures_K holds a temperature twice")
        return self


class Gates(Section):
    min_density_ratio: NonNegativeFloat
    min_pair_factor: NonNegativeFloat


class Structures(Section):
    protocol: PositiveInt
    atoms: PositiveInt
    density_scale: PositiveFloat
    min_separation_factor: PositiveFloat
    min_separations_A: dict[Annotated[str, Field(pattern=r"^[A-Z][a-z]?-[A-Z][a-z]?$")], PositiveFloat]
    gates: Gates


class ImportedSet(Section):
    """A labelled set from elsewhere, and what it is declared to be."""

    path: Annotated[str, Field(min_length=1)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    reference: str
    composition: Annotated[str, Field(min_length=1)]


class Labels(Section):
    protocol: PositiveInt
    chunk_frames: PositiveInt
    imported: list[ImportedSet]
    max_force_eV_A: PositiveFloat
    max_failed_fraction: Fraction


class Seeds(Section):
    cells: Annotated[int, Field(ge=3)]
    atoms: PositiveInt
    density_scales: PositiveFloats
    frames_per_cell: PositiveInt
    rattle_A: PositiveFloat
    melt_temperatures_K: PositiveFloats
    melt_ps: PositiveFloat
    heldout_cells: PositiveInt

    @model_validator(mode="after")
    def _cells_are_left_to_train(self) -> "Seeds":
        if self.heldout_cells > self.cells - 2:
            raise ValueError("heldout_cells must leave at least two of the cells: one to train on and one to validate")
        return self


class Exploration(Section):
    cells: Annotated[int, Field(ge=2)]
    atoms: PositiveInt
    temperatures_K: PositiveFloats
    duration_ps: PositiveFloat
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
    max_force_uncertainty_eV_A: PositiveFloat

    @model_validator(mode="after")
    def _frames_are_left_to_train(self) -> "Selection":
        if self.heldout_frames >= self.frames:
            raise ValueError("heldout_frames must be fewer than frames: the others are trained on")
        return self


class Convergence(Section):
    force_rmse_meV_A: PositiveFloat


class Training(Section):
    valid_fraction: Annotated[float, Field(gt=0, lt=1)]
    epochs: PositiveInt
    batch_frames: PositiveInt
    learning_rate: PositiveFloat
    forces_weight: NonNegativeFloat
    energy_weight: NonNegativeFloat
    stress_weight: NonNegativeFloat
    dtype: Dtype


class Model(Section):
    cutoff_A: PositiveFloat
    channels: PositiveInt
    max_L: NonNegativeInt
    max_ell: NonNegativeInt
    correlation: PositiveInt
    interactions: PositiveInt
    radial_basis: PositiveInt
    radial_width: PositiveInt


class Learning(Section):
    protocol: PositiveInt
    generations: NonNegativeInt
    committee: Annotated[int, Field(ge=1)]
    seeds: Seeds
    exploration: Exploration
    selection: Selection
    convergence: Convergence
    training: Training
    model: Model

    @model_validator(mode="after")
    def _committee_spreads(self) -> "Learning":
        if self.generations > 0 and self.committee < 2:
            raise ValueError("committee must be at least 2 when generations is above 0: its spread selects frames")
        return self


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
    equilibrate_nvt_ps: NonNegativeFloat
    duration_ps: PositiveFloat
    frame_interval_fs: PositiveFloat
    velocities: Velocities


class Guards(Section):
    max_temperature_ratio: Annotated[float, Field(gt=1)]
    max_energy_drift_meV_atom_ps: PositiveFloat


class Dynamics(Section):
    protocol: PositiveInt
    dispersion: Literal["none"]
    dtype: Dtype
    timestep_fs: Timestep
    thermostat_time_fs: PositiveFloat
    barostat_time_fs: PositiveFloat
    compressibility_1_GPa: PositiveFloat
    pressure_GPa: float
    quench: Quench
    production: Production
    guards: Guards

    @field_validator("dispersion", mode="before")
    @classmethod
    def _belongs_to_the_labels(cls, dispersion: object) -> object:
        if dispersion != "none":
            raise ValueError(
                "dispersion is learned from the labels and never added in the dynamics, where it would count twice or "
                "belong to no reference; write none here and choose dispersion of the reference"
            )
        return dispersion


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
    frames_per_glass: PositiveInt
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
    frames_per_glass: Annotated[int, Field(ge=20)]
    origins_per_glass: Annotated[int, Field(ge=10)]
    allowed_absences_ps: Annotated[list[NonNegativeFloat], Field(min_length=1)]
    max_lag_fraction: Annotated[float, Field(gt=0, le=0.9)]
    min_class_fraction: Fraction
    cutoff_frames: Annotated[int, Field(ge=5)]


class Motion(Section):
    origins_per_glass: Annotated[int, Field(ge=10)]
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
    q_max_1_A: PositiveFloat
    q_points: Annotated[int, Field(ge=10)]
    q_shells: Annotated[int, Field(ge=2)]
    self_q_1_A: Annotated[list[PositiveFloat], Field(min_length=1)]


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


class Coupling(Section):
    hop_length_A: PositiveFloat
    matching_factor: Annotated[float, Field(gt=1)]


class Arrhenius(Section):
    target_temperature_K: PositiveFloat
    bootstrap_samples: PositiveInt


class Order(Section):
    temperature_K: PositiveFloat
    shuffles: Annotated[int, Field(ge=19)]


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


class Execution(Section):
    """Where and how jobs run; no result depends on it and no job is rerun for it."""

    device: Device
    checkpoint_ps: PositiveFloat
    labelling: Labelling
    quota_GB: PositiveFloat | None
    site: Site
    modules: dict[Literal["workflow", "reference", "learning", "dynamics", "analysis"], list[str]]


# A reference may say which other it is like, and then only in which keys it differs.
References = Annotated[
    dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")], Reference], BeforeValidator(resolve_likeness)
]


class Settings(Section):
    """Everything of config.yaml, checked."""

    tables: Tables
    execution: Execution
    sweep: Sweep
    structures: Structures
    references: References
    labels: Labels
    learning: Learning
    dynamics: Dynamics
    transport: Transport
    structure_analysis: StructureAnalysis
    residence: Residence
    motion: Motion
    pathways: Pathways
    spectra: Spectra
    order: Order
    constraints: Constraints
    coupling: Coupling
    arrhenius: Arrhenius

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
    *("structures", "dynamics", "transport", "structure_analysis"),
    *("residence", "motion", "pathways", "spectra", "constraints", "coupling"),
)
POTENTIAL_SECTIONS = ("labels", "learning", "structures", "dynamics")


class Overrides(Section):
    """overrides.yaml: sparse changes of single compositions and potentials."""

    compositions: dict[str, dict]
    potentials: dict[str, dict]


def load_settings(config: Mapping) -> Settings:
    """Check a whole configuration.

    Args:
        config: the parsed YAML, several files already merged.

    Raises:
        InputError: one sentence per wrong or missing key.
    """
    return _validated(Settings, config, source="config")


def load_overrides(
    path: Path, *, settings: Settings, compositions: Iterable[str], potentials: Iterable[str]
) -> Overrides:
    """Read overrides.yaml and check every entry against the settings that it would change.

    Args:
        path: the file; an empty one overrides nothing.
        settings: what is overridden.
        compositions: known ids.
        potentials: known names.

    Raises:
        InputError: one sentence per unknown id or wrong key.
    """
    overrides = _validated(Overrides, _read_sections(path), source=path.name)
    problems = _unknown(overrides.compositions, set(compositions), "composition", path)
    problems += _unknown(overrides.potentials, set(potentials), "potential", path)
    for kind, allowed in (("compositions", COMPOSITION_SECTIONS), ("potentials", POTENTIAL_SECTIONS)):
        problems += _problems_of_entries(settings, getattr(overrides, kind), allowed, f"{path.name}: {kind}")
    if problems:
        raise InputError(problems)
    return overrides


def overridden(settings: Settings, changes: Mapping | None) -> Settings:
    """The settings with a sparse, nested mapping of changes merged in and checked again."""
    if not changes:
        return settings
    return _validated(Settings, _merged(settings.model_dump(), changes), source="overrides")


def _read_sections(path: Path) -> dict:
    """The mapping of overrides.yaml; a section whose entries are all commented out is empty."""
    try:
        content = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise InputError([f"{path.name}: this is not YAML; correct it: {' '.join(str(error).split())}."]) from None
    content = {} if content is None else content
    if not isinstance(content, Mapping):
        raise InputError([f"{path.name}: it must hold the sections compositions and potentials, not {content!r:.40}."])
    return {"compositions": {}, "potentials": {}} | {
        name: {} if entries is None else entries for name, entries in content.items()
    }


def _merged(base: Mapping, changes: Mapping) -> dict:
    merged = copy.deepcopy(dict(base))
    for key, value in changes.items():
        nested = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merged(merged[key], value) if nested else value
    return merged


def _unknown(entries: Iterable[str], known: set[str], kind: str, path: Path) -> list[str]:
    return [
        f"{path.name}: {kind} '{name}' is not in its table{_suggestion(name, known)}; correct or delete it."
        for name in entries
        if name not in known
    ]


def _problems_of_entries(settings: Settings, entries: Mapping, allowed: tuple[str, ...], source: str) -> list[str]:
    problems = []
    for name, changes in entries.items():
        wrong = sorted(set(changes or {}) - set(allowed))
        problems += [f"{source}: {name}: '{key}' cannot be overridden here; use {', '.join(allowed)}." for key in wrong]
        try:
            _validated(Settings, _merged(settings.model_dump(), changes or {}), source=f"{source}: {name}")
        except InputError as error:
            problems += error.problems
    return problems


def _validated(model: type[Section], content: Mapping, *, source: str) -> Section:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        own = [problem for problem in error.errors() if not _is_inherited(problem["loc"], content)]
        raise InputError([_sentence(problem, model, source) for problem in own]) from None


def _is_inherited(location: tuple, content: Mapping) -> bool:
    """Whether an error in a reference stands in the one that it is like, where it is told, too."""
    if location[:1] != ("references",) or len(location) < 4:
        return False
    written = content["references"][location[1]]
    return "like" in written and location[3] not in written


def _sentence(problem: Mapping, model: type[Section], source: str) -> str:
    location = _keys(problem["loc"])
    key = ".".join(location)
    if problem["type"] == "extra_forbidden":
        known = _fields_at(model, problem["loc"][:-1])
        return f"{source}: unknown key '{key}'{_suggestion(location[-1], known)}; correct or delete it."
    if problem["type"] == "missing":
        return f"{source}: key '{key}' is missing; add it (config/README.md explains it)."
    reason = problem["msg"].removeprefix("Value error, ")
    shown = "" if isinstance(problem["input"], Mapping) else f" = {problem['input']!r:.80}"
    return f"{source}: '{key}'{shown} is not valid: {reason}; correct the value."


def _keys(location: tuple) -> list[str]:
    """The keys of a validation error as they stand in the file, without what pydantic adds of its own.

    It adds the code that tells the models of a reference apart, the branch of a union and a mark at a wrong key.
    """
    parts = [str(part) for part in location]
    if parts[:1] == ["references"]:
        parts = parts[:2] + parts[3:]
    return [part for part in parts if "[" not in part]


def _fields_at(model: type[BaseModel], location: tuple) -> set[str]:
    """Field names of the nested model that a validation error points into."""
    if location[:1] == ("references",):
        models = {get_args(each.model_fields["code"].annotation)[0]: each for each in get_args(get_args(Reference)[0])}
        return set(models[location[2]].model_fields)
    for part in location:
        field = model.model_fields.get(str(part))
        if field is None or not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
            return set()
        model = field.annotation
    return set(model.model_fields)


def _suggestion(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, sorted(known), n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""


def json_schema() -> dict:
    """JSON schema of config.yaml for editors; config/config.schema.json is this, kept in step by a test."""
    schema = Settings.model_json_schema()
    codes = {name: schema["$defs"][name] for name in (each.__name__ for each in get_args(get_args(Reference)[0]))}
    changes = {key: each for code in codes.values() for key, each in code["properties"].items() if key != "code"}
    schema["$defs"]["LikeReference"] = {
        "additionalProperties": False,
        "description": "A reference that is like another but for the keys that stand here.",
        "properties": {"like": {"title": "Like", "type": "string"}, **{key: {} for key in changes}},
        "required": ["like"],
        "title": "LikeReference",
        "type": "object",
    }
    (pattern,) = schema["properties"]["references"]["patternProperties"]
    patterns = schema["properties"]["references"]["patternProperties"]
    patterns[pattern] = {"anyOf": [patterns[pattern], {"$ref": "#/$defs/LikeReference"}]}
    return schema


if __name__ == "__main__":
    print(json.dumps(json_schema(), indent=2))
