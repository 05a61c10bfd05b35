"""One potential as the rules ask about it: what it starts from, what trains it, how it learns, and its files."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from saltflow.campaign.added_dispersion import with_functional
from saltflow.campaign.composition_view import CompositionView, without
from saltflow.campaign.dispersion_switch import NONE
from saltflow.campaign.generation_files import (
    GenerationFiles,
    NoGeneration,
    released_model,
    released_record,
    training_environments,
)
from saltflow.campaign.potentials_table import PotentialRow
from saltflow.campaign.settings import RECIPE_KEYS
from saltflow.campaign.settings.references import Reference

WINDOW_KEYS = ("frame", "alpha_min", "alpha_max", "msd_min_A2", "max_lag_fraction")


def reference_identity(name: str, reference: Reference) -> dict:
    """Name, dispersion and those settings of a reference that change a label."""
    return {"name": name, "dispersion": reference.dispersion} | reference.identity()


@dataclass(frozen=True)
class PotentialView:
    """A potential with the settings that hold for it; all that it hands to a rule is plain builtins.

    row: of potentials.tsv. sections: the settings, with its overrides merged in.
    reference: that labels its frames. members: the compositions that train it.
    parent: the potential of the table that it starts from, if it does.
    """

    row: PotentialRow
    sections: Mapping[str, Mapping]
    reference: Reference
    members: Sequence[CompositionView]
    parent: Self | None

    @property
    def name(self) -> str:
        """Its name in the table."""
        return self.row.name

    def section(self, name: str) -> dict:
        """A section of the settings as it holds here."""
        return self.sections[name]

    @property
    def learning(self) -> dict:
        """The section `learning`."""
        return self.section("learning")

    # ── what it starts from ────────────────────────────────────────────────────────────────────

    @property
    def foundation(self) -> dict:
        """What it starts from: kind (none, file or potential), and the file's path and hash or the name."""
        if self.parent:
            return {"kind": "potential", "name": self.parent.name}
        if self.row.foundation == "none":
            return {"kind": "none"}
        return {"kind": "file", "path": self.row.foundation, "sha256": self.row.foundation_sha256}

    @property
    def foundation_model(self) -> str | list[str]:
        """The model file that it starts from, if it has one."""
        if self.parent:
            return self.parent.released_model
        return [] if self.row.foundation == "none" else self.row.foundation

    @property
    def foundation_record(self) -> str | list[str]:
        """The record that pins the hash of a foundation trained by this workflow."""
        return self.parent.released_record if self.parent else []

    @cached_property
    def lineage(self) -> list[Self]:
        """This potential, and those that it descends from as long as their labels are of the same reference."""
        found = [self]
        while (before := found[-1].parent) and before.row.reference == self.row.reference:
            found.append(before)
        return found

    @property
    def prescreening_committee(self) -> GenerationFiles | NoGeneration:
        """The parent's committee that says which initial frames it knows, where that is asked for."""
        return self.parent.last_generation if self.prescreening else NoGeneration()

    def zero_shot_committee(self, generation: int) -> GenerationFiles | NoGeneration:
        """The parent's committee, assessed by the first labels on compositions that it was not trained on."""
        requested = generation == 0 and self.zero_shot_compositions
        return self.parent.last_generation if requested else NoGeneration()

    @property
    def forgetting_model(self) -> str | list[str]:
        """The foundation whose crystals are compared, where that is asked for."""
        return self.foundation_model if self.forgetting_check else []

    @property
    def forgetting_record(self) -> str | list[str]:
        """The record of that foundation."""
        return self.foundation_record if self.forgetting_check else []

    @property
    def foundation_heldout(self) -> str | list[str]:
        """The held-out frames of the parent, which say what was forgotten."""
        return self.parent.last_generation.test if self.parent else []

    @property
    def replayed_frames(self) -> str | list[str]:
        """What it learns again, if it does: the parent's training frames, or structures that a file labels."""
        if structures := self.replay_structures:
            return structures["path"]
        return self.parent.last_generation.train if self.replays and self.parent else []

    @property
    def isolated_atoms(self) -> list[str]:
        """The energies of the isolated atoms of the elements that it learns."""
        return [f"results/references/{self.row.reference}/{element}.json" for element in self.learned_elements]

    @property
    def training_potentials(self) -> list[str]:
        """Names of this potential and of those before it, whose frames its domain counts."""
        return [potential.name for potential in self.lineage]

    @property
    def lineage_train(self) -> list[str]:
        """Their training frames."""
        return [potential.last_generation.train for potential in self.lineage]

    # ── what trains it ─────────────────────────────────────────────────────────────────────────

    @property
    def compositions(self) -> Sequence[str]:
        """Ids of the compositions that train it."""
        return self.row.compositions

    @property
    def training_compositions(self) -> list[dict]:
        """Their identities."""
        return [member.identity for member in self.members]

    @cached_property
    def elements(self) -> list[str]:
        """Their elements, sorted."""
        return sorted({symbol for member in self.members for symbol in member.row.amounts})

    @property
    def learned_elements(self) -> list[str]:
        """Elements that the trained model knows, sorted: its own, and those of another potential that it replays."""
        return self.parent.elements if self.replays and self.parent else self.elements

    @property
    def packed_compositions(self) -> list[str]:
        """Compositions that train it and whose cells are packed, where that decides what must diffuse."""
        packed = [member.id for member in self.members if member.row.start == "pack"]
        return packed if self.compares_diffusion else []

    @property
    def zero_shot_compositions(self) -> list[str]:
        """Compositions that train it and did not train the potential that it starts from."""
        return [name for name in self.compositions if name not in self.parent.compositions] if self.parent else []

    # ── references and labels ──────────────────────────────────────────────────────────────────

    @property
    def reference_identity(self) -> dict:
        """Name, dispersion and those settings of its reference that change a label."""
        return reference_identity(self.row.reference, self.reference)

    @property
    def released_reference(self) -> dict:
        """Its reference; `sampled_with` names the dispersion that was added in the dynamics that sampled frames."""
        driving = self.sampling_dynamics if self.learning["generations"] > 0 else self.initial_dynamics
        added = {} if driving["dispersion"] == NONE else {"sampled_with": driving["dispersion"]}
        return self.reference_identity | added

    @property
    def labelling(self) -> dict:
        """Those settings of `labels` that decide what a chunk holds and which labels pass."""
        return without(self.section("labels"), "max_failed_fraction", "imported", "licence")

    @property
    def dataset_facts(self) -> dict:
        """What the card of its labels says of them besides their counts."""
        labels = self.section("labels")
        return {
            "licence": labels["licence"],
            "foundation": self.foundation,
            "elements": self.elements,
            "reference": self.reference_identity,
            "imported": labels["imported"],
        }

    def imported(self, generation: int) -> list[dict]:
        """The labelled sets from elsewhere that join a generation: all of them the first."""
        return self.section("labels")["imported"] if generation == 0 else []

    @property
    def has_reference_md(self) -> bool:
        """Whether a set from elsewhere is declared to be molecular dynamics by the reference."""
        return any("md_temperature_K" in each for each in self.imported(0))

    # ── how it samples ─────────────────────────────────────────────────────────────────────────

    @property
    def sampling_dynamics(self) -> dict:
        """Those settings of `dynamics` that drive the sampling of frames."""
        dynamics = with_functional(self.section("dynamics"), self.reference)
        return without(dynamics, "quench", "production", "stop_criteria", "protocol")

    @property
    def initial_dynamics(self) -> dict:
        """Those that drive the initial structures; a potential without a foundation melts none."""
        none = self.row.foundation == "none"
        return self.sampling_dynamics | ({"dispersion": NONE} if none else {})

    @property
    def sampling_cells(self) -> dict:
        """Those settings of `cells` that pack the small cells of the sampling; their size is `learning`'s."""
        return without(self.section("cells"), "atoms", "protocol")

    @property
    def prescreening(self) -> dict | None:
        """The section `learning.selection`, by which initial frames that the parent's committee knows are not labelled.

        None where all are: there is no committee that can disagree, or it is not asked for.
        """
        requested = self.learning["initial_structures"]["prescreen"] and self.parent
        return self.learning["selection"] if requested and len(self.parent.committee) > 1 else None

    @property
    def window_settings(self) -> dict[str, dict]:
        """Composition that trains it → its settings of the diffusive window."""
        sections = {member.id: member.section("transport") for member in self.members}
        return {name: {key: section[key] for key in WINDOW_KEYS} for name, section in sections.items()}

    # ── how it learns ──────────────────────────────────────────────────────────────────────────

    @property
    def convergence(self) -> dict:
        """The section `learning.convergence`, less what it does not ask for."""
        return {name: limit for name, limit in self.learning["convergence"].items() if limit is not None}

    @property
    def compares_diffusion(self) -> bool:
        """Whether it has converged only when D in two explorations agrees."""
        return "diffusion" in self.convergence

    @property
    def forgetting_check(self) -> dict | None:
        """The section `learning.forgetting_check`; None where there is no foundation or no crystal to compare."""
        section = self.learning["forgetting_check"]
        return section if section["crystals"] and self.row.foundation != "none" else None

    @property
    def recipe(self) -> str:
        """How it is fine-tuned; one from scratch has nothing to keep: its recipe is naive."""
        return "naive" if self.row.foundation == "none" else self.learning["training"]["recipe"]

    @property
    def training(self) -> dict:
        """The section `learning.training`, without the keys of other recipes."""
        unread = [key for other, keys in RECIPE_KEYS.items() if other != self.recipe for key in keys]
        structures = self.replay_structures
        read = {"recipe": self.recipe} | ({"replay_structures": structures} if structures else {})
        return without(self.learning["training"], "replay_structures", *unread) | read

    @property
    def replays(self) -> bool:
        """Whether it learns frames of its foundation again, or others that the foundation labels."""
        return self.recipe == "replay"

    @property
    def replay_structures(self) -> dict | None:
        """The structures that a foundation from a file labels, with the functional whose dispersion is added.

        None where it replays nothing, or frames of the potential that it starts from.
        """
        requested = self.learning["training"]["replay_structures"]
        if not (requested and self.replays) or self.parent:
            return None
        return with_functional(requested, self.reference)

    # ── leave-one-composition-out validation ───────────────────────────────────────────────────

    @property
    def loco_compositions(self) -> list[str]:
        """Compositions that are left out of a further training, one after the other."""
        requested = dict.fromkeys(self.learning["loco_compositions"])
        return [name for name in requested if name in self.compositions and len(self.compositions) > 1]

    @property
    def seen_by_ancestors(self) -> dict[str, list[str]]:
        """Composition that is left out → the earlier potentials that it trained, whose weights still know it."""
        return {
            name: [before.name for before in self.lineage[1:] if name in before.compositions]
            for name in self.loco_compositions
        }

    # ── generations and their files ────────────────────────────────────────────────────────────

    @property
    def generations(self) -> list[int]:
        """All generations that it may go through."""
        return list(range(self.learning["generations"] + 1))

    @property
    def committee(self) -> list[int]:
        """Numbers of the models of its committee, from 1."""
        return list(range(1, self.learning["committee"] + 1))

    def frames_to_label(self, generation: int) -> int:
        """The most frames that a generation can ask labels for."""
        initial = self.learning["initial_structures"]
        proposed = initial["cells"] * initial["frames_per_cell"] + initial["repulsion_frames"]
        each = proposed if generation == 0 else self.learning["selection"]["frames"]
        return each * len(self.compositions)

    def heldout_frames(self, generation: int) -> int:
        """How many of the most frames of a generation are never trained on."""
        initial, selection = self.learning["initial_structures"], self.learning["selection"]
        first = initial["heldout_cells"] * initial["frames_per_cell"]
        return (first if generation == 0 else selection["heldout_frames"]) * len(self.compositions)

    def chunks(self, generation: int) -> list[int]:
        """Numbers of the labelling jobs of a generation: enough for the most frames that it can ask for."""
        return list(range(math.ceil(self.frames_to_label(generation) / self.section("labels")["chunk_frames"])))

    def generation(self, number: int) -> GenerationFiles | NoGeneration:
        """The files of a generation; none before the first."""
        if number < 0:
            return NoGeneration()
        return GenerationFiles(self.name, number, self.committee, self.chunks(number))

    @property
    def loco_models(self) -> list[str]:
        """Models of the committees without each composition that is left out."""
        return self.last_generation.loco_models(self.loco_compositions)

    @property
    def loco_checks(self) -> list[str]:
        """Train checks of the committees of `loco_compositions`."""
        return self.last_generation.loco_checks(self.loco_compositions)

    @property
    def last_generation(self) -> GenerationFiles:
        """The files of the last generation: it holds the labels and the models of those before."""
        return self.generation(self.generations[-1])

    @property
    def assessments(self) -> list[str]:
        """The assessments of every generation."""
        return [self.generation(number).assessment for number in self.generations]

    @property
    def ledgers(self) -> list[str]:
        """The ledgers of every generation."""
        return [self.generation(number).ledger for number in self.generations]

    @property
    def released_model(self) -> str:
        """The model that drives the dynamics."""
        return released_model(self.name)

    @property
    def released_record(self) -> str:
        """What pins its hash and says from which generation it is."""
        return released_record(self.name)

    @property
    def training_environments(self) -> str:
        """Its training environments and in-domain thresholds."""
        return training_environments(self.name)
