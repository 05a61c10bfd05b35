"""Convergence of a potential: decided by its assessment, asked in one place."""

import os
from pathlib import Path

from saltflow.base.provenance import read_json


def has_converged(assessment: str | os.PathLike | None) -> bool:
    """Whether the generation of an assessment.json has converged; False if the file is missing.

    Args:
        assessment: path; None or empty without a previous generation.
    """
    return bool(assessment) and Path(assessment).is_file() and bool(read_json(assessment)["converged"])
