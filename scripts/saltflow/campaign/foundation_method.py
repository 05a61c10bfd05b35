"""What stands in the place of a reference where a foundation drives molecular dynamics as it is, zero-shot."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Self

from saltflow.campaign.dispersion_switch import NONE
from saltflow.campaign.potentials_table import PotentialRow
from saltflow.campaign.settings.references import UniversalReference

UNKNOWN = "unknown"


@dataclass(frozen=True)
class FoundationMethod:
    """What a foundation learned from, as far as it is known.

    foundation: name of the universal potential, or of its file without suffix. sha256: of the file, or of the weights.
    functional: None where it is not known.
    dispersion: in its training data: none, the name of the correction, or unknown.
    universal: settings of a universal potential; None for a file.
    """

    foundation: str
    sha256: str
    functional: str | None
    dispersion: str
    universal: UniversalReference | None = None

    @classmethod
    def of(cls, row: PotentialRow, known: Mapping) -> Self:
        """The method of a row of potentials.tsv; known: the section `learning.foundation_method`."""
        functional = known["functional"]
        dispersion = known["dispersion"] if functional else UNKNOWN
        return cls(PurePath(row.foundation).stem, row.foundation_sha256, functional, dispersion)

    @classmethod
    def of_universal(cls, name: str, reference: UniversalReference) -> Self:
        """The method of a universal potential."""
        return cls(name, reference.sha256 or "", reference.functional, reference.dispersion, reference)

    @property
    def name(self) -> str:
        """Such as "zero-shot mace-mpa-0-medium (PBE)", for tables."""
        correction = "" if self.dispersion == NONE else f" + {self.dispersion}"
        return f"zero-shot {self.foundation}" + (f" ({self.functional}{correction})" if self.functional else "")

    def identity(self) -> dict:
        """What it is; the functional where it is known, and what changes the energies of a universal potential."""
        functional = {"functional": self.functional} if self.functional else {}
        universal = {"universal": self.universal.driving_identity()} if self.universal else {}
        return {"foundation": self.foundation, "sha256": self.sha256} | functional | universal
