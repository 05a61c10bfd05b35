"""What every block of settings has in common, and the numbers that settings hold."""

from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
)

NonNegativeInt = Annotated[int, Field(ge=0)]
NonNegativeFloat = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
PositiveFloats = Annotated[list[PositiveFloat], Field(min_length=1)]
Device = Literal["cpu", "cuda"]
Dtype = Literal["float32", "float64"]


class Section(BaseModel):
    """A block of settings: unknown keys are refused and nothing can be changed after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
