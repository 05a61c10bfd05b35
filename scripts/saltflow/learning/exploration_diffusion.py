"""Diffusion coefficients in the exploration of a generation, by the estimator of the sweep.

Explorations are short molecular dynamics at the same temperatures and densities in every generation, from other
packings: those of two generations are independent measurements.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from ase import Atoms

from saltflow.analysis.transport.measurement import measure
from saltflow.base.errors import SaltflowError
from saltflow.materials.frame_info import FrameInfo
from saltflow.trajectory.memory import Trajectory

EQUILIBRATION = 0.2  # of the heating: the cell starts from a relaxed packing
FEWEST_CELLS = 2  # for the scatter between packings


def measure_diffusion(
    frames: Iterable[Atoms],
    compositions: Sequence[Mapping],
    *,
    transport: Mapping[str, Mapping],
    duration_ps: float,
) -> dict[str, dict[str, dict]]:
    """D of the mobile ion of each composition at each explored temperature.

    Args:
        frames: of `sampling.explore`, of each cell in order.
        compositions: identities of the explored compositions.
        transport: composition → its settings of the diffusive window.
        duration_ps: of the heating; its first fifth is left out, and so are cells that did not reach the end.

    Returns:
        composition → temperature in K → status ("ok", or why D is unknown), cells (at the end), and with status
        ok D_cm2_s and relative_error (standard error, with the scatter between packings).
    """
    cells: dict[tuple[str, float], dict[str, list[Atoms]]] = {}
    for frame in frames:
        info = FrameInfo.of(frame)
        if info.temperature_K is not None:
            where = info.composition, info.temperature_K
            cells.setdefault(where, {}).setdefault(info.lineage, []).append(frame)
    found: dict[str, dict[str, dict]] = {each["id"]: {} for each in compositions}
    identities = {each["id"]: each for each in compositions}
    for (name, temperature_K), lineages in sorted(cells.items()):
        runs = [_heated(members, duration_ps=duration_ps) for members in lineages.values()]
        found[name][f"{temperature_K:g}"] = _state_point(
            [run for run in runs if run], identities[name], temperature_K=temperature_K, transport=transport[name]
        )
    return found


def _state_point(runs: Sequence[Trajectory], identity: Mapping, *, temperature_K: float, transport: Mapping) -> dict:
    if len(runs) < FEWEST_CELLS:
        return {"status": f"{len(runs)} cells reached the end, {FEWEST_CELLS} are needed", "cells": len(runs)}
    try:
        measured = measure(
            runs,
            charges=identity["oxidation_states"],
            mobile_ion=identity["mobile_ion"],
            temperature_K=temperature_K,
            **transport,
        )
    except SaltflowError as error:
        return {"status": str(error), "cells": len(runs)}
    if not measured.window.diffusive:
        return {"status": "not diffusive", "cells": len(runs)}
    estimate = measured.estimates({})["D_cm2_s"]
    value, error = (float(each[measured.system.mobile]) for each in (estimate.value, estimate.error))
    if not value > 0:
        return {"status": "D is not positive", "cells": len(runs)}
    return {"status": "ok", "cells": len(runs), "D_cm2_s": value, "relative_error": error / value}


def _heated(frames: Sequence[Atoms], *, duration_ps: float) -> Trajectory | None:
    """The heating of one cell after equilibration, unwrapped by nearest images; None where it did not reach the end."""
    timed = [frame for frame in frames if FrameInfo.of(frame).time_ps is not None]
    times_ps = np.array([FrameInfo.of(frame).time_ps for frame in timed])
    kept = np.flatnonzero(times_ps > EQUILIBRATION * duration_ps)
    stride_ps = np.diff(times_ps[kept]).min(initial=np.inf)
    if not len(kept) or times_ps[-1] < duration_ps - 1.5 * stride_ps:
        return None
    fractional = np.array([timed[index].get_scaled_positions(wrap=False) for index in kept])
    steps = np.diff(fractional, axis=0)
    moved = np.concatenate([fractional[:1], steps - np.rint(steps)]).cumsum(axis=0)
    boxes_A = np.array([timed[index].cell.array for index in kept])
    return Trajectory(
        positions_A=moved @ boxes_A,
        cells_A=boxes_A,
        times_ps=times_ps[kept],
        symbols=tuple(timed[0].symbols),
        masses_u=timed[0].get_masses(),
    )
