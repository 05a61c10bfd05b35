"""What a plan differs in from the last one that was approved."""

import getpass
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import digest, read_json, write_json
from saltflow.operations.plan.loss import accept_loss

PLAN = "plan/plan.json"
APPROVED = "plan/approved.json"
SHOWN = 5
# Totals whose change an admin asks about: name, and where it stands.
FIGURES = (
    ("jobs due", ("counts", "due")),
    ("submissions", ("counts", "submissions")),
    ("CPU-hours", ("totals", "cpu_hours", "expected")),
    ("CPU-hours at most", ("totals", "cpu_hours", "upper")),
    ("GPU-hours", ("totals", "gpu_hours", "expected")),
    ("GPU-hours at most", ("totals", "gpu_hours", "upper")),
    ("storage at the end, GB", ("totals", "storage_GB", "end")),
    ("files", ("totals", "files")),
    ("jobs in the queue", ("totals", "peak_queued")),
)


def approve(directory: Path) -> dict:
    """Keep the plan of a sweep as the approved one, with date, user and the digest that its page shows.

    What it does again of finished work is accepted with it.

    Raises:
        SaltflowError: there is no plan.
    """
    if not (directory / PLAN).is_file():
        raise SaltflowError(f"There is no plan in {directory / PLAN}; make one first: saltflow plan.")
    plan = read_json(directory / PLAN)
    stamp = {
        "approved_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "approved_by": getpass.getuser(),
        "approved_digest": digest(plan),
    }
    write_json(directory / APPROVED, stamp | plan)
    accept_loss(plan, directory)
    return stamp | plan


def difference_to_approved(plan: Mapping, directory: Path) -> dict | None:
    """What changed since the approved plan: sentences, and the changed figures; None where none was approved."""
    if not (directory / APPROVED).is_file():
        return None
    approved = read_json(directory / APPROVED)
    return {
        "approved_at": approved["approved_at"],
        "approved_by": approved["approved_by"],
        "sentences": list(_sentences(approved, plan)),
        "changes": [
            {"what": what, "before": before, "after": after}
            for what, where in FIGURES
            if (before := _at(approved, where)) != (after := _at(plan, where))
        ],
    }


def _sentences(before: Mapping, after: Mapping) -> Iterator[str]:
    for what in ("compositions", "potentials"):
        yield from _more_or_fewer(what, [row["id"] for row in before[what]], [row["id"] for row in after[what]])
    if before["profile"] != after["profile"]:
        yield f"profile {before['profile']} → {after['profile']}"
    old, new = before["settings"], after["settings"]
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            yield f"{key} {_shown(old.get(key))} → {_shown(new.get(key))}"


def _more_or_fewer(what: str, before: list[str], after: list[str]) -> Iterator[str]:
    for sign, names in (("+", [x for x in after if x not in before]), ("-", [x for x in before if x not in after])):
        if names:
            listed = ", ".join(names[:SHOWN]) + (" …" if len(names) > SHOWN else "")
            yield f"{sign} {len(names)} {what if len(names) > 1 else what.removesuffix('s')}: {listed}"


def _shown(value: object) -> str:
    return "nothing" if value is None else str(value)


def _at(plan: Mapping, where: tuple[str, ...]) -> object:
    for key in where:
        plan = plan[key]
    return plan
