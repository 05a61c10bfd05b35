"""Attempts added up: per rule, per composition and potential, and failures by reason."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from saltflow.operations.account.spending import Spending
from saltflow.operations.account.suggestions import suggest
from saltflow.operations.rule_spec import STAGES
from saltflow.operations.rules import RULE

_NOT_FAILURES = ("done", "running")


def summarise(spending: Sequence[Spending]) -> dict:
    """The parts of an account that are sums over attempts (the package's docstring says what they hold)."""
    submitted = any(spent.slurm_job_id for spent in spending)
    began = [spent.began for spent in spending if spent.began]
    ended = [spent.ended for spent in spending if spent.ended]
    return {
        "began": _text(min(began, default=None)),
        "ended": _text(max(ended, default=None)),
        "totals": _costs(spending)
        | {
            "submissions": len({spent.slurm_job_id for spent in spending if spent.slurm_job_id}),
            "lost_cpu_hours": _hours(_failed(spending), lambda spent: spent.cpus),
            "waiting_h": _waiting_h(spending),
        },
        "rules": [_rule(name, of_rule, submitted=submitted) for name, of_rule in _by_rule(spending).items()],
        "failures": _failures(spending),
        "compositions": _by_subject(spending, "composition"),
        "potentials": _by_subject(spending, "potential"),
        "shared": _costs([spent for spent in spending if not {"composition", "potential"} & set(spent.job.wildcards)]),
        "running": [
            {
                "rule": spent.job.rule,
                "subject": spent.job.subject,
                "began": _text(spent.began),
                "slurm_job_id": spent.slurm_job_id,
            }
            for spent in spending
            if spent.reason == "running"
        ],
    }


def _rule(name: str, spending: Sequence[Spending], *, submitted: bool) -> dict:
    """The row of a rule; where other rules went through SLURM, nothing is suggested for one that did not."""
    of_profile = not submitted or any(spent.slurm_job_id for spent in spending)
    cpu_hours = _hours(spending, lambda spent: spent.cpus, used_s=lambda spent: spent.cpu_s)
    cores_used = _mean(
        spent.cpu_s / spent.elapsed_s
        for spent in spending
        if spent.reason == "done" and spent.cpu_s is not None and spent.elapsed_s
    )
    memory_MB = {
        "requested": _largest(spent.memory_requested_MB for spent in spending),
        "peak": _largest(spent.memory_peak_MB for spent in spending),
    }
    runtime_min = {
        "requested": _largest(spent.runtime_requested_min for spent in spending),
        "longest": _largest(spent.elapsed_s / 60 for spent in spending if spent.elapsed_s),
    }
    return {
        "rule": name,
        "stage": RULE[name].stage,
        **_costs(spending),
        "cores": {"requested": _largest(spent.cpus for spent in spending), "used": cores_used},
        "gpus": {"requested": _largest(spent.gpus for spent in spending), "used": None},
        "memory_MB": memory_MB,
        "runtime_min": runtime_min,
        "waiting_h": _waiting_h(spending),
        "efficiency": {
            "cpu": _share(cpu_hours["used"], cpu_hours["reserved"]),
            "memory": _share(memory_MB["peak"], memory_MB["requested"]),
            "time": _share(runtime_min["longest"], runtime_min["requested"]),
        },
        "suggestion": suggest(name, spending) if of_profile else None,
    }


def _costs(spending: Sequence[Spending]) -> dict:
    return {
        "jobs": len(_jobs(spending)),
        "attempts": len(spending),
        "failed_attempts": len(_failed(spending)),
        "cpu_hours": _hours(spending, lambda spent: spent.cpus, used_s=lambda spent: spent.cpu_s),
        "gpu_hours": _hours(spending, lambda spent: spent.gpus),
    }


def _jobs(spending: Iterable[Spending]) -> set[str]:
    return {spent.job.log for spent in spending}


def _failed(spending: Iterable[Spending]) -> list[Spending]:
    return [spent for spent in spending if spent.reason not in _NOT_FAILURES]


def _hours(
    spending: Sequence[Spending],
    held: Callable[[Spending], int | None],
    *,
    used_s: Callable[[Spending], float | None] = lambda _: None,
) -> dict:
    """Hours of cores or GPUs reserved and used; None where no attempt recorded it."""
    reserved = [held(spent) * spent.elapsed_s for spent in spending if held(spent) is not None and spent.elapsed_s]
    used = [seconds for spent in spending if (seconds := used_s(spent)) is not None]
    return {"reserved": sum(reserved) / 3600 if reserved else None, "used": sum(used) / 3600 if used else None}


def _waiting_h(spending: Iterable[Spending]) -> dict | None:
    waiting = [spent.waiting_s / 3600 for spent in spending if spent.waiting_s is not None]
    return {"median": statistics.median(waiting), "largest": max(waiting)} if waiting else None


def _by_rule(spending: Sequence[Spending]) -> dict[str, list[Spending]]:
    found: dict[str, list[Spending]] = {}
    for spent in sorted(spending, key=lambda spent: STAGES.index(spent.job.spec.stage)):
        found.setdefault(spent.job.rule, []).append(spent)
    return found


def _by_subject(spending: Sequence[Spending], wildcard: str) -> list[dict]:
    found: dict[str, list[Spending]] = {}
    for spent in spending:
        if wildcard in spent.job.wildcards:
            found.setdefault(spent.job.wildcards[wildcard], []).append(spent)
    rows = [{"id": name, **_costs(of_subject)} for name, of_subject in found.items()]
    return sorted(rows, key=lambda row: _cost(row), reverse=True)


def _cost(row: dict) -> tuple[float, float]:
    cpu, gpu = row["cpu_hours"], row["gpu_hours"]
    return gpu["reserved"] or 0, cpu["reserved"] or cpu["used"] or 0


def _failures(spending: Sequence[Spending]) -> list[dict]:
    """Attempts that did not end well, by reason and rule; the example is the latest."""
    last = {spent.job.log: spent.reason for spent in spending}
    done = {log for log, reason in last.items() if reason == "done"}
    found: dict[tuple[str, str], list[Spending]] = {}
    for spent in _failed(spending):
        found.setdefault((spent.reason, spent.job.rule), []).append(spent)
    rows = [
        {
            "reason": reason,
            "rule": rule,
            "attempts": len(attempts),
            "jobs": len(_jobs(attempts)),
            "done_later": len(_jobs(attempts) & done),
            "example": attempts[-1].job.log,
            "sentence": attempts[-1].sentence,
        }
        for (reason, rule), attempts in found.items()
    ]
    return sorted(rows, key=lambda row: row["attempts"], reverse=True)


def _largest(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _mean(values: Iterable[float]) -> float | None:
    known = list(values)
    return statistics.fmean(known) if known else None


def _share(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None


def _text(time: datetime | None) -> str | None:
    return time.isoformat(timespec="seconds") if time else None
