"""What a release says of its origin: how training ended, or that a foundation is used as it is."""

import os
from collections.abc import Mapping, Sequence

from saltflow.base.provenance import check_hash
from saltflow.learning.convergence import FORCE_ERROR, ended_because


def outcome_of_training(assessments: Sequence[Mapping], check: Mapping) -> dict:
    """Generation, convergence and held-out errors of a trained model.

    Args:
        assessments: of all generations, in order.
        check: train check of the model.
    """
    last = assessments[-1]
    return {
        "generation": last["generation"],
        "converged": last["converged"],
        "ended_because": ended_because(assessments),
        "criteria": last["criteria"],
        "training": check.get("training"),  # checks of earlier versions do not say it
        "heldout": last["heldout"],
    }


def zero_shot_outcome(model: str | os.PathLike, reference: Mapping) -> dict:
    """The same of a foundation that is used as it is: nothing was learned, and no error is known.

    Args:
        model: the copy of the foundation, or the card of a universal potential.
        reference: what is known of it, with its name and the pinned sha256.

    Raises:
        SaltflowError: the model has another hash.
    """
    if "universal" not in reference:  # its weights are checked where they are loaded
        check_hash(model, pinned=reference["sha256"])
    return {
        "generation": None,
        "converged": None,
        "ended_because": f"Zero-shot: {reference['foundation']} drives the dynamics as it is, nothing was learned.",
        "criteria": {},
        "training": None,
        "heldout": {FORCE_ERROR: None},
    }
