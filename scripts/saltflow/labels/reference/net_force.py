"""Remove the net force that a finite grid leaves on a cell; record it and limit it."""

from dataclasses import replace

import numpy as np

from saltflow.labels.reference.label import LabelFailure, Result


def without_net_force(result: Result, *, limit_eV_A: float, remedy: str) -> Result:
    """The result with forces that sum to zero; its details hold the norm of the removed net force.

    Args:
        limit_eV_A: above it single forces are wrong, too.
        remedy: for the message.

    Raises:
        LabelFailure: the net force is above the limit.
    """
    net_eV_A = result.forces_eV_A.sum(axis=0)
    norm_eV_A = float(np.linalg.norm(net_eV_A))
    details = {**result.details, "net_force_eV_A": norm_eV_A}
    if norm_eV_A > limit_eV_A:
        reason = f"net force {norm_eV_A:.3f} eV/Å is above {limit_eV_A:g} eV/Å: {remedy}"
        raise LabelFailure("net_force", reason, attempts=result.attempts, details=details)
    return replace(result, forces_eV_A=result.forces_eV_A - net_eV_A / len(result.forces_eV_A), details=details)
