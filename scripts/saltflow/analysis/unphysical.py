"""The status of results whose trajectories are beyond the physical bounds."""

from collections.abc import Mapping, Sequence

UNPHYSICAL = "unphysical"


def judged(result: Mapping, reasons: Sequence[str]) -> dict:
    """A result; its status is "unphysical" and its `reason` says why where there are reasons.

    Args:
        result: of an analysis, with a status.
        reasons: why numbers from its trajectories are not physical (`trajectory.physical_bounds`).
    """
    if not reasons:
        return dict(result)
    return {**result, "status": UNPHYSICAL, "reason": "; ".join(reasons)}
