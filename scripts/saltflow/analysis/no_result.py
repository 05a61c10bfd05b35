"""What an analysis says of a point none of whose glasses came through its run."""

from collections.abc import Sequence

NO_SOUND_GLASS = "no sound glass"


def no_result(glass_statuses: Sequence[str], *, schema: int) -> dict:
    """What the results of all analyses of such a point have in common.

    Args:
        glass_statuses: why each glass is missing.
        schema: version of the layout of the result.
    """
    reason = "; ".join(f"glass {number}: {status}" for number, status in enumerate(glass_statuses, start=1))
    return {"schema": schema, "status": NO_SOUND_GLASS, "reason": reason, "glasses": 0}
