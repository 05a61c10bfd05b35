"""The groups of all replicas of a state point: which may be frozen, and why others may not."""

import os
from collections.abc import Sequence

from saltflow.materials.compositions import Composition
from saltflow.materials.groups.persistence import persistent_groups
from saltflow.trajectory.h5md import open_trajectory


def describe_groups(
    trajectories: Sequence[str | os.PathLike],
    *,
    statuses: Sequence[str],
    composition: Composition,
    wanted: Sequence[str],
    max_exchanged_fraction: float,
) -> dict:
    """The groups of every replica of a state point that persist through its free run.

    Args:
        trajectories: H5MD file of each replica.
        statuses: status of each free run; any but "ok" is kept.
        composition, wanted, max_exchanged_fraction: see `persistent_groups`.

    Returns:
        JSON-able: `requested_groups`; `replicas` with replica, status ("ok", "no groups", "groups exchange atoms" or
        that of the free run), groups and kinds; `sentences` for the log.
    """
    replicas, sentences = [], []
    for number, (path, status) in enumerate(zip(trajectories, statuses, strict=True), start=1):
        if status != "ok":
            replicas.append({"replica": number, "status": status, "groups": [], "kinds": {}})
            sentences.append(f"replica {number}: {status}.")
            continue
        found = persistent_groups(
            open_trajectory(path), composition, wanted=wanted, max_exchanged_fraction=max_exchanged_fraction
        )
        replicas.append({"replica": number, "status": _status(found), **found})
        sentences += [f"replica {number}: {sentence}" for sentence in _sentences(found, wanted)]
    return {"requested_groups": list(wanted), "replicas": replicas, "sentences": sentences}


def _status(found: dict) -> str:
    if found["groups"]:
        return "ok"
    return "groups exchange atoms" if found["kinds"] else "no groups"


def _sentences(found: dict, wanted: Sequence[str]) -> list[str]:
    if not found["kinds"]:
        return [f"no isolated group of {', '.join(wanted)}; name others in constraints.groups."]
    sentences = []
    for kind, facts in found["kinds"].items():
        above = "above " if facts["lifetime_is_bound"] else ""
        lifetime = f"bond lifetime {above}{facts['bond_lifetime_ps']:.3g} ps"
        if facts["status"] == "ok":
            sentences.append(
                f"{kind}: {facts['kept']} of {facts['found']} groups persist and may be frozen; {lifetime}."
            )
        else:
            sentences.append(
                f"{kind} is refused: {facts['exchanged']} of {facts['found']} groups exchange atoms; {lifetime}. "
                "Freeze it at a lower temperature, or not at all."
            )
    return sentences
