"""A plan in some fifteen lines for the terminal."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from saltflow.operations.pages.number_formats import counted, duration, memory, plural, rounded, storage
from saltflow.operations.plan.comparison import PLAN

SHOWN = 4


def summary(plan: Mapping) -> str:
    """What would run, why, and what it would need, in plain text."""
    return "\n".join(f"{name:<12} {text}" for name, text in _lines(plan))


def _lines(plan: Mapping) -> Iterator[tuple[str, str]]:
    counts, totals = plan["counts"], plan["totals"]
    failed = f", {counted(counts['failed'])} of the due ones failed before" if counts["failed"] else ""
    yield "Jobs", f"{counted(counts['due'])} due, {counted(counts['done'])} done{failed}"
    if counts["due"]:
        yield from _of_due(plan, totals)
    yield "Storage", f"{storage(totals['storage_GB']['end'])} at the end, {plural(totals['files'], 'file')}"
    for limit in plan["limits"][:SHOWN]:
        yield "Limit", limit["sentence"]
    if len(plan["limits"]) > SHOWN:
        yield "", f"… and {len(plan['limits']) - SHOWN} more limits in the page"
    difference = plan["difference"]
    for sentence in (difference or {}).get("sentences", [])[:SHOWN]:
        yield "Changed", sentence
    yield "Page", str(Path(plan["directory"], PLAN).with_suffix(".html"))


def _of_due(plan: Mapping, totals: Mapping) -> Iterator[tuple[str, str]]:
    why: Counter[str] = Counter()
    for reason in plan["reasons"]:
        why[reason["kind"]] += reason["jobs"]
    yield "Why", ", ".join(f"{kind} {counted(jobs)}" for kind, jobs in why.most_common())
    for reason in [row for row in plan["reasons"] if row["kind"] not in ("new", "upstream")][:SHOWN]:
        yield "", f"{reason['rule']}: {reason['kind']}, {reason['detail']}"
    for name, key in (("CPU-hours", "cpu_hours"), ("GPU-hours", "gpu_hours")):
        yield name, f"{rounded(totals[key]['expected'])} expected, {rounded(totals[key]['upper'])} at most"
    if assumed := [row["rule"] for row in plan["estimates"] if row["basis"] == "assumed"]:
        yield "", f"assumed, not measured: {', '.join(assumed)}"
    row = totals["wall_hours"][len(totals["wall_hours"]) // 2]
    gpu_nodes = f" and {plural(row['gpu_nodes'], 'GPU node')}" if row["gpu_nodes"] else ""
    yield "Wall time", f"{duration(row['expected'])} on {plural(row['cpu_nodes'], 'CPU node')}{gpu_nodes}"
    largest = totals["largest_job"]
    yield "Largest job", f"{largest['rule']}: {memory(largest['memory_MB'])}, {plural(largest['gpus'], 'GPU')}"
    if plan["counts"]["submissions"]:
        yield (
            "Scheduler",
            f"{plural(plan['counts']['submissions'], 'submission')}, at most {totals['peak_queued']} in the queue and "
            f"{totals['peak_submissions_per_minute']} submissions per minute",
        )
