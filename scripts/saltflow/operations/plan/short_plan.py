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
    if plan["loss"]["jobs"]:
        yield "Loss", plan["loss"]["sentence"]
    yield "Storage", f"{storage(totals['storage_GB']['end'])} at the end, {plural(totals['files'], 'file')}"
    for limit in plan["limits"][:SHOWN]:
        yield "Limit", limit["sentence"]
    if len(plan["limits"]) > SHOWN:
        yield "", f"… and {len(plan['limits']) - SHOWN} more limits in the page"
    for sentence in plan["unchecked"][:SHOWN]:
        yield "Unchecked", sentence
    if len(plan["unchecked"]) > SHOWN:
        yield "", f"… and {len(plan['unchecked']) - SHOWN} more in the page"
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
    if labels := totals["labels"]:
        yield (
            "Labels",
            f"{counted(labels['expected'])} expected, {counted(labels['upper'])} at most, by {labels['basis']}",
        )
    if accuracies := plan["prices"]["accuracies"]:
        prices = (f"{row['D_relative_error']:.0%} {rounded(row['gpu_hours'])}" for row in accuracies)
        yield "Accuracy", f"GPU-hours for an error of D of {', '.join(prices)}"
        if plan["prices"]["published"]:
            hours = (
                f"{row['D_relative_error']:.0%} {rounded(row['by_published_rates']['gpu_hours'])}" for row in accuracies
            )
            yield "", f"the same by rates that others have published: {', '.join(hours)}"
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
