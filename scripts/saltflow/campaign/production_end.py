"""Whether production has a fixed length or ends when its results are known."""

from collections.abc import Mapping


def judged_by(production: Mapping) -> Mapping | None:
    """Its `until_known`, of the section `dynamics.production`; None where it is fixed or no longer than the least."""
    wanted = production["until_known"]
    return None if wanted is None or wanted["least_ps"] >= production["duration_ps"] else wanted
