"""How long the dynamics of a committee stays sound: when the cells that it drove met their first guard."""

from collections.abc import Mapping, Sequence

import numpy as np
from ase import Atoms

from saltflow.materials.frame_info import FrameInfo

STABILITY = "stability"  # the key of what `with_stability` adds
COLLISION = "atoms collide"


def measure_stability(frames: Sequence[Atoms]) -> dict[str, dict[str, dict]]:
    """What became of the cells of an exploration.

    Two stop_criteria end a cell's run at the step at which they find something wrong: that of its temperature, and that of
    numbers which are not finite. Colliding atoms end nothing; they are looked for in the recorded frames alone, so
    that their time is known to within the stride of those. The first that a cell meets counts.

    Args:
        frames: of `sampling.explore`, of each cell in order; the last one of a cell has the `run_status`. Cells
            without it are left out.

    Returns:
        composition → temperature in K → cells; duration_ps, as asked for; ended_early, cells whose run was ended;
        stop_criteria: guard → cells that met it first; earliest_ps of the heating (0 in the relaxation before it), None where
        no cell met one; median_ps, the time by which half of the cells had, None where fewer have.
    """
    lineages: dict[str, list[Atoms]] = {}
    for frame in frames:
        lineages.setdefault(FrameInfo.of(frame).lineage, []).append(frame)
    points: dict[tuple[str, float], list[list[Atoms]]] = {}
    for members in lineages.values():
        last = FrameInfo.of(members[-1])
        if last.run_status:
            points.setdefault((last.composition, last.temperature_K), []).append(members)
    found: dict[str, dict[str, dict]] = {}
    for (name, temperature_K), cells in sorted(points.items()):
        found.setdefault(name, {})[f"{temperature_K:g}"] = _point(cells)
    return found


def with_stability(explored: Mapping[str, Mapping], frames: Sequence[Atoms]) -> dict[str, dict]:
    """What became of explored frames, and under `stability` of the cells that they are of.

    Args:
        explored: composition → counts, of `selection.count_explored`.
        frames: all that were explored; see `measure_stability`.
    """
    stability = measure_stability(frames)
    return {
        name: {**counts, **({STABILITY: stability[name]} if name in stability else {})}
        for name, counts in explored.items()
    }


def _point(cells: Sequence[Sequence[Atoms]]) -> dict:
    met = [guard for members in cells if (guard := _first_guard(members))]
    names = [name for _, name in met]
    times_ps = sorted(time_ps for time_ps, _ in met)
    half = -(-len(cells) // 2)
    return {
        "cells": len(cells),
        "duration_ps": FrameInfo.of(cells[0][-1]).requested_ps,
        "ended_early": sum(FrameInfo.of(members[-1]).run_status != "ok" for members in cells),
        "stop_criteria": {name: names.count(name) for name in sorted(set(names))},
        "earliest_ps": times_ps[0] if times_ps else None,
        "median_ps": times_ps[half - 1] if len(times_ps) >= half else None,
    }


def _first_guard(frames: Sequence[Atoms]) -> tuple[float, str] | None:
    """Time in ps and name of the first guard that a cell met, None where it met none."""
    infos = [FrameInfo.of(frame) for frame in frames]
    met = [(info.time_ps, COLLISION) for info in infos if info.close_contact and info.time_ps is not None]
    if infos[-1].run_status != "ok":
        met.append((infos[-1].run_end_ps, infos[-1].run_status))
    time_ps, name = min(met, default=(np.inf, ""))
    return (max(0.0, float(time_ps)), name) if met else None
