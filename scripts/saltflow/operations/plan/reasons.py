"""Why a job is due, in words: which input, which setting and from what to what."""

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from saltflow.operations.plan.dag import Dag, PlannedJob, Reason
from saltflow.operations.rules import RULE

EXAMPLES = 3
# Parameters of rules that are named for what the script takes, and where their value is set.
SET_AS = {
    "acceptance": "cells.acceptance",
    "seed": "sweep.seed",
    "initial_structures": "learning.initial_structures",
    "exploration": "learning.exploration",
    "selection": "learning.selection",
    "convergence": "learning.convergence",
    "crystal": "barriers.structures_path",
    "crystals": "barriers.structures_path",
    "density_scales": "learning.initial_structures.density_scales",
    "training": "learning.training",
    "model": "learning.model",
    "max_failed_fraction": "labels.max_failed_fraction",
    "valid_fraction": "learning.training.valid_fraction",
    "composition": "compositions.tsv",
    "compositions": "compositions.tsv",
    "constraints": "constraints",
    "duration_ps": "learning.exploration.duration_ps",
    "electrode": "electrodes.structures_path",
    "electrodes": "electrodes.structures_path",
    "elements": "compositions.tsv",
    "hosts_shown": "electrodes.shown",
    "environments_per_element": "domain.environments_per_element",
    "forgetting": "learning.forgetting_check",
    "foundation": "potentials.tsv",
    "hosts": "compositions.tsv",
    "literature": "compositions.tsv",
    "max_force_eV_A": "labels.max_force_eV_A",
    "modes": "constraints.modes",
    "options": "electrodes.options",
    "others": "sweep.compositions",
    "mobile": "screening.family_path",
    "packed": "compositions.tsv",
    "parts": "screening.members_per_job",
    "relaxing": "screening.family_path",
    "replicas": "sweep.replicas",
    "temperatures_K": "sweep.temperatures_K",
    "seen_by_ancestors": "potentials.tsv",
    "shown": "barriers.shown",
    "strings": "sweep.analyses",
    "training_potentials": "potentials.tsv",
    "window": "transport",
    "zero_shot": "potentials.tsv",
}
ABSENT = object()
# More rows than this of one rule and kind are put together.
ROWS = 6


@dataclass(frozen=True)
class Why:
    """The reason of a job: its kind, and which setting (old → new) or which file."""

    kind: str
    detail: str


@dataclass(frozen=True)
class Change:
    """A setting with another value than when a job was done last, in words."""

    key: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.key}: {self.before} → {self.after}"


def why(job: PlannedJob, *, failed: bool) -> Why:
    """The first reason of a due job that a reader would name.

    Args:
        job: a due job.
        failed: whether its last attempt failed or was killed.

    A product that was half written or that failed says less about the settings than that it must be made again;
    a job's own change says more than that a job before it is due.
    """
    reason = job.reason
    if reason.forced:
        return Why("forced", "asked for")
    if failed:
        return Why("failed before", "its last attempt did not end well")
    if reason.incomplete:
        return Why("incomplete", "stopped while it was writing")
    if reason.missing and not reason.recorded:
        return Why("new", "never made")
    changes = changed_settings(job)
    if changes:
        return _of_settings(changes)
    if reason.updated_inputs:
        return Why("input changed", _listed(reason.updated_inputs))
    if reason.inputs_added or reason.inputs_removed:
        return Why("input changed", _other_set(reason))
    if reason.missing:
        return Why("new", "its product was deleted")
    return Why("upstream", "a job before it is due")


def changed_settings(job: PlannedJob) -> list[Change]:
    """Which settings of a job have changed, by their keys in the configuration.

    Snakemake records the values of parameters without their names: the name of an old one is that of the new value
    which it resembles most.
    """
    before = [_value(text) for text in job.reason.params_before]
    changes: list[Change] = []
    for name, text in sorted(job.reason.params_after.items(), key=lambda item: -len(item[1])):
        after = _value(text)
        old = max(before, key=lambda value: _likeness(value, after), default=ABSENT)
        if old is not ABSENT:
            before.remove(old)
        changes += _differences(_key(job.rule, name, after), old, after)
    return sorted(changes, key=lambda change: change.key)


def _key(rule: str, name: str, value: object) -> str:
    """The key in the configuration that sets a parameter of a rule."""
    if name == "reference" and isinstance(value, Mapping):
        return f"references.{value['name']}"
    if name == "protocol":
        return RULE[rule].protocol
    return SET_AS.get(name, name)


def _of_settings(changes: Sequence[Change]) -> Why:
    own = [change for change in changes if change.key != "code"]
    raised = [change for change in own if change.key.rpartition(".")[2] == "protocol"]
    if not own:
        return Why("code changed", "the program behind it")
    kind = "protocol raised" if len(raised) == len(own) else "setting changed"
    return Why(kind, "; ".join(map(str, own)))


def _value(text: str) -> object:
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text


def _likeness(one: object, other: object) -> float:
    """How alike two values are: 0 for other kinds of things, more for every part in common."""
    if type(one) is not type(other):
        return 0.0
    parts, others = (set(_flat(value)) for value in (one, other))
    return 1.0 + len(parts & others) / (1 + len(parts | others))


def _flat(value: object, key: str = "") -> Iterator[tuple[str, str]]:
    """Dotted key and literal of every leaf."""
    entries = _entries(value)
    if entries is None:
        yield key, repr(value)
        return
    for name, part in entries.items():
        yield from _flat(part, f"{key}.{name}" if key else str(name))


def _entries(value: object) -> Mapping | None:
    """The parts of a mapping, or of a list of rows that carry an id."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, list) and value and all(isinstance(row, Mapping) and "id" in row for row in value):
        return {row["id"]: row for row in value}
    return None


def _differences(key: str, before: object, after: object) -> Iterator[Change]:
    """Every leaf that differs; what is there on one side only counts as a whole."""
    if before == after:
        return
    old, new = _entries(before), _entries(after)
    if old is None or new is None:
        yield Change(key, _shown(before), _shown(after))
        return
    prefix = f"{key}: " if key.endswith(".tsv") else f"{key}."
    for name in sorted(old.keys() | new.keys()):
        yield from _differences(f"{prefix}{name}", old.get(name, ABSENT), new.get(name, ABSENT))


def _shown(value: object) -> str:
    if value is ABSENT:
        return "nothing"
    return "set" if _entries(value) is not None else repr(value)


def _other_set(reason: Reason) -> str:
    sides = (("+", reason.inputs_added), ("-", reason.inputs_removed))
    return "; ".join(f"{sign} {_listed(paths)}" for sign, paths in sides if paths)


def _listed(paths: Sequence[str]) -> str:
    return paths[0] if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"


def reasons_table(dag: Dag, *, failed: Iterable[int]) -> list[dict]:
    """Rule, kind, detail, number of jobs and a few examples of every reason.

    Args:
        failed: indices of jobs whose last attempt failed.
    """
    failed = set(failed)
    found: dict[tuple[str, str], dict[str, list[PlannedJob]]] = {}
    for job in dag.due:
        reason = why(job, failed=job.index in failed)
        found.setdefault((job.rule, reason.kind), {}).setdefault(reason.detail, []).append(job)
    return [row for (rule, kind), details in found.items() for row in _rows(rule, kind, details)]


def _rows(rule: str, kind: str, details: Mapping[str, list[PlannedJob]]) -> list[dict]:
    ordered = sorted(details.items(), key=lambda item: -len(item[1]))
    if len(ordered) > ROWS:
        rest = [job for _, jobs in ordered[ROWS - 1 :] for job in jobs]
        other = f"{ordered[ROWS - 1][0]}; and {len(ordered) - ROWS} others like it"
        ordered = [*ordered[: ROWS - 1], (other, rest)]
    return [
        {
            "rule": rule,
            "kind": kind,
            "detail": detail,
            "jobs": len(jobs),
            "examples": [job.name for job in jobs[:EXAMPLES]],
        }
        for detail, jobs in ordered
    ]
