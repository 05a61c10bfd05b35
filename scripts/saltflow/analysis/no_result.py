"""What an analysis says of a point none of whose replicas came through its run."""

from collections.abc import Sequence

NO_ACCEPTED_REPLICA = "no accepted replica"


def no_result(replica_statuses: Sequence[str], *, schema: int) -> dict:
    """What the results of all analyses of such a point have in common.

    Args:
        replica_statuses: why each replica is missing.
        schema: version of the layout of the result.
    """
    reason = "; ".join(f"replica {number}: {status}" for number, status in enumerate(replica_statuses, start=1))
    return {"schema": schema, "status": NO_ACCEPTED_REPLICA, "reason": reason, "replicas": 0}
