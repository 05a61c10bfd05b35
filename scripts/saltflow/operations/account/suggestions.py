"""What a site's profile could say about a rule, now that its jobs have shown what they need."""

import math
from collections.abc import Sequence

from saltflow.operations.account.spending import Spending

ENOUGH_JOBS = 3
MEMORY_MARGIN = 1.25
MEMORY_OF_SNAKEMAKE_MB = 300  # the two Snakemake processes around every job on a cluster
MEMORY_STEP_MB = 500
TIME_MARGIN = 1.5
WORTH_SUGGESTING = 0.7  # a suggestion saves at least this much: new request / old request
TIGHT = 0.9
SHORT_JOB_S = 60


def suggest(rule: str, spending: Sequence[Spending]) -> str | None:
    """Sentences for the profile, or None where the requests fit or too few jobs are done to tell.

    Args:
        rule: its name.
        spending: all attempts of its jobs.
    """
    done = [spent for spent in spending if spent.reason == "done"]
    if len({spent.job.log for spent in done}) < ENOUGH_JOBS:
        return None
    sentences = [_memory(rule, done), _runtime(rule, done), _cores(rule, done), _submissions(rule, done)]
    return " ".join(sentence for sentence in sentences if sentence) or None


def _memory(rule: str, done: Sequence[Spending]) -> str | None:
    known = [(spent.memory_requested_MB, spent.memory_peak_MB) for spent in done]
    known = [(requested, used) for requested, used in known if requested and used]
    needed = _rounded_up(
        max((used for _, used in known), default=0) * MEMORY_MARGIN + MEMORY_OF_SNAKEMAKE_MB, MEMORY_STEP_MB
    )
    return _too_much_or_little(rule, known, key="mem_mb", unit="MB", needed=needed)


def _runtime(rule: str, done: Sequence[Spending]) -> str | None:
    known = [(spent.runtime_requested_min, (spent.elapsed_s or 0) / 60) for spent in done]
    known = [(requested, used) for requested, used in known if requested and used]
    longest = max((used for _, used in known), default=0)
    needed = _rounded_up(longest * TIME_MARGIN, 60 if longest > 60 else 10)
    return _too_much_or_little(rule, known, key="runtime", unit="min", needed=needed)


def _too_much_or_little(
    rule: str, known: Sequence[tuple[float, float]], *, key: str, unit: str, needed: int
) -> str | None:
    """A sentence where all jobs asked for far more than any used, or one used nearly all that it asked for.

    Args:
        rule: its name.
        known: asked and used of each job.
        key: what the profile calls it. unit: of both.
        needed: enough for the largest job, with a margin.
    """
    if not known:
        return None
    least, most = min(requested for requested, _ in known), max(requested for requested, _ in known)
    share = max(used / requested for requested, used in known)
    requested = f"{most:.0f}" if least == most else f"{least:.0f} to {most:.0f}"
    sentence = (
        f"{rule} asked for {requested} {unit} and used at most {math.ceil(max(used for _, used in known))} {unit}"
    )
    if share > TIGHT:
        return f"{sentence}, {share:.0%} of what a job asked for: set {key}: {max(needed, math.ceil(most))} or more."
    if least == most:
        return f"{sentence}: set {key}: {needed}." if needed <= WORTH_SUGGESTING * most else None
    return f"{sentence}, {share:.0%} of what a job asked for: lower {key}." if share < WORTH_SUGGESTING / 2 else None


def _rounded_up(value: float, step: int) -> int:
    return step * math.ceil(value / step)


def _cores(rule: str, done: Sequence[Spending]) -> str | None:
    known = [spent for spent in done if (spent.cpus or 0) > 1 and spent.elapsed_s and spent.cpu_s is not None]
    if not known:
        return None
    cpus = max(spent.cpus for spent in known)
    busy = max(spent.cpu_s / spent.elapsed_s for spent in known)
    needed = max(1, math.ceil(busy))
    return (
        f"{rule} had {cpus} cores and kept at most {busy:.1f} busy: set threads: {needed}." if needed < cpus else None
    )


def _submissions(rule: str, done: Sequence[Spending]) -> str | None:
    short = [spent for spent in done if spent.slurm_job_id and spent.alone and (spent.elapsed_s or 0) < SHORT_JOB_S]
    if len(short) < ENOUGH_JOBS or len(short) < len(done) / 2:
        return None
    return f"{len(short)} jobs of {rule} took less than a minute and were submitted alone: give them a group."
