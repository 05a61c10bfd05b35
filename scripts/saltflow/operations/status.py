"""How far each composition and each crystal is: by the files of a sweep and the journals of its jobs, at any time.

Nothing is locked and Snakemake is not asked, so the answer takes a second. A product that is there counts as done,
also when a setting has changed since: whether it has to be made again is what the plan says. One whose job has begun
again counts as what became of that.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import read_json
from saltflow.campaign.campaign import Campaign
from saltflow.operations.attempts import SLURM_LOGS, Attempt, journal_path, read_attempts, slurm_folder_of
from saltflow.operations.jobs import Job, jobs_of
from saltflow.operations.rules import RULES

State = Literal["done", "running", "failed", "due"]
ZERO_SHOT = "zero-shot"  # a foundation that is used as it is
SHARED = ("", "")  # the subject of jobs that belong to no composition, potential or crystal
# Runs for every composition at once, so it does not tell which one is under way.
FIRST_RULE = next(spec.name for spec in RULES if spec.stage == "cells")


@dataclass(frozen=True)
class JobStatus:
    """A job and how it stands; the last attempt of one that is not done, if there was any."""

    job: Job
    state: State
    attempt: Attempt | None = None


@dataclass(frozen=True)
class Tally:
    """How a potential or a composition stands.

    jobs: all of its own. md_ns: simulated so far and wanted, of every replica, temperatures added up; a composition's.
    """

    name: str
    jobs: tuple[JobStatus, ...]
    md_ns: tuple[float, float] = (0.0, 0.0)

    def counts(self, stage: str | None = None, *, generation: str | None = None) -> Counter:
        """State → number of jobs, of a stage and of a potential's generation where these are given."""
        return Counter(
            each.state
            for each in self.jobs
            if stage in (None, each.job.spec.stage) and generation in (None, _generation_of(each.job))
        )

    @cached_property
    def state(self) -> State:
        """failed where a job is, else running, else done where all are, else due."""
        counts = self.counts()
        if counts.total() == counts["done"]:
            return "done"
        return next((state for state in ("failed", "running") if counts[state]), "due")

    @property
    def has_started(self) -> bool:
        """Whether anything but the packing of its cells has begun."""
        return any(
            each.state != "due" and (each.job.rule, each.state) != (FIRST_RULE, "done") or each.attempt
            for each in self.jobs
        )

    @cached_property
    def generation(self) -> str | None:
        """The generation that a potential is at: the first with work left, else its last; None without training."""
        unfinished = {_generation_of(each.job) for each in self.jobs if each.state != "done"}
        return next((each for each in self.generations if each in unfinished), next(reversed(self.generations), None))

    @property
    def learning(self) -> str:
        """The same in words."""
        return ZERO_SHOT if self.generation is None else f"generation {self.generation}"

    @cached_property
    def generations(self) -> list[str]:
        """All generations that a potential may go through."""
        return sorted({number for each in self.jobs if (number := _generation_of(each.job))}, key=int)


@dataclass(frozen=True)
class Status:
    """A whole sweep: its potentials, compositions, crystals of a study and shared jobs; released: name of a potential →
    how it came out.
    """

    folder: Path
    potentials: Mapping[str, Tally]
    compositions: Mapping[str, Tally]
    potential_of: Mapping[str, str]
    shared: Tally
    released: Mapping[str, str]
    crystals: Mapping[str, Tally] = field(default_factory=dict)
    electrodes: Mapping[str, Tally] = field(default_factory=dict)

    @property
    def everything(self) -> list[Tally]:
        """Potentials, compositions, structures of studies and the shared jobs."""
        studied = [*self.crystals.values(), *self.electrodes.values()]
        return [*self.potentials.values(), *self.compositions.values(), *studied, self.shared]


def read_status(campaign: Campaign, folder: Path) -> Status:
    """How a sweep stands.

    Args:
        campaign: what it is made of.
        folder: its working directory.
    """
    jobs: dict[tuple[str, str], list[JobStatus]] = defaultdict(list)
    for job in jobs_of(campaign):
        jobs[_subject(job)].append(_status(job, folder))
    potentials = {
        name: Tally(name, tuple(jobs["potential", name]))
        for name in reversed(campaign.needed_potentials)  # what others start from comes first
    }
    compositions = {
        name: Tally(name, tuple(jobs["composition", name]), _md_ns(campaign, jobs["composition", name], folder))
        for name in campaign.swept
    }
    return Status(
        folder,
        potentials,
        compositions,
        potential_of=campaign.driven_by,
        shared=Tally("all compositions", tuple(jobs[SHARED])),
        released={name: release for name in potentials if (release := _release(name, folder))},
        crystals={name: Tally(name, tuple(jobs["structure", name])) for name in campaign.crystals},
        electrodes={name: Tally(name, tuple(jobs["electrode", name])) for name in campaign.electrodes},
    )


def _generation_of(job: Job) -> str | None:
    """The generation of a job of a potential; its release belongs to none."""
    return job.wildcards.get("generation", job.spec.fixed_generation)


def _subject(job: Job) -> tuple[str, str]:
    """Whose job it is: that of a composition, of a potential, of a structure of a study, or of all."""
    kinds = ("composition", "potential", "structure", "electrode")
    return next(((kind, job.wildcards[kind]) for kind in kinds if kind in job.wildcards), SHARED)


def _status(job: Job, folder: Path) -> JobStatus:
    product = folder / job.product
    is_there = product.exists()
    if is_there and not _begun_since(product, journal_path(folder / job.log)):
        return JobStatus(job, "done")
    slurm_folder = slurm_folder_of(job.rule, list(job.wildcards.values()))
    attempts = read_attempts(folder / job.log, slurm_logs=folder / SLURM_LOGS, slurm_folder=slurm_folder)
    last = attempts[-1] if attempts else None
    if last is None or last.reason == "done":
        return JobStatus(job, "done" if is_there else "due")  # done, or its product was deleted since
    return JobStatus(job, "running" if last.reason == "running" else "failed", last)


def _begun_since(product: Path, journal: Path) -> bool:
    """Whether a job has begun after its product was made: what is there is then of an earlier attempt."""
    return journal.exists() and journal.stat().st_mtime > product.stat().st_mtime


def _md_ns(campaign: Campaign, jobs: Iterable[JobStatus], folder: Path) -> tuple[float, float]:
    """Simulated and wanted; a state point under way counts by its checkpoints."""
    done_ps = all_ps = 0.0
    for each in jobs:
        if each.job.spec.simulated_ps:
            wanted_ps = each.job.spec.simulated_ps(campaign, each.job.wildcards)
            all_ps += wanted_ps
            if each.state == "done":
                done_ps += wanted_ps
            else:
                done_ps += min(wanted_ps, _checkpointed_ps(campaign, each.job, folder))
    return done_ps / 1000, all_ps / 1000


def _checkpointed_ps(campaign: Campaign, job: Job, folder: Path) -> float:
    product = folder / job.product
    requests = product.parent.glob(f".{product.name}.work/*")
    segments = max((sum(1 for _ in each.glob("segment-*.pt")) for each in requests), default=0)
    return segments * campaign.settings.execution.checkpoint_ps


def _release(name: str, folder: Path) -> str | None:
    """How a released potential came out; None while it is not."""
    try:
        release = read_json(folder / f"results/potentials/{name}/released.json")
    except (FileNotFoundError, SaltflowError):
        return None
    if release["converged"] is None:
        return f"released, {ZERO_SHOT}"
    return f"released, generation {release['generation']}" + ("" if release["converged"] else ", not converged")


# ── in words ───────────────────────────────────────────────────────────────────────────────────

FAILURES_SHOWN = 12
LEGEND = "done/all jobs of the stage · ▶ running · ✗ failed"


def format_status(status: Status, *, everything: bool = False) -> str:
    """The status as a table for the terminal, summary first.

    Args:
        everything: also what has not started, and every failure.
    """
    potentials = [each for each in status.potentials.values() if everything or each.has_started]
    compositions = [each for each in status.compositions.values() if everything or each.has_started]
    parts = [_summary(status)]
    if potentials:
        parts.append(
            _aligned([("potential", "labels", "models", ""), *(_potential(each, status) for each in potentials)])
        )
    if compositions:
        header = ("composition", "its potential", "cells", "MD", "ns of each replica", "analysis")
        parts.append(_aligned([header, *(_composition(each, status) for each in compositions)]))
        parts.append(LEGEND)
    hidden = len(status.compositions) - len(compositions)
    if hidden:
        parts.append(f"{hidden} compositions have not started; --all shows them.")
    failures = [each for tally in status.everything for each in tally.jobs if each.state == "failed"]
    shown = failures if everything else failures[:FAILURES_SHOWN]
    parts += ["\n".join(["Failed:", *(_failure(each, status.folder) for each in shown)])] if shown else []
    if len(failures) > len(shown):
        parts.append(f"… and {len(failures) - len(shown)} more; --all shows them.")
    return "\n\n".join(parts)


def _summary(status: Status) -> str:
    jobs = sum((tally.counts() for tally in status.everything), Counter())
    states = Counter(
        each.state if each.state != "due" or not each.has_started else "begun" for each in status.compositions.values()
    )
    begun = states["running"] + states["begun"]
    done_ns = sum(each.md_ns[0] for each in status.compositions.values())
    all_ns = sum(each.md_ns[1] for each in status.compositions.values())
    return (
        f"{len(status.compositions)} compositions: {states['done']} done, {begun} under way, "
        f"{states['failed']} with failed jobs, {states['due']} not started. "
        f"MD: {_ns(done_ns)} of {_ns(all_ns)} ns. "
        f"Potentials: {len(status.released)} of {len(status.potentials)} released.\n"
        f"{_studied('Migration barriers', 'crystals', status.crystals)}"
        f"{_studied('Electrodes', 'hosts', status.electrodes)}"
        f"{jobs.total():,} jobs: {jobs['done']:,} done, {jobs['running']:,} running, {jobs['failed']:,} failed, "
        f"{jobs['due']:,} due."
    )


def _studied(study: str, kind: str, tallies: Mapping[str, Tally]) -> str:
    """A line of the structures of a study; '' without any."""
    if not tallies:
        return ""
    states = Counter(each.state for each in tallies.values())
    return (
        f"{study}: {states['done']} of {len(tallies)} {kind} done, {states['running']} running, "
        f"{states['failed']} failed, {states['due']} due.\n"
    )


def _potential(tally: Tally, status: Status) -> tuple[str, ...]:
    stages = (_cell(tally.counts(stage, generation=tally.generation)) for stage in ("labels", "potential"))
    under_way = tally.learning + (f" of {tally.generations[-1]}" if tally.generations else "")
    return tally.name, *stages, status.released.get(tally.name, under_way)


def _composition(tally: Tally, status: Status) -> tuple[str, ...]:
    name = status.potential_of[tally.name]
    potential = status.potentials[name]
    learning = "released" if name in status.released else f"{potential.state}, {potential.learning}"
    done_ns, all_ns = tally.md_ns
    cells, md, analysis = (_cell(tally.counts(stage)) for stage in ("cells", "MD", "analysis"))
    return tally.name, f"{name}: {learning}", cells, md, f"{_ns(done_ns)} of {_ns(all_ns)}", analysis


def _ns(duration_ns: float) -> str:
    return f"{duration_ns:,.0f}" if duration_ns >= 100 else f"{duration_ns:.3g}"


def _cell(counts: Counter) -> str:
    marks = [f"{sign}{counts[state]}" for state, sign in (("running", "▶"), ("failed", "✗")) if counts[state]]
    return " ".join([f"{counts['done']}/{counts.total()}", *marks])


def _failure(status: JobStatus, folder: Path) -> str:
    attempt = status.attempt
    message = f": {' '.join(attempt.sentence.split())}" if attempt.sentence else ""
    log = attempt.slurm_log or folder / status.job.log
    return f"  {status.job.rule} ({status.job.subject}) {attempt.reason}{message} [{log}]"


def _aligned(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
