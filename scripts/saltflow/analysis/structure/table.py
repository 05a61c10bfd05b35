"""The structural descriptors of every state point as a table."""

from collections.abc import Mapping, Sequence

import pandas as pd

from saltflow.analysis.structure.descriptors import NAMES


def tabulate_structure(points: Sequence[Mapping]) -> pd.DataFrame:
    """One row per composition × temperature.

    Args:
        points: content of structure.json of every state point.

    Returns:
        columns composition, temperature_K, replicas, status, flags (separated by semicolons), and every descriptor with
        its error as …_err; empty where undefined.
    """
    return pd.DataFrame([_row(point) for point in points])


def _row(result: Mapping) -> dict:
    row = {
        "composition": result["composition"],
        "temperature_K": round(result["temperature_K"]),
        "replicas": result["replicas"],
        "status": result["status"],
        "flags": "; ".join(dict.fromkeys(flag["flag"] for flag in result["flags"])),
    }
    for name in NAMES:
        found = result["descriptors"].get(name, {})
        row |= {name: found.get("value"), f"{name}_err": found.get("error")}
    return row
