"""How a potential samples frames."""

from dataclasses import dataclass

from saltflow.campaign.added_dispersion import with_functional
from saltflow.campaign.composition_view import WINDOW_KEYS, without
from saltflow.campaign.dispersion_switch import NONE
from saltflow.campaign.generation_files import GenerationFiles, NoGeneration
from saltflow.campaign.potential_core import PotentialCore


@dataclass(frozen=True)
class SamplingView:
    """Dynamics, cells and prescreening of a potential."""

    potential: PotentialCore

    @property
    def dynamics(self) -> dict:
        """Those settings of `dynamics` that drive the sampling of frames."""
        dynamics = with_functional(self.potential.section("dynamics"), self.potential.reference)
        return without(dynamics, "quench", "production", "stop_criteria", "protocol")

    @property
    def initial_dynamics(self) -> dict:
        """Those that drive the initial structures; a potential without a foundation melts none."""
        none = self.potential.row.foundation == "none"
        return self.dynamics | ({"dispersion": NONE} if none else {})

    @property
    def cells(self) -> dict:
        """Those settings of `cells` that pack the small cells of the sampling; their size is `learning`'s."""
        return without(self.potential.section("cells"), "atoms", "protocol")

    @property
    def windows(self) -> dict[str, dict]:
        """Composition that trains it → its settings of the diffusive window."""
        sections = {member.id: member.section("transport") for member in self.potential.members}
        return {name: {key: section[key] for key in WINDOW_KEYS} for name, section in sections.items()}

    @property
    def prescreening(self) -> dict | None:
        """The section `learning.selection`, by which initial frames that the parent's committee knows are not labelled.

        None where all are: there is no committee that can disagree, it is not asked for, or the parent learned from
        another reference, so that it knows no frame as this one labels it.
        """
        parent = self.potential.parent_of_same_labels
        requested = self.potential.learning["initial_structures"]["prescreen"] and parent
        return self.potential.learning["selection"] if requested and len(parent.committee) > 1 else None

    @property
    def prescreening_committee(self) -> GenerationFiles | NoGeneration:
        """The parent's committee that says which initial frames it knows, where that is asked for."""
        return self.potential.parent.last_generation if self.prescreening else NoGeneration()

    @property
    def released_reference(self) -> dict:
        """Its reference, or what is known of its foundation.

        `sampled_with` names the dispersion that was added in the dynamics that sampled frames.
        """
        if not self.potential.is_trained:
            return self.potential.reference_identity
        driving = self.dynamics if self.potential.learning["generations"] > 0 else self.initial_dynamics
        added = {} if driving["dispersion"] == NONE else {"sampled_with": driving["dispersion"]}
        return self.potential.reference_identity | added
