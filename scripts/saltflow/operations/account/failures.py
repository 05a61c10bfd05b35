"""The last word of a run that did not end well: which jobs were not done, and why."""

from datetime import datetime
from pathlib import Path

from saltflow.operations.account.spending import Spending, read_spending

NAMED = 20


def what_failed(folder: Path, *, since: datetime) -> str | None:
    """The jobs whose last attempt came to no good end, one line each; None where there is none.

    Args:
        folder: the working directory.
        since: when the run began; what failed before is not its failure.
    """
    last = {spent.job.log: spent for spent in read_spending(folder) if spent.began and spent.began >= since}
    lines = [_line(spent) for spent in last.values() if spent.reason not in ("done", "running")]
    if not lines:
        return None
    more = [f"  and {len(lines) - NAMED} more; saltflow status shows all."] if len(lines) > NAMED else []
    return "\n".join([f"Not done: {len(lines)} jobs", *lines[:NAMED], *more])


def _line(spent: Spending) -> str:
    message = spent.sentence or f"the log is {spent.job.log}."
    return f"  {spent.job.rule} ({spent.job.subject}), {spent.reason}: {message}"
