"""The plan as a page: what will run, why, and what it needs, for somebody who must answer for the cluster."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from saltflow.base.provenance import digest
from saltflow.operations.pages import rule_graph as graph
from saltflow.operations.pages.number_formats import HOURS_PER_DAY, SMALLEST_DAYS, plural, rounded
from saltflow.operations.pages.rendering import render, state_of
from saltflow.operations.rate_bases import UNMEASURED

# The area of the chart in its SVG, in pixels: the template draws axes and labels around it.
LEFT, RIGHT, TOP, BOTTOM = 62, 550, 34, 238
TICKS = 4
MIN_POINTS = 2
STATE_NAMES = (("d", "done"), ("p", "partly done"), ("u", "due"), ("f", "failed"))


def plan_page(plan: Mapping) -> str:
    """One HTML file of a plan.

    Args:
        plan: the content of plan.json, as saltflow.operations.plan makes it.
    """
    rules = {row["rule"]: row for row in plan["rules"]}
    drawing = graph.draw([node["rule"] for node in plan["graph"]["nodes"]], map(tuple, plan["graph"]["edges"]))
    return render(
        "plan.html.j2",
        document=plan,
        plan=plan,
        digest=digest(dict(plan)),
        rules=rules,
        temperatures=max((len(row["temperatures"]) for row in plan["compositions"]), default=0),
        wall=_middle_wall_time(plan["totals"]["wall_hours"]),
        assumed={unit: _assumed_share(plan["rules"], unit) for unit in ("cpu_hours", "gpu_hours")},
        unmeasured=UNMEASURED,
        reason_counts=_reason_counts(plan["reasons"]),
        drawing=drawing,
        node_width=graph.NODE_WIDTH,
        node_height=graph.NODE_HEIGHT,
        chart=_wall_time_chart(plan["totals"]["wall_hours"]),
        state_names=STATE_NAMES,
        strips=[_strip(stage, plan["compositions"]) for stage in _stages_of(plan["compositions"], plan["stages"])],
        composition_stages=_stages_of(plan["compositions"], plan["stages"]),
        potential_stages=_stages_of(plan["potentials"], plan["stages"]),
    )


def _reason_counts(reasons: Iterable[Mapping]) -> list[tuple[str, int]]:
    """Jobs per kind of reason, most frequent first."""
    counts: Counter[str] = Counter()
    for reason in reasons:
        counts[reason["kind"]] += reason["jobs"]
    return counts.most_common()


def _stages_of(rows: Iterable[Mapping], stages: Sequence[str]) -> list[str]:
    """Those stages in which one of these rows has jobs, in order."""
    present = {stage for row in rows for stage in row["stages"]}
    return [stage for stage in stages if stage in present]


def _strip(stage: str, compositions: Iterable[Mapping]) -> dict:
    """How many compositions are in each state of a stage, and runs of neighbours in the same one."""
    states = [state_of(row["stages"].get(stage)) for row in compositions]
    runs, start = [], 0
    for state, members in groupby(states):
        length = len(list(members))
        runs.append({"state": state, "start": start, "length": length})
        start += length
    return {"stage": stage, "counts": Counter(states), "runs": runs}


def _assumed_share(rules: Iterable[Mapping], unit: str) -> float:
    """The part of the expected hours that rests on rates which nobody measured, 0 … 1."""
    hours = [(row[unit]["expected"], row["basis"] in UNMEASURED) for row in rules]
    total = sum(expected for expected, _ in hours)
    return sum(expected for expected, assumed in hours if assumed) / total if total else 0.0


def _nodes(row: Mapping) -> str:
    """The nodes of an expectation of wall time, in words."""
    cpu_nodes = plural(row["cpu_nodes"], "CPU node")
    return f"{plural(row['gpu_nodes'], 'GPU node')} and {cpu_nodes}" if row["gpu_nodes"] else cpu_nodes


def _middle_wall_time(rows: Sequence[Mapping]) -> dict | None:
    """The expectation to put first: of a middling number of nodes."""
    if not rows:
        return None
    row = rows[len(rows) // 2]
    return {"expected": row["expected"], "where": _nodes(row)}


def _wall_time_chart(rows: Sequence[Mapping]) -> dict | None:
    """Coordinates of expected wall time over nodes, evenly spaced as they double; nothing to draw of one number."""
    if len(rows) < MIN_POINTS:
        return None
    days = max(row["expected"] for row in rows) >= SMALLEST_DAYS * HOURS_PER_DAY
    values = [row["expected"] / (HOURS_PER_DAY if days else 1) for row in rows]
    top = _round_up(max(values))
    step = (RIGHT - LEFT) / len(rows)
    points = [
        {
            "x": round(LEFT + (place + 0.5) * step),
            "y": round(BOTTOM - (BOTTOM - TOP) * value / top),
            "label": rounded(value, digits=2),
            "nodes": f"{row['gpu_nodes']} + {row['cpu_nodes']}" if row["gpu_nodes"] else str(row["cpu_nodes"]),
        }
        for place, (row, value) in enumerate(zip(rows, values, strict=True))
    ]
    return {
        "unit": "days" if days else "hours",
        "axis": "GPU nodes + CPU nodes" if any(row["gpu_nodes"] for row in rows) else "CPU nodes",
        "points": points,
        "line": " ".join(f"{point['x']},{point['y']}" for point in points),
        "ticks": [
            {"y": round(BOTTOM - (BOTTOM - TOP) * tick / TICKS), "label": rounded(top * tick / TICKS)}
            for tick in range(TICKS + 1)
        ],
    }


def _round_up(value: float) -> float:
    """The next number whose quarters are round: 1, 2, 4 or 8 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10 ** math.floor(math.log10(value))
    return next(factor * power for factor in (1, 2, 4, 8, 10) if factor * power >= value * (1 - 1e-9))
