"""How a rule asks: functions of wildcards for `input`, `params`, `resources` and `group`, made from a campaign.

A question is a dotted name that a view of the campaign answers (`saltflow.campaign.questions`): rules say
`potential("learning.selection")` where the settings of selection of the potential of a job are meant.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from snakemake.io import ancient, apply_wildcards, expand

from saltflow.campaign.campaign import Campaign
from saltflow.campaign.questions import answer
from saltflow.operations.code_digest import code_digest
from saltflow.operations.jobs import targets
from saltflow.operations.resources import JobRequest, request_names
from saltflow.operations.rules import RULE

SCRIPTS = Path(__file__).resolve().parents[1]
FromWildcards = Callable[[Any], Any]  # of wildcards


class Wiring:
    """The questions of one campaign.

    Args:
        campaign: the checked campaign.
        workflow: Snakemake's object, which is told the patterns of job groups.
    """

    def __init__(self, campaign: Campaign, workflow: Any):
        self.campaign, self.workflow = campaign, workflow

    # ── the subject of a job ───────────────────────────────────────────────────────────────────

    def composition(self, question: str) -> FromWildcards:
        """What the composition of a job answers, such as "production_dynamics"."""
        return lambda wildcards: answer(self.campaign.composition(wildcards.composition), question)

    def section(self, name: str) -> FromWildcards:
        """A section of the settings for the composition of a job."""
        return self.composition(f"sections.{name}")

    def its_potential(self, question: str) -> FromWildcards:
        """What the potential of the composition of a job answers."""
        return lambda wildcards: answer(self.campaign.potential_of(wildcards.composition), question)

    def potential(self, question: str) -> FromWildcards:
        """What the potential of a job answers, such as "training" or "last_generation.models"."""
        return lambda wildcards: answer(self.campaign.potential(wildcards.potential), question)

    def reference(self, wildcards: Any) -> dict:
        """The identity of the reference of a job."""
        return self.campaign.reference_identity(wildcards.reference)

    def crystal(self, question: str) -> FromWildcards:
        """What the crystal of a job answers, such as "structure_file"."""
        return lambda wildcards: answer(self.campaign.crystal(wildcards.structure), question)

    def family(self, question: str) -> FromWildcards:
        """What the screened family answers, such as "files"; nothing without one, where no job asks."""
        screened = self.campaign.screened
        return lambda wildcards: [] if screened is None else answer(screened, question)

    def electrode(self, question: str) -> FromWildcards:
        """What the host of a job answers, such as "options"."""
        return lambda wildcards: answer(self.campaign.electrode(wildcards.electrode), question)

    # ── files of generations ───────────────────────────────────────────────────────────────────

    def generation(self, question: str, *, back: int = 0) -> FromWildcards:
        """A file of the generation of a job, or of one before it; none before the first."""
        return lambda wildcards: answer(self._generation(wildcards, back=back), question)

    def previous_member(self, kind: str) -> FromWildcards:
        """The model (or its check) of the same member in the generation before."""
        return lambda wildcards: getattr(self._generation(wildcards, back=1), kind)(wildcards.member)

    def imported(self, wildcards: Any) -> list[dict]:
        """The labelled sets from elsewhere that join the generation of a job."""
        return self.campaign.potential(wildcards.potential).imported(int(wildcards.generation))

    def imported_files(self, wildcards: Any) -> list[str]:
        """Their files, whose hashes are pinned."""
        return [ancient(each["path"]) for each in self.imported(wildcards)]

    def zero_shot(self, question: str) -> FromWildcards:
        """Files of the parent's committee, where it is assessed on compositions that it was not trained on."""
        return lambda wildcards: answer(
            self.campaign.potential(wildcards.potential).assessment.zero_shot_committee(int(wildcards.generation)),
            question,
        )

    def _generation(self, wildcards: Any, *, back: int) -> Any:
        return self.campaign.potential(wildcards.potential).generation(int(wildcards.generation) - back)

    # ── files that are read only sometimes ─────────────────────────────────────────────────────

    def where(self, question: str, files: FromWildcards) -> FromWildcards:
        """Files that a job reads only where its potential answers yes."""
        asked = self.potential(question)
        return lambda wildcards: files(wildcards) if asked(wildcards) else []

    def unless_loco(self, files: FromWildcards) -> FromWildcards:
        """Files that a training reads unless it leaves a composition out; then it passes nothing on."""
        return lambda wildcards: [] if hasattr(wildcards, "excluded") else files(wildcards)

    def pinned(self, files: FromWildcards) -> FromWildcards:
        """A file whose hash is pinned by the settings: one from elsewhere may get a new date."""

        def marked(wildcards: Any) -> Any:
            found = files(wildcards)
            return found if not found or found.startswith("results/") else ancient(found)

        return marked

    def only_with(self, analysis: str, **files: Any) -> Mapping[str, Any]:
        """Files of a rule that are there only where an analysis is asked for."""
        return files if analysis in self.campaign.analyses else {}

    # ── files of many jobs ─────────────────────────────────────────────────────────────────────

    def of_replicas(self, pattern: str) -> list[str]:
        """A file of each replica; other wildcards stay."""
        return expand(pattern, replica=self.campaign.replicas, allow_missing=True)

    def of_temperatures(self, pattern: str) -> list[str]:
        """A file of each temperature of the sweep; other wildcards stay."""
        return expand(pattern, temperature=self.campaign.temperatures_K, allow_missing=True)

    def at_coolest(self, pattern: str | Sequence[str]) -> str | list[str]:
        """A file (or files) of the lowest temperature of the sweep; other wildcards stay."""
        return self._at(pattern, self.campaign.temperatures_K[0])

    def at_hottest(self, pattern: str | Sequence[str]) -> str | list[str]:
        """A file (or files) of the highest temperature of the sweep; other wildcards stay."""
        return self._at(pattern, self.campaign.temperatures_K[-1])

    def _at(self, pattern: str | Sequence[str], temperature_K: int) -> str | list[str]:
        found = expand(pattern, temperature=temperature_K, allow_missing=True)
        return found[0] if isinstance(pattern, str) else found

    def of_compositions(self, pattern: str) -> list[str]:
        """A file of each composition of the sweep."""
        return expand(pattern, composition=self.campaign.swept)

    def of_crystals(self, pattern: str) -> list[str]:
        """A file of each crystal whose barriers are computed."""
        return expand(pattern, structure=list(self.campaign.crystals))

    def of_electrodes(self, pattern: str) -> list[str]:
        """A file of each host whose electrode is computed."""
        return expand(pattern, electrode=list(self.campaign.electrodes))

    def of_crystals_with_md(self, pattern: str) -> list[str]:
        """A file of each of them whose composition is swept too."""
        return expand(pattern, structure=self.campaign.crystals_with_md)

    def of_crystal_md(self, pattern: str | Sequence[str]) -> FromWildcards:
        """Files of the composition of a crystal at all temperatures of the sweep, one temperature after another."""

        def files(wildcards: Any) -> list[str]:
            composition = self.campaign.crystal(wildcards.structure).row.composition
            of_temperatures = (
                expand(pattern, composition=composition, temperature=kelvin) for kelvin in self.campaign.temperatures_K
            )
            return list(dict.fromkeys(chain.from_iterable(of_temperatures)))

        return files

    def of_relaxations(self, pattern: str) -> list[str]:
        """A file of each job that relaxes crystals of the screened family."""
        screened = self.campaign.screened
        return expand(pattern, part=range(screened.relaxations if screened else 0))

    def of_studies(self, pattern: str) -> list[str]:
        """A file of each job that studies its survivors."""
        screened = self.campaign.screened
        return expand(pattern, part=range(screened.studies if screened else 0))

    def of_sweep(self, pattern: str) -> list[str]:
        """A file of each state point of the sweep."""
        return expand(pattern, composition=self.campaign.swept, temperature=self.campaign.temperatures_K)

    def at_order_temperature(self, pattern: str) -> list[str]:
        """A file of each composition at the temperature where structures are compared."""
        return expand(pattern, composition=self.campaign.swept, temperature=self.campaign.order_temperature_K)

    def of_constrained(self, pattern: str | Sequence[str]) -> FromWildcards:
        """Files of a composition at all temperatures and modes of its constrained runs."""

        def files(wildcards: Any) -> list[str]:
            its = self.campaign.composition(wildcards.composition)
            return expand(
                pattern, composition=its.id, mode=its.frozen_modes, temperature=its.constrained_temperatures_K
            )

        return files

    def all_products(self, rules: Any, *, but: str = "") -> list[str]:
        """Every product of the jobs that a sweep asks for; those of one rule can be left out."""
        return [
            apply_wildcards(pattern, job.wildcards)
            for job in targets(self.campaign)
            if job.rule != but
            for pattern in getattr(rules, job.rule).output
        ]

    # ── what a job requests ────────────────────────────────────────────────────────────────────

    def resources(self) -> dict[str, Callable]:
        """All requests of a job, asked again right before it is submitted."""
        return {name: self._requested(name) for name in request_names(self.campaign)}

    def _requested(self, name: str) -> Callable:
        return lambda wildcards, rulename: JobRequest(self.campaign, rulename, wildcards)[name]

    def cores(self, rule: str) -> FromWildcards:
        """Cores of a job; no result depends on them."""
        return lambda wildcards: JobRequest(self.campaign, rule, wildcards).cores()

    def group(self, rule: str) -> FromWildcards:
        """The submission that a job shares with others; a job that failed by itself is then tried alone."""

        def name(wildcards: Any) -> str | None:
            found = JobRequest(self.campaign, rule, wildcards).group()
            if found:
                # As Snakemake does for a pattern: the profile's group-components go by it.
                self.workflow.parent_groupids[found] = RULE[rule].group.pattern
            return found

        return name


def code_of(rule: str) -> str:
    """Digest of the code behind a cheap rule: it reruns when that changes."""
    return code_digest(SCRIPTS / f"{rule}.py")
