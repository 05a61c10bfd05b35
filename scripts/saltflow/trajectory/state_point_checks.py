"""What every analysis of a state point needs: replicas, a temperature, the mobile ion."""

import math
from collections.abc import Sequence

from saltflow.base.errors import SaltflowError
from saltflow.trajectory.memory import TrajectoryReader


def check_state_point(
    trajectories: Sequence[TrajectoryReader], *, temperature_K: float | None = None, mobile_ion: str | None = None
) -> None:
    """Refuse what no analysis can use.

    Args:
        trajectories: of the replicas.
        temperature_K, mobile_ion: where the analysis needs them.

    Raises:
        SaltflowError: no trajectory, no temperature above 0 K, or a replica without the mobile ion.
    """
    if not trajectories:
        raise SaltflowError("The analysis needs at least one trajectory; run the molecular dynamics first.")
    if temperature_K is not None and not 0 < temperature_K < math.inf:
        raise SaltflowError(f"The analysis needs a temperature above 0 K, not {temperature_K} K.")
    for run in trajectories:
        if mobile_ion is not None and mobile_ion not in run.symbols:
            atoms = ", ".join(sorted(set(run.symbols)))
            raise SaltflowError(f"The mobile ion {mobile_ion} is not among the atoms {atoms}; name one of them.")
