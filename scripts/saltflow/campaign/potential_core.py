"""One potential: what it starts from, what trains it, its labels, its generations and their files."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from saltflow.campaign.composition_view import CompositionView, without
from saltflow.campaign.foundation_method import FoundationMethod
from saltflow.campaign.generation_files import (
    GenerationFiles,
    NoGeneration,
    released_model,
    released_record,
    training_environments,
)
from saltflow.campaign.potentials_table import PotentialRow
from saltflow.campaign.settings.references import Reference, UniversalReference


def reference_identity(name: str, reference: Reference) -> dict:
    """Name, dispersion and those settings of a reference that change a label."""
    return {"name": name, "dispersion": reference.dispersion} | reference.identity()


@dataclass(frozen=True)
class PotentialCore:
    """A potential with the settings that hold for it; all that it hands to a rule is plain builtins.

    row: of potentials.tsv. sections: the settings, with its overrides merged in.
    reference: that labels its frames, or what is known of a foundation that is used as it is.
    members: the compositions that train it, or that the foundation drives.
    parent: the potential of the table that it starts from, if it does; its reference may be another one.
    universal: the universal potential that melts its first cells or drives all, if one does.
    """

    row: PotentialRow
    sections: Mapping[str, Mapping]
    reference: Reference | FoundationMethod
    members: Sequence[CompositionView]
    parent: Self | None
    universal: UniversalReference | None = None

    @property
    def name(self) -> str:
        """Its name in the table."""
        return self.row.name

    @property
    def is_trained(self) -> bool:
        """Whether it learns from labels; otherwise its foundation drives molecular dynamics as it is, zero-shot."""
        return self.row.is_trained

    def section(self, name: str) -> dict:
        """A section of the settings as it holds here."""
        return self.sections[name]

    @property
    def learning(self) -> dict:
        """The section `learning`."""
        return self.section("learning")

    # ── what it starts from ──────────────────────────────────────────────────────────────────

    @property
    def foundation(self) -> dict:
        """What it starts from: kind (none, file, potential or universal), and the file's path and hash or the name."""
        if self.parent:
            return {"kind": "potential", "name": self.parent.name}
        if self.row.foundation == "none":
            return {"kind": "none"}
        if self.row.is_universal:
            return {"kind": "universal", "name": self.row.foundation, "settings": self.universal.driving_identity()}
        return {"kind": "file", "path": self.row.foundation, "sha256": self.row.foundation_sha256}

    @property
    def foundation_model(self) -> str | list[str]:
        """The model file that it starts from, if it has one."""
        if self.parent:
            return self.parent.released_model
        return [] if self.row.begins_anew else self.row.foundation

    @property
    def foundation_record(self) -> str | list[str]:
        """The record that pins the hash of a foundation trained by this workflow."""
        return self.parent.released_record if self.parent else []

    @property
    def parent_of_same_labels(self) -> Self | None:
        """The parent whose labels are of the same reference: only its frames are learned again or judged as they are.

        None where it is another one, as the teacher of a distilled potential that is fine-tuned to DFT.
        """
        return self.parent if self.parent and self.parent.row.reference == self.row.reference else None

    @property
    def ancestors(self) -> list[Self]:
        """Those that it descends from, whatever labelled their frames."""
        return [self.parent, *self.parent.ancestors] if self.parent else []

    @cached_property
    def lineage(self) -> list[Self]:
        """This potential, and those that it descends from as long as their labels are of the same reference."""
        found = [self]
        while before := found[-1].parent_of_same_labels:
            found.append(before)
        return found

    @property
    def training_potentials(self) -> list[str]:
        """Names of this potential and of those before it, whose frames its domain counts."""
        return [potential.name for potential in self.lineage]

    @property
    def lineage_train(self) -> list[str]:
        """Their training frames."""
        return [potential.last_generation.train for potential in self.lineage]

    # ── what trains it ───────────────────────────────────────────────────────────────────────

    @property
    def compositions(self) -> Sequence[str]:
        """Ids of the compositions that train it."""
        return self.row.compositions if self.is_trained else ()

    @property
    def training_compositions(self) -> list[dict]:
        """Their identities."""
        return [member.identity for member in self.members]

    @cached_property
    def elements(self) -> list[str]:
        """Their elements, sorted."""
        return sorted({symbol for member in self.members for symbol in member.row.amounts})

    # ── references and labels ────────────────────────────────────────────────────────────────

    @property
    def reference_identity(self) -> dict:
        """Name, dispersion and those settings of its reference that change a label."""
        return reference_identity(self.row.reference or self.reference.name, self.reference)

    @property
    def labelling(self) -> dict:
        """Those settings of `labels` that decide what a chunk holds and which labels pass."""
        return without(self.section("labels"), "max_failed_fraction", "imported", "licence", "store_path")

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
        return self.section("labels")["imported"] if generation == 0 and self.is_trained else []

    @property
    def has_reference_md(self) -> bool:
        """Whether a set from elsewhere is declared to be molecular dynamics by the reference."""
        return any("md_temperature_K" in each for each in self.imported(0))

    # ── generations and their files ──────────────────────────────────────────────────────────

    @property
    def generations(self) -> list[int]:
        """All generations that it may go through."""
        return list(range(self.learning["generations"] + 1)) if self.is_trained else []

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
    def last_generation(self) -> GenerationFiles | NoGeneration:
        """The files of the last generation: it holds the labels and the models of those before."""
        return self.generation(self.generations[-1]) if self.is_trained else NoGeneration()

    @property
    def assessments(self) -> list[str]:
        """The assessments of every generation."""
        return [self.generation(number).assessment for number in self.generations]

    @property
    def ledgers(self) -> list[str]:
        """The ledgers of every generation."""
        return [self.generation(number).ledger for number in self.generations]

    @property
    def released_from(self) -> str | list[str]:
        """The model that is released: one that was trained, or the file of a foundation as it is, if it has one."""
        return self.last_generation.first_model if self.is_trained else self.foundation_model

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
