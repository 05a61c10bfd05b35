"""One crystal, or one host, as the rules of its study ask about it."""

from dataclasses import dataclass

from saltflow.campaign.crystals_table import CrystalRow
from saltflow.campaign.hosts_table import HostRow
from saltflow.campaign.potential_view import PotentialView
from saltflow.campaign.settings.references import UniversalReference


@dataclass(frozen=True)
class CrystalView:
    """A crystal; all that it hands to a rule is plain builtins.

    row: of the table. batch: number of the submission that it shares.
    release: the potential of potentials.tsv that drives it; None for a file or a universal potential.
    universal: the universal potential that drives it; None for a model file.
    """

    row: CrystalRow
    batch: int
    release: PotentialView | None
    universal: UniversalReference | None

    @property
    def identity(self) -> dict:
        """What changes its results, besides its files and options."""
        return {"mobile_ion": self.row.mobile_ion, "potential": self.row.potential}

    @property
    def driver(self) -> dict:
        """Its potential, with the precision and the dispersion of one of potentials.tsv."""
        dynamics = self.release.sampling.dynamics if self.release else {}
        kept = {key: dynamics[key] for key in ("dtype", "dispersion") if key in dynamics}
        return {"name": self.row.potential, "dynamics": kept and kept | {"dtype": "float64"}}

    @property
    def structure_file(self) -> str:
        """Its structure."""
        return self.row.file

    @property
    def model(self) -> str | list[str]:
        """The model file, which is there for all but a universal potential that the table of crystals names."""
        if self.release:
            return self.release.released_model
        return [] if self.universal else self.row.potential

    @property
    def release_record(self) -> str | list[str]:
        """What pins the hash of the model."""
        if self.release:
            return self.release.released_record
        return [] if self.universal else self.row.potential.rpartition(".")[0] + ".json"


@dataclass(frozen=True)
class ElectrodeView(CrystalView):
    """A host whose electrode is computed."""

    row: HostRow

    @property
    def options(self) -> dict:
        """Of `saltflow electrode`."""
        return self.row.options.model_dump(mode="json")
