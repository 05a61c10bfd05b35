"""Settings of the reference methods: what a label is computed with. Values: config/references/*.yaml."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from ase.data import atomic_numbers, chemical_symbols
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    TypeAdapter,
    field_validator,
    model_validator,
)

from saltflow.base.errors import InputError
from saltflow.base.provenance import digest

# Where and how long a code runs, and what is said of it; none of these changes the energy of a frame that succeeds.
OPERATIONAL = frozenset(
    {
        "command",
        "data_path",
        "potcar_path",
        "pseudopotential_path",
        "python",
        "weights",
        "device",
        "elements",
        "licence",
        "citation",
        "frame_timeout_s",
        "max_scf",
        "max_iterations",
        "net_force_limit_eV_A",
    }
)


class _ReferenceSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def identity(self) -> dict:
        """The settings that change a label, as builtins: what invalidates labels when it changes."""
        return self.model_dump(mode="json", exclude=set(OPERATIONAL))

    def digest(self) -> str:
        """Sixteen hexadecimal digits of `identity`; recorded with every label."""
        return digest(self.identity())


class TbliteReference(_ReferenceSettings):
    """Semi-empirical tight binding, embedded: the one reference that needs no other program."""

    code: Literal["tblite"]
    method: Literal["GFN1-xTB", "GFN2-xTB"]
    accuracy: PositiveFloat
    electronic_temperature_K: PositiveFloat
    max_iterations: PositiveInt
    frame_timeout_s: PositiveFloat

    @property
    def dispersion(self) -> str:
        """The dispersion correction that is part of the method and cannot be switched off."""
        return {"GFN1-xTB": "D3(BJ)", "GFN2-xTB": "D4"}[self.method]


class DensityFunctionalReference(_ReferenceSettings):
    """What every density-functional code is told; each adds its own keys."""

    dispersion: Literal["none", "D3(BJ)"]
    kpoint_spacing_per_A: PositiveFloat
    max_scf: PositiveInt
    smearing_temperature_K: PositiveFloat | None
    unpaired_electrons: dict[str, NonNegativeInt]
    isolated_atom_box_A: PositiveFloat
    net_force_limit_eV_A: PositiveFloat
    frame_timeout_s: PositiveFloat


class Potential(BaseModel):
    """A family of pseudopotentials and the file of CP2K's data folder that holds it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    potential: str = Field(min_length=1)
    potential_file: str = Field(min_length=1)


class Cp2kReference(DensityFunctionalReference):
    """CP2K: Gaussians and plane waves, GTH potentials."""

    code: Literal["cp2k"]
    command: str = Field(min_length=1)
    data_path: str | None
    functional: Literal["PBE", "r2SCAN"]
    basis: str = Field(min_length=1)
    basis_files: tuple[str, ...] = Field(min_length=1)
    potential: str = Field(min_length=1)
    potential_file: str = Field(min_length=1)
    potential_of: dict[str, Potential]
    cutoff_Ry: PositiveFloat
    relative_cutoff_Ry: PositiveFloat
    xc_smoothing: Literal["none", "NN10"]
    scf_tolerance: PositiveFloat

    def potential_for(self, element: str) -> Potential:
        """The family of an element's pseudopotential: its own where it has one."""
        return self.potential_of.get(element, Potential(potential=self.potential, potential_file=self.potential_file))


class QuantumEspressoReference(DensityFunctionalReference):
    """Quantum ESPRESSO's pw.x: plane waves and pseudopotentials from UPF files."""

    code: Literal["quantum-espresso"]
    command: str = Field(min_length=1)
    pseudopotential_path: str = Field(min_length=1)
    pseudopotentials: str = Field(min_length=1)
    pseudopotential_files: dict[str, str]
    functional: Literal["PBE"]
    cutoff_Ry: PositiveFloat
    density_cutoff_Ry: PositiveFloat
    scf_tolerance_Ry_per_atom: PositiveFloat


class GpawReference(DensityFunctionalReference):
    """GPAW: plane waves and projector-augmented waves, inside the job's own Python."""

    code: Literal["gpaw"]
    data_path: str | None
    generated_datasets: dict[str, PositiveInt]
    functional: Literal["PBE", "r2SCAN"]
    cutoff_eV: PositiveFloat
    density_tolerance: PositiveFloat


# What a label itself decides; anything else of the INCAR is the user's.
_DECIDED_BY_KEYS = {
    "GGA": "functional",
    "METAGGA": "functional",
    "IVDW": "dispersion",
    "LUSE_VDW": "dispersion",
    "KSPACING": "kpoint_spacing_per_A",
    "NELM": "max_scf",
    "ISMEAR": "smearing_temperature_K",
    "SIGMA": "smearing_temperature_K",
    "NUPDOWN": "unpaired_electrons",
}
_SINGLE_POINT = frozenset({"NSW", "IBRION", "ISIF", "ISTART", "ICHARG", "LWAVE", "POTIM", "NFREE"})


class VaspReference(DensityFunctionalReference):
    """The user's own VASP: inputs by pymatgen's input sets, POTCARs from the user's licensed library."""

    code: Literal["vasp"]
    command: str = Field(min_length=1)
    potcar_path: str | None
    potcar_family: str = Field(min_length=1)
    potcars: dict[str, str]
    input_set: Literal["MatPESStaticSet", "MPStaticSet", "MPScanStaticSet"]
    functional: Literal["PBE", "r2SCAN"]
    incar: dict[str, bool | int | float | str]

    @model_validator(mode="after")
    def _set_has_the_functional(self) -> "VaspReference":
        only = {"MPStaticSet": "PBE", "MPScanStaticSet": "r2SCAN"}.get(self.input_set, self.functional)
        if only != self.functional:
            raise ValueError(f"input_set {self.input_set} is for {only}; MatPESStaticSet has both functionals")
        return self

    @field_validator("incar")
    @classmethod
    def _additions_leave_the_label_alone(cls, incar: dict) -> dict:
        found = {key.upper(): value for key, value in incar.items()}
        if len(found) < len(incar):
            raise ValueError("incar holds a key twice")
        if float(found.get("PSTRESS", 0)) != 0:
            raise ValueError("PSTRESS must be 0: it adds an energy and a stress that are no label's")
        if found.get("ISYM", 0) not in (0, -1):
            raise ValueError("ISYM must be 0 or -1: forces on a disordered cell have no symmetry")
        for key, ours in _DECIDED_BY_KEYS.items():
            if key in found:
                raise ValueError(f"{key} follows from {ours}; change that key")
        if wrong := sorted(_SINGLE_POINT & found.keys()):
            raise ValueError(f"{', '.join(wrong)} is what makes a run a single point; leave it out")
        return found


WEIGHTS = "{weights}"  # in an argument of a calculator: the path of its weights


class UniversalReference(_ReferenceSettings):
    """A universal potential, or any other ASE calculator, as teacher."""

    code: Literal["universal"]
    method: str = Field(min_length=1)
    functional: Literal["PBE", "r2SCAN"] | None
    dispersion: Literal["none", "D3(BJ)"]
    elements: Annotated[list[str], Field(min_length=1)]
    licence: str = Field(min_length=1)
    citation: str = Field(min_length=1)
    package: str = Field(min_length=1)
    version: str = Field(min_length=1)
    calculator: str = Field(pattern=r"^\w+(\.\w+)+$")
    arguments: dict[str, bool | int | float | str]
    weights: str | None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None
    atomic_energies: Literal["own", "fitted"] | dict[str, float]
    device: Literal["cpu", "cuda"]
    device_argument: str | None
    python: str | None
    frame_timeout_s: PositiveFloat

    @field_validator("elements")
    @classmethod
    def _elements_exist(cls, ranges: list[str]) -> list[str]:
        expand_elements(ranges)
        return ranges

    @model_validator(mode="after")
    def _weights_are_pinned(self) -> "UniversalReference":
        if (self.weights is None) != (self.sha256 is None):
            raise ValueError("weights and sha256 belong together: give both, or null for both")
        if (self.weights is None) == (WEIGHTS in self.arguments.values()):
            raise ValueError(f'the weights that are checked are those that are loaded: give "{WEIGHTS}" to an argument')
        return self

    @model_validator(mode="after")
    def _device_is_taken(self) -> "UniversalReference":
        if self.device == "cuda" and self.device_argument is None:
            raise ValueError(f"{self.calculator} runs on CPUs only (device_argument null); write device: cpu")
        return self

    @model_validator(mode="after")
    def _atomic_energies_are_complete(self) -> "UniversalReference":
        known = self.atomic_energies
        if not isinstance(known, str) and (missing := sorted(expand_elements(self.elements) - known.keys())):
            raise ValueError(f"atomic_energies lacks {', '.join(missing)} of elements; add it, or write fitted")
        return self

    def identity(self) -> dict:
        """The settings that change a label or an E0; of given E0s only a digest."""
        found = super().identity()
        given = found["atomic_energies"]
        return found | {"atomic_energies": given if isinstance(given, str) else f"given ({digest(given)})"}

    def driving_identity(self) -> dict:
        """The settings that change a force, as builtins: what invalidates dynamics that it drives."""
        return {key: value for key, value in self.identity().items() if key != "atomic_energies"}

    def lacks(self, elements: Iterable[str]) -> list[str]:
        """Those elements that the potential has not learned, sorted."""
        return sorted(set(elements) - expand_elements(self.elements))


def expand_elements(ranges: Iterable[str]) -> set[str]:
    """Elements of ranges such as H-Bi, which follow the periodic table.

    Raises:
        ValueError: a name is not that of an element.
    """
    found: set[str] = set()
    for each in ranges:
        first, _, last = each.partition("-")
        try:
            numbers = range(atomic_numbers[first], atomic_numbers[last or first] + 1)
        except KeyError as error:
            raise ValueError(f"{error} in '{each}' is not an element; write elements or ranges such as H-Bi") from None
        found |= {chemical_symbols[number] for number in numbers}
    return found


Reference = Annotated[
    TbliteReference | Cp2kReference | QuantumEspressoReference | GpawReference | VaspReference | UniversalReference,
    Field(discriminator="code"),
]


def resolve_likeness(references: Mapping[str, Mapping]) -> dict[str, Mapping]:
    """Fill in the references that are `like` another one and name only the keys that differ.

    Raises:
        ValueError: a reference is like one that is not there, or that is itself like another.
    """
    if not isinstance(references, Mapping):
        raise ValueError("names of reference methods are wanted, each with its settings")
    return {name: _completed(name, references) for name in references}


def _completed(name: str, references: Mapping[str, Mapping]) -> Mapping:
    settings = references[name]
    if not isinstance(settings, Mapping) or "like" not in settings:
        return settings
    like = settings["like"]
    whole = references.get(like) if isinstance(like, str) else None
    if not isinstance(whole, Mapping) or "like" in whole:
        written = ", ".join(key for key, each in references.items() if isinstance(each, Mapping) and "like" not in each)
        raise ValueError(
            f"reference '{name}' is like '{like}', which is not a reference with all its keys; name one of {written}"
        )
    return {**whole, **{key: value for key, value in settings.items() if key != "like"}}


def read_reference(references: Mapping[str, Mapping], name: str) -> Reference:
    """One reference of the section `references` of a checked configuration.

    Raises:
        InputError: there is none of that name.
    """
    if name not in references:
        raise InputError([f"'{name}' is not a reference; name one of {', '.join(references)}."])
    return TypeAdapter(Reference).validate_python(_completed(name, references))
