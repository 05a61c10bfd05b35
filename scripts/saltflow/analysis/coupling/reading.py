"""Read the products behind the coupling of one composition, by temperature."""

import os
from collections.abc import Sequence

from saltflow.base.provenance import read_json
from saltflow.trajectory.h5md import open_accepted

Paths = Sequence[str | os.PathLike]


def read_state_points(*, trajectories: Paths, groups: Paths, free: Paths, frozen: Paths) -> list[dict]:
    """The input of `relate_coupling`.

    Args:
        trajectories: of the free runs, replica by replica, each at all temperatures in the order of `groups`.
        groups: products of find_groups, one of each temperature.
        free, frozen: transport of the free and of the constrained runs, in any order.
    """
    free_at = {found["temperature_K"]: found for found in map(read_json, free)}
    frozen_at = [read_json(path) for path in frozen]
    state_points = []
    for number, found in enumerate(map(read_json, groups)):
        kelvin = found["temperature_K"]
        statuses = [replica["status"] for replica in found["replicas"]]
        state_points.append(
            {
                "temperature_K": kelvin,
                "groups": found,
                "runs": open_accepted(trajectories[number :: len(groups)], statuses=statuses),
                "free": free_at[kelvin],
                "frozen": {each["mode"]: each for each in frozen_at if each["temperature_K"] == kelvin},
            }
        )
    return state_points
