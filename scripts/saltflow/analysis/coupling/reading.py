"""Read the products behind the coupling of one composition, by temperature."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from saltflow.base.provenance import read_json
from saltflow.trajectory.h5md import open_accepted

Paths = Sequence[str | os.PathLike]


def read_state_points(
    temperatures_K: Sequence[int],
    modes: Sequence[str],
    *,
    trajectories: Paths,
    groups: Paths,
    free: Paths,
    frozen: Paths,
) -> list[dict]:
    """The input of `relate_coupling`, from files in folders named by temperature ({temperature}K) and mode.

    Args:
        temperatures_K: of the state points.
        modes: frozen motions.
        trajectories: of the free runs, replica{replica}.h5md.
        groups: products of find_groups.
        free, frozen: transport of the free and of the constrained runs.
    """
    points = []
    for kelvin in temperatures_K:
        found = read_json(_at(groups, kelvin)[0])
        points.append(
            {
                "temperature_K": float(kelvin),
                "groups": found,
                "runs": open_accepted(
                    sorted(_at(trajectories, kelvin), key=_replica),
                    statuses=[replica["status"] for replica in found["replicas"]],
                ),
                "free": read_json(_at(free, kelvin)[0]),
                "frozen": _by_mode(modes, _at(frozen, kelvin)),
            }
        )
    return points


def _at(paths: Paths, kelvin: int) -> list[Path]:
    return [Path(path) for path in paths if Path(path).parent.name == f"{kelvin}K"]


def _by_mode(modes: Sequence[str], paths: Sequence[Path]) -> Mapping[str, dict]:
    return {mode: read_json(next(path for path in paths if path.parent.parent.name == mode)) for mode in modes}


def _replica(path: Path) -> int:
    return int(path.stem.removeprefix("replica"))
