"""Settings of the reference methods: what a label is computed with. The values live in config.yaml."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveFloat, PositiveInt

from saltflow.provenance import digest

# Where and how long a code runs; none of these changes the energy of a frame that succeeds.
OPERATIONAL = frozenset(
    {"command", "data_path", "frame_timeout_s", "max_scf", "max_iterations", "net_force_limit_eV_A"}
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


class Cp2kReference(_ReferenceSettings):
    """Density-functional theory with CP2K: Gaussians and plane waves, GTH potentials, Γ point."""

    code: Literal["cp2k"]
    command: str = Field(min_length=1)
    data_path: str | None
    functional: Literal["PBE"]
    dispersion: Literal["none", "D3(BJ)"]
    basis: str = Field(min_length=1)
    basis_files: tuple[str, ...] = Field(min_length=1)
    potential: str = Field(min_length=1)
    potential_file: str = Field(min_length=1)
    cutoff_Ry: PositiveFloat
    relative_cutoff_Ry: PositiveFloat
    xc_smoothing: Literal["none", "NN10"]
    scf_tolerance: PositiveFloat
    max_scf: PositiveInt
    smearing_temperature_K: PositiveFloat | None
    unpaired_electrons: dict[str, NonNegativeInt]
    isolated_atom_box_A: PositiveFloat
    net_force_limit_eV_A: PositiveFloat
    frame_timeout_s: PositiveFloat


Reference = Annotated[TbliteReference | Cp2kReference, Field(discriminator="code")]
