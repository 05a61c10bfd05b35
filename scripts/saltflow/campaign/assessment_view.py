"""What the assessments of a potential compare, and when it has converged."""

from dataclasses import dataclass

from saltflow.campaign.generation_files import GenerationFiles, NoGeneration
from saltflow.campaign.potential_core import PotentialCore


@dataclass(frozen=True)
class AssessmentView:
    """Convergence, zero-shot errors and the catastrophic-forgetting check of a potential."""

    potential: PotentialCore

    @property
    def convergence(self) -> dict:
        """The section `learning.convergence`, without the criteria that are null."""
        return {name: limit for name, limit in self.potential.learning["convergence"].items() if limit is not None}

    @property
    def compares_diffusion(self) -> bool:
        """Whether it has converged only when D in two explorations agrees."""
        return "diffusion" in self.convergence

    @property
    def packed_compositions(self) -> list[str]:
        """Compositions that train it and whose cells are packed, where that decides what must diffuse."""
        packed = [member.id for member in self.potential.members if member.row.start == "pack"]
        return packed if self.compares_diffusion else []

    @property
    def zero_shot_compositions(self) -> list[str]:
        """Compositions that train it and did not train the potential that it starts from, or not by its reference."""
        parent = self.potential.parent
        known = self.potential.parent_of_same_labels
        learned = known.compositions if known else ()
        return [name for name in self.potential.compositions if name not in learned] if parent else []

    def zero_shot_committee(self, generation: int) -> GenerationFiles | NoGeneration:
        """The parent's committee, assessed by the first labels on those compositions."""
        requested = generation == 0 and self.zero_shot_compositions
        return self.potential.parent.last_generation if requested else NoGeneration()

    @property
    def forgetting_check(self) -> dict | None:
        """The section `learning.forgetting_check`; None where there is no foundation or no crystal to compare."""
        section = self.potential.learning["forgetting_check"]
        has_foundation = self.potential.is_trained and not self.potential.row.begins_anew
        return section if section["crystals"] and has_foundation else None

    @property
    def forgetting_model(self) -> str | list[str]:
        """The foundation whose crystals are compared, where that is asked for."""
        return self.potential.foundation_model if self.forgetting_check else []

    @property
    def forgetting_record(self) -> str | list[str]:
        """The record of that foundation."""
        return self.potential.foundation_record if self.forgetting_check else []
