"""Finished long jobs that a run would do again: the hours that they hold, why, and whether that was accepted.

A repeated job whose inputs and settings come out as they were takes seconds (`saltflow.base.long_job`), and labels that
are known are not computed again. Whether they do is seen only when the jobs before it are done, so all of it counts. A
run of molecular dynamics that only becomes longer goes on from its end, and loses nothing.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from saltflow.base.errors import SaltflowError
from saltflow.base.long_job import END
from saltflow.base.provenance import read_json, reduction_record, write_json
from saltflow.operations.attempts import journal_path, read_journal
from saltflow.operations.plan.dag import Dag, PlannedJob
from saltflow.operations.plan.reasons import changed_settings, why
from saltflow.operations.rules import RULE

ACCEPTED = "plan/accepted_loss.json"
# What started it all; of the other kinds of reasons no job follows that was finished.
ROOTS = ("setting changed", "protocol raised", "input changed", "code changed", "forced", "new")
SHOWN = 3
# Settings that say when production ends.
OF_LENGTH = ("dynamics.production.duration_ps", "dynamics.production.until_known", "transport")


@dataclass(frozen=True)
class RepeatedJob:
    """A finished job that is due again. hours: of its cores, or of its GPUs where it had some, over all attempts."""

    job: PlannedJob
    hours: float
    on_gpu: bool


def expected_loss(dag: Dag) -> dict:
    """What finished long jobs that are due again hold.

    Returns:
        {cpu_hours, gpu_hours, rules: [{rule, jobs, cpu_hours, gpu_hours}], because: what changed, jobs: names,
        sentence: all of it, empty without jobs}.
    """
    long_jobs = [job for job in dag.due if RULE[job.rule].resumes and not _goes_on(job, dag)]
    lost = [found for job in long_jobs if (found := _finished(job, dag.directory))]
    rules = list(dict.fromkeys(each.job.rule for each in lost))
    loss = {
        **_hours(lost),
        "rules": [
            {"rule": rule, "jobs": len(of_rule), **_hours(of_rule)}
            for rule in rules
            if (of_rule := [each for each in lost if each.job.rule == rule])
        ],
        "because": sorted(_causes(dag, [each.job for each in lost])),
        "jobs": [each.job.name for each in lost],
    }
    return loss | {"sentence": _sentence(loss) if lost else ""}


def accept_loss(plan: Mapping, directory: Path) -> None:
    """Note that the finished work which a plan does again may be done again."""
    if plan.get("loss", {}).get("jobs"):
        write_json(directory / ACCEPTED, plan["loss"])


def forget_accepted_loss(directory: Path) -> None:
    """Of a run that has ended well: the next one asks again."""
    (directory / ACCEPTED).unlink(missing_ok=True)


def check_accepted(loss: Mapping, directory: Path, *, most_hours: float) -> None:
    """Make sure that finished work is done again only where somebody wants it.

    Args:
        loss: of `expected_loss`.
        directory: of the sweep.
        most_hours: core-hours, and GPU-hours, that are done again without a question.

    Raises:
        SaltflowError: more hours than that would be lost, and nobody has accepted it.
    """
    if max(loss["cpu_hours"], loss["gpu_hours"]) <= most_hours:
        return
    accepted = read_json(directory / ACCEPTED) if (directory / ACCEPTED).is_file() else {"jobs": [], "because": []}
    settings = {text for text in loss["because"] if "→" in text}
    if set(loss["jobs"]) <= set(accepted["jobs"]) and settings <= set(accepted["because"]):
        return
    raise SaltflowError(
        f"Nothing was started: {loss['sentence']} Undo the change, or, if that is meant, accept it: "
        "`saltflow plan --accept-loss` in this folder; then start the same command again. What is there stays until "
        "its successor is complete."
    )


def _sentence(loss: Mapping) -> str:
    """What would be done again and why."""
    jobs = ", ".join(f"{row['jobs']} {row['rule']}" for row in loss["rules"])
    units = (("cpu_hours", "core-hours"), ("gpu_hours", "GPU-hours"))
    hours = " and ".join(f"{loss[key]:,.1f} {unit}" for key, unit in units if loss[key])
    causes, most = loss["because"], loss["because"][:SHOWN]
    more = f" and {len(causes) - SHOWN} other changes" if len(causes) > SHOWN else ""
    return f"Finished jobs that hold {hours or '0 core-hours'} are due again ({jobs}): {'; '.join(most)}{more}."


def _finished(job: PlannedJob, directory: Path) -> RepeatedJob | None:
    """A job as it was finished; None where its last attempt was another one, or its products are gone."""
    attempts = list(read_journal(directory / journal_path(job.log)).values())
    if not attempts or attempts[-1].get("outcome") != "done":
        return None
    if not all((directory / path).exists() for path in job.outputs):
        return None
    gpus = attempts[-1]["requested"]["gpus"] or 0
    devices = gpus or attempts[-1]["requested"]["cpus"] or 1
    return RepeatedJob(job, devices * sum(map(_duration_h, attempts)), on_gpu=bool(gpus))


def _goes_on(job: PlannedJob, dag: Dag) -> bool:
    """Whether a job only makes a finished run longer, whose end is there."""
    changes = changed_settings(job) if job.reason and not job.reason.forced else []
    if not changes or not all(change.key.startswith(OF_LENGTH) for change in changes):
        return False
    if job.reason.updated_inputs or any(other.due for other in dag.jobs if other.index in job.dependencies):
        return False
    if any(change.key.endswith("duration_ps") and float(change.after) < float(change.before) for change in changes):
        return False
    made = [dag.directory / path for path in job.outputs]
    is_reduced = any(reduction_record(path).is_file() for path in made)
    return not is_reduced and any(path.with_name(f".{path.name}{END}").is_file() for path in made)


def _duration_h(attempt: Mapping) -> float:
    if "ended" not in attempt:
        return 0.0
    return (datetime.fromisoformat(attempt["ended"]) - datetime.fromisoformat(attempt["began"])).total_seconds() / 3600


def _hours(lost: Iterable[RepeatedJob]) -> dict[str, float]:
    sums = {"cpu_hours": 0.0, "gpu_hours": 0.0}
    for each in lost:
        sums["gpu_hours" if each.on_gpu else "cpu_hours"] += each.hours
    return {key: round(hours, 6) for key, hours in sums.items()}


def _causes(dag: Dag, lost: Collection[PlannedJob]) -> set[str]:
    """Why these jobs are due: the reasons of their own and of all due jobs before them."""
    jobs = {job.index: job for job in dag.jobs}
    open_, seen, causes = [job.index for job in lost], set(), set()
    while open_:
        job = jobs[open_.pop()]
        if job.index in seen or not job.due:
            continue
        seen.add(job.index)
        open_ += job.dependencies
        reason = why(job, failed=False)
        if reason.kind in ROOTS:
            causes.add(reason.detail if "→" in reason.detail else f"{job.rule} {reason.kind}, {reason.detail}")
    return causes
