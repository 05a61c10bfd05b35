"""Stability of the dynamics: when driven cells met their first stop criterion."""

from collections.abc import Mapping, Sequence

import numpy as np
from ase import Atoms

from saltflow.materials.frame_info import FrameInfo

STABILITY = "stability"  # the key that `with_stability` adds
CLOSE_CONTACT = "close contact"


def measure_stability(frames: Sequence[Atoms]) -> dict[str, dict[str, dict]]:
    """Stability of the cells of an exploration, by composition and temperature.

    Two stop criteria end a run at once: too high a temperature, and numbers that are not finite. Close contacts end
    nothing; they are looked for in recorded frames, so their time is known to within the stride. The first one counts.

    Args:
        frames: of `sampling.explore`, of each cell in order. Cells without a `run_status` are left out.

    Returns:
        composition → temperature in K → cells; duration_ps, as requested; ended_early, cells whose run was stopped;
        stop_criteria: criterion → cells that met it first; earliest_ps of the heating (0 in the relaxation), None where
        no cell met one; median_ps, the time by which half of the cells had, None where fewer have.
    """
    lineages: dict[str, list[Atoms]] = {}
    for frame in frames:
        lineages.setdefault(FrameInfo.of(frame).lineage, []).append(frame)
    state_points: dict[tuple[str, float], list[list[Atoms]]] = {}
    for members in lineages.values():
        last = FrameInfo.of(members[-1])
        if last.run_status:
            state_points.setdefault((last.composition, last.temperature_K), []).append(members)
    found: dict[str, dict[str, dict]] = {}
    for (name, temperature_K), cells in sorted(state_points.items()):
        found.setdefault(name, {})[f"{temperature_K:g}"] = _state_point(cells)
    return found


def with_stability(explored: Mapping[str, Mapping], frames: Sequence[Atoms]) -> dict[str, dict]:
    """Counts of explored frames, with the stability of their cells under `stability`.

    Args:
        explored: composition → counts, of `selection.count_explored`.
        frames: all explored frames.
    """
    stability = measure_stability(frames)
    return {
        name: {**counts, **({STABILITY: stability[name]} if name in stability else {})}
        for name, counts in explored.items()
    }


def _state_point(cells: Sequence[Sequence[Atoms]]) -> dict:
    met = [first for members in cells if (first := _first_criterion(members))]
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


def _first_criterion(frames: Sequence[Atoms]) -> tuple[float, str] | None:
    """Time in ps and name of the first criterion that a cell met; None where it met none."""
    infos = [FrameInfo.of(frame) for frame in frames]
    met = [(info.time_ps, CLOSE_CONTACT) for info in infos if info.close_contact and info.time_ps is not None]
    if infos[-1].run_status != "ok":
        met.append((infos[-1].run_end_ps, infos[-1].run_status))
    time_ps, name = min(met, default=(np.inf, ""))
    return (max(0.0, float(time_ps)), name) if met else None
