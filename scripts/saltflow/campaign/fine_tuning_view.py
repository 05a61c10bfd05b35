"""How a potential is fine-tuned, and what it replays."""

from dataclasses import dataclass

from saltflow.campaign.added_dispersion import has_dispersion, with_functional
from saltflow.campaign.composition_view import without
from saltflow.campaign.dispersion_switch import NONE
from saltflow.campaign.potential_core import PotentialCore
from saltflow.campaign.settings import RECIPE_KEYS


@dataclass(frozen=True)
class FineTuningView:
    """Recipe, replayed frames and elements of a potential."""

    potential: PotentialCore

    @property
    def recipe(self) -> str:
        """How it is fine-tuned; one from scratch has nothing to keep: its recipe is naive."""
        return "naive" if self.potential.row.begins_anew else self.potential.learning["training"]["recipe"]

    @property
    def settings(self) -> dict:
        """The section `learning.training`, without the keys of other recipes."""
        unread = [key for other, keys in RECIPE_KEYS.items() if other != self.recipe for key in keys]
        structures = self.replay_structures
        read = {"recipe": self.recipe} | ({"replay_structures": structures} if structures else {})
        read |= {"relabelled_dispersion": self.relabelled_dispersion} if self.relabels else {}
        return without(self.potential.learning["training"], "replay_structures", *unread) | read

    @property
    def replays(self) -> bool:
        """Whether it learns frames of its foundation again, or others that the foundation labels."""
        return self.recipe == "replay" and self.potential.is_trained

    @property
    def replay_structures(self) -> dict | None:
        """The structures that a foundation labels, with the functional whose dispersion is added.

        The foundation is a file, or learned from another reference. None where it replays nothing, or frames of the
        potential that it starts from.
        """
        requested = self.potential.learning["training"]["replay_structures"]
        if not (requested and self.replays) or self.potential.parent_of_same_labels:
            return None
        return with_functional(requested, self.potential.reference)

    @property
    def relabels(self) -> bool:
        """Whether it replays frames of a parent whose reference is another one: the parent labels them anew."""
        parent = self.potential.parent
        return bool(self.replays and parent and not self.potential.parent_of_same_labels and not self.replay_structures)

    @property
    def relabelled_dispersion(self) -> str:
        """What the labels hold and those of the parent lack, as `with_functional` names it; none where nothing is."""
        own, before = self.potential.reference, self.potential.parent.reference
        lacked = before.dispersion == NONE and has_dispersion(own, own.dispersion)
        return with_functional({"dispersion": own.dispersion if lacked else NONE}, own)["dispersion"]

    @property
    def replayed_frames(self) -> str | list[str]:
        """What it learns again, if it does: the parent's training frames, or structures that a foundation labels."""
        if structures := self.replay_structures:
            return structures["path"]
        return self.potential.parent.last_generation.train if self.replays and self.potential.parent else []

    @property
    def foundation_heldout(self) -> str | list[str]:
        """The held-out frames of the parent, which say what was forgotten.

        None where another reference labelled them and the parent does not label them anew.
        """
        comparable = self.potential.parent_of_same_labels or self.relabels
        return self.potential.parent.last_generation.test if comparable else []

    @property
    def learned_elements(self) -> list[str]:
        """Elements that the trained model knows, sorted: its own, and those of another potential that it replays."""
        parent = self.potential.parent_of_same_labels
        return parent.elements if self.replays and parent else self.potential.elements

    @property
    def isolated_atoms(self) -> list[str]:
        """The energies of the isolated atoms of the elements that it learns."""
        return [
            f"results/references/{self.potential.row.reference}/{element}.json" for element in self.learned_elements
        ]
