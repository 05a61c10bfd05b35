"""Looks at a run while it goes on: a judge says from the frames so far whether it may end.

Looks are taken after fixed numbers of steps: a run that was killed and resumed ends where an undisturbed one does.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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

    def again(self, rows: Sequence[Mapping]) -> list[dict]:
        """Rows of an earlier run as this judge would have them; the last one may end the run where that ended."""


@dataclass(frozen=True)
class JudgedCells:
    """Cells of a batch that are judged together. labels: their numbers. judge: of them."""

    labels: Sequence[int]
    judge: Judge


def is_look_due(schedule: Sequence[Stage], progress: Progress) -> bool:
    """Whether a run stands at a look that has not been taken."""
    if progress.stage == len(schedule) or progress.step not in schedule[progress.stage].looks:
        return False
    return not progress.looks or progress.looks[-1]["step"] != progress.step


def take_looks(judged: Sequence[JudgedCells], runs: Mapping[int, TrajectoryReader], progress: Progress) -> set[int]:
    """Ask the judges of the cells that still run, and note their rows in the progress.

    A judge that cannot judge lets its cells go on.

    Args:
        judged: of the whole batch.
        runs: number of each cell that still runs → its frames so far.
        progress: of the run.

    Returns:
        numbers of the cells that end here.
    """
    ending: set[int] = set()
    for place, cells in enumerate(judged):
        left = [label for label in cells.labels if label in runs]
        if left:
            verdict = _verdict(cells.judge, [runs[label] for label in left], rows_of(progress, place))
            progress.looks += ({"judged": place, "step": progress.step, **verdict},)
            log.info("look after %d steps: %s", progress.step, verdict)
            if verdict["stopped_because"]:
                ending.update(left)
    return ending


def rows_of(progress: Progress, place: int) -> list[dict]:
    """Rows of the table of looks at cells that are judged together.

    Args:
        progress: of their run. place: among those that are judged.
    """
    rows = [row for row in progress.looks if row.get("judged", 0) == place]  # of an older run, which judged one point
    return [{name: value for name, value in row.items() if name != "judged"} for row in rows]


def _verdict(judge: Judge, runs: Sequence[TrajectoryReader], earlier: Sequence[Mapping]) -> dict:
    try:
        return judge(runs, earlier)
    except SaltflowError as error:
        return {"stopped_because": None, "problem": str(error)}


def why_stopped(looks: Sequence[Mapping], *, judged: bool) -> str:
    """Why production ended: what the judge said, LONGEST where it never did, FIXED where there is none."""
    if not judged:
        return FIXED
    return (looks[-1]["stopped_because"] if looks else None) or LONGEST
