"""Whether a potential has converged: the one place that reads it from an assessment."""

import os
from pathlib import Path

from saltflow.base.provenance import read_json


def has_converged(assessment: str | os.PathLike | None) -> bool:
    """Whether the generation of an assessment.json has converged; not if it is not there.

    Args:
        assessment: its path; None or empty where there is no generation before.
    """
    return bool(assessment) and Path(assessment).is_file() and bool(read_json(assessment)["converged"])
