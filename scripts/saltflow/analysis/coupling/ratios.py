"""The ratio of D with a motion frozen to D of the free run, with its interval."""

from collections.abc import Mapping

import numpy as np
from scipy import special

from saltflow.statistics.jackknife import mean_and_error, student_factor

INTERVAL = 0.975


def diffusion_ratio(frozen: Mapping, free: Mapping) -> dict:
    """D(mode)/D(free) of one state point, with its 95 % interval.

    ln of the ratio is averaged over replicas, each compared with itself. Its error is the larger of two: the standard
    error over replicas, and the propagated errors of both D.

    Args:
        frozen, free: results of `analyse_transport` with the `replica_statuses` of all replicas.

    Returns:
        JSON-able: status (the first that is not "ok", else "ok"), value, low, high, ln_error (half of the central
        68.3 %), replicas, basis ("replicas" or "blocks"); None where there is no ratio.
    """
    status = next((point["status"] for point in (frozen, free) if point["status"] != "ok"), "ok")
    logs = _logs_by_replica(frozen, free)
    if not len(logs):
        return {"status": status, "value": None, "low": None, "high": None, "ln_error": None, "replicas": 0,
                "basis": None, "per_replica": []}  # fmt: skip
    error, half, basis = max(_of_replicas(logs), _of_blocks(frozen, free), key=lambda each: each[1])
    centre = float(logs.mean())
    return {
        "status": status,
        "value": float(np.exp(centre)),
        "low": _exponential(centre - half),
        "high": _exponential(centre + half),
        "ln_error": error if np.isfinite(error) else None,
        "replicas": len(logs),
        "basis": basis,
        "per_replica": np.exp(logs).tolist(),
    }


def _logs_by_replica(frozen: Mapping, free: Mapping) -> np.ndarray:
    """ln D(mode)/D(free) of every replica that is accepted in both runs and has positive D."""
    pairs = [_by_number(point) for point in (frozen, free)]
    both = [number for number in pairs[0] if number in pairs[1]]
    values = np.array([[pair[number] for number in both] for pair in pairs], dtype=float).reshape(2, -1)
    positive = (values > 0).all(0)
    return np.log(values[0, positive] / values[1, positive])


def _by_number(point: Mapping) -> dict[int, float]:
    """Number of each accepted replica → its D; nan where undefined."""
    accepted = [number for number, status in enumerate(point["replica_statuses"], start=1) if status == "ok"]
    values = [replica["D_cm2_s"] for replica in point["per_replica"]]
    return {number: np.nan if value is None else value for number, value in zip(accepted, values, strict=True)}


def _of_replicas(logs: np.ndarray) -> tuple[float, float, str]:
    """Error and half interval of the mean over replicas."""
    if len(logs) < 2:
        return 0.0, 0.0, "replicas"
    error = float(mean_and_error(logs)[1])
    return error, error * _wider(len(logs) - 1), "replicas"


def _of_blocks(frozen: Mapping, free: Mapping) -> tuple[float, float, str]:
    """Error and half interval from the errors of both D; infinite where one is unknown."""
    squares = np.zeros(2)
    for point in (frozen, free):
        row = point["quantities"]["D_cm2_s"]
        if not row["value"] or row["error"] is None:
            return np.inf, np.inf, "blocks"
        relative = row["error"] / row["value"]
        freedom = max(1, row["degrees_of_freedom"])
        # The error already is the half width of Student's 68.3 % interval.
        known = row["basis"] == "brownian"
        wider = special.ndtri(INTERVAL) if known else _wider(freedom)
        squares += np.square([relative, relative * wider])
    error, half = np.sqrt(squares)
    return float(error), float(half), "blocks"


def _wider(degrees_of_freedom: int) -> float:
    """Half width of the interval over that of Student's 68.3 % interval."""
    return float(special.stdtrit(degrees_of_freedom, INTERVAL) / student_factor(degrees_of_freedom))


def _exponential(value: float) -> float | None:
    """exp; None where it over- or underflows."""
    return float(np.exp(value)) if abs(value) < 50 else None
