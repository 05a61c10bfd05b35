"""What charge and discharge differ by at the same x: the order of stages, and measures with errors over replicas."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np

from saltflow.studies.electrodes.cycling import CHARGE, DISCHARGE


def stage_sequences(rows: Sequence[Mapping]) -> dict[str, list[dict]]:
    """Stages of a layered host in the order of its steps, for charge and discharge.

    Args:
        rows: of `cycle_host`.

    Returns:
        direction → runs of equal stage: cycle, stage (None without ions), x_from, x_to.
    """
    found: dict[str, list[dict]] = {CHARGE: [], DISCHARGE: []}
    for row in rows:
        if row["direction"] not in found or "stage" not in row:
            continue
        runs = found[row["direction"]]
        if runs and (runs[-1]["cycle"], runs[-1]["stage"]) == (row["cycle"], row["stage"]):
            runs[-1]["x_to"] = row["x"]
        else:
            runs.append({"cycle": row["cycle"], "stage": row["stage"], "x_from": row["x"], "x_to": row["x"]})
    return found


def asymmetry(replicas: Sequence[Sequence[Mapping]]) -> list[dict]:
    """Charge less discharge of each measure at each x that both pass, over replicas.

    Args:
        replicas: rows of `cycle_host` of each.

    Returns:
        rows: measure (voltage_V between two x, at their middle; stage_order of a stage, registry, spacing_A, trapping),
        x, charge and discharge (means over cycles and replicas), difference, its standard error over replicas (None for
        fewer than two), and replicas that passed it both ways.
    """
    of_replicas = [_means(rows) for rows in replicas]
    rows = []
    for measure, x in sorted({key for each in of_replicas for key in each}):
        both = np.array([each[measure, x] for each in of_replicas if (measure, x) in each])
        differences = both[:, 0] - both[:, 1]
        error = float(differences.std(ddof=1) / np.sqrt(len(both))) if len(both) > 1 else None
        rows.append(
            {
                "measure": measure,
                "x": x,
                "charge": float(both[:, 0].mean()),
                "discharge": float(both[:, 1].mean()),
                "difference": float(differences.mean()),
                "error": error,
                "replicas": len(both),
            }
        )
    return rows


def _means(rows: Sequence[Mapping]) -> dict[tuple[str, float], tuple[float, float]]:
    """Measure and x → means over the cycles of charge and of discharge, where there are both."""
    found: dict[tuple[str, float], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for before, row in pairwise(rows):
        for measure, x, value in _measured(before, row):
            found[measure, round(x, 6)][row["direction"]].append(value)
    return {
        key: (float(np.mean(each[CHARGE])), float(np.mean(each[DISCHARGE])))
        for key, each in found.items()
        if each[CHARGE] and each[DISCHARGE]
    }


def _measured(before: Mapping, row: Mapping) -> Iterator[tuple[str, float, float]]:
    yield "voltage_V", (before["x"] + row["x"]) / 2, row["voltage_V"]
    if row.get("trapping") is not None:
        yield "trapping", row["x"], row["trapping"]
    if "stage_order" in row:
        for stage, value in row["stage_order"].items():
            if stage != "1":  # it is 1 for any ions
                yield f"stage_order {stage}", row["x"], value
        yield "registry", row["x"], float(np.mean(row["registry"]))
        yield "spacing_A", row["x"], float(np.mean(row["spacings_A"]))
