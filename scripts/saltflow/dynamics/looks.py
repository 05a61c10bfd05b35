"""Looks at a run while it goes on: a judge says from the frames so far whether it may end.

Looks are taken after fixed numbers of steps: a run that was killed and resumed ends where an undisturbed one does.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Protocol

from saltflow.base.errors import SaltflowError
from saltflow.dynamics.progress import Progress
from saltflow.dynamics.schedule import Stage
from saltflow.trajectory.memory import TrajectoryReader

log = logging.getLogger(__name__)
LONGEST, FIXED = "longest", "fixed length"


class Judge(Protocol):
    """Says whether the replicas of a state point have run for long enough."""

    def __call__(self, runs: Sequence[TrajectoryReader], earlier: Sequence[Mapping]) -> dict:
        """One row of the table of looks.

        Args:
            runs: the frames so far of the replicas that are still running.
            earlier: rows of the looks before.

        Returns:
            JSON-able; `stopped_because` is the reason to end the run here, or None.
        """


def is_look_due(schedule: Sequence[Stage], progress: Progress) -> bool:
    """Whether a run stands at a look that has not been taken."""
    if progress.stage == len(schedule) or progress.step not in schedule[progress.stage].looks:
        return False
    return not progress.looks or progress.looks[-1]["step"] != progress.step


def take_look(judge: Judge, runs: Sequence[TrajectoryReader], schedule: Sequence[Stage], progress: Progress) -> None:
    """Ask the judge, note its row in the progress, and end the schedule where it says so.

    A judge that cannot judge lets the run go on.
    """
    try:
        verdict = judge(runs, progress.looks)
    except SaltflowError as error:
        verdict = {"stopped_because": None, "problem": str(error)}
    progress.looks += ({"step": progress.step, **verdict},)
    log.info("look after %d steps: %s", progress.step, verdict)
    if verdict["stopped_because"]:
        progress.stage = len(schedule)


def why_stopped(looks: Sequence[Mapping], *, judged: bool) -> str:
    """Why production ended: what the judge said, LONGEST where it never did, FIXED where there is none."""
    if not judged:
        return FIXED
    return (looks[-1]["stopped_because"] if looks else None) or LONGEST
