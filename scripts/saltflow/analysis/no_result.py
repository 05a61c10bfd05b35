"""The result of a state point without an accepted replica."""

from collections.abc import Sequence

NO_ACCEPTED_REPLICA = "no accepted replica"


def no_result(replica_statuses: Sequence[str], *, schema: int) -> dict:
    """The keys that such a result has in every analysis.

    Args:
        replica_statuses: of each replica.
        schema: version of the layout of the result.
    """
    reason = "; ".join(f"replica {number}: {status}" for number, status in enumerate(replica_statuses, start=1))
    return {"schema": schema, "status": NO_ACCEPTED_REPLICA, "reason": reason, "replicas": 0}
