"""How a potential is fine-tuned, and what it replays."""

from dataclasses import dataclass

from saltflow.campaign.added_dispersion import with_functional
from saltflow.campaign.composition_view import without
from saltflow.campaign.potential_core import PotentialCore
from saltflow.campaign.settings import RECIPE_KEYS


@dataclass(frozen=True)
class FineTuningView:
    """Recipe, replayed frames and elements of a potential."""

    potential: PotentialCore

    @property
    def recipe(self) -> str:
        """How it is fine-tuned; one from scratch has nothing to keep: its recipe is naive."""
        return "naive" if self.potential.row.foundation == "none" else self.potential.learning["training"]["recipe"]

    @property
    def settings(self) -> dict:
        """The section `learning.training`, without the keys of other recipes."""
        unread = [key for other, keys in RECIPE_KEYS.items() if other != self.recipe for key in keys]
        structures = self.replay_structures
        read = {"recipe": self.recipe} | ({"replay_structures": structures} if structures else {})
        return without(self.potential.learning["training"], "replay_structures", *unread) | read

    @property
    def replays(self) -> bool:
        """Whether it learns frames of its foundation again, or others that the foundation labels."""
        return self.recipe == "replay"

    @property
    def replay_structures(self) -> dict | None:
        """The structures that a foundation from a file labels, with the functional whose dispersion is added.

        None where it replays nothing, or frames of the potential that it starts from.
        """
        requested = self.potential.learning["training"]["replay_structures"]
        if not (requested and self.replays) or self.potential.parent:
            return None
        return with_functional(requested, self.potential.reference)

    @property
    def replayed_frames(self) -> str | list[str]:
        """What it learns again, if it does: the parent's training frames, or structures that a file labels."""
        if structures := self.replay_structures:
            return structures["path"]
        return self.potential.parent.last_generation.train if self.replays and self.potential.parent else []

    @property
    def foundation_heldout(self) -> str | list[str]:
        """The held-out frames of the parent, which say what was forgotten."""
        return self.potential.parent.last_generation.test if self.potential.parent else []

    @property
    def learned_elements(self) -> list[str]:
        """Elements that the trained model knows, sorted: its own, and those of another potential that it replays."""
        return self.potential.parent.elements if self.replays and self.potential.parent else self.potential.elements

    @property
    def isolated_atoms(self) -> list[str]:
        """The energies of the isolated atoms of the elements that it learns."""
        return [
            f"results/references/{self.potential.row.reference}/{element}.json" for element in self.learned_elements
        ]
