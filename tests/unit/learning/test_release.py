"""What a release says of its origin."""

import pytest

from saltflow.analysis.conductivity_table import potential_status
from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import sha256_of_file
from saltflow.learning.release import outcome_of_training, zero_shot_outcome


def test_a_trained_model_is_of_the_generation_that_was_reached():
    criteria = {
        "force_rmse_meV_A": {"value": 40.0, "limit": 50.0, "holds": True},
        "uncertain_fraction": {"value": 0.0, "limit": 0.05, "holds": True},
    }
    last = {
        "generation": 1,
        "converged": True,
        "criteria": criteria,
        "explored": {},
        "heldout": {"force_rmse_meV_A": 40.0},
    }
    outcome = outcome_of_training([{}, last], {"training": "uninterrupted"})
    assert (outcome["generation"], outcome["training"], outcome["heldout"]) == (1, "uninterrupted", last["heldout"])
    assert outcome["ended_because"].startswith("Converged at generation 1: held-out force error 40 ≤ 50 meV/Å")
    assert potential_status(outcome) == "converged"


def test_a_foundation_that_is_used_as_it_is_has_no_error_and_its_pinned_hash(tmp_path):
    model = tmp_path / "released.model"
    model.write_bytes(b"weights")
    outcome = zero_shot_outcome(model, {"foundation": "mace-mpa-0-medium", "sha256": sha256_of_file(model).upper()})
    assert outcome["ended_because"].startswith("Zero-shot: mace-mpa-0-medium drives the dynamics as it is")
    assert (outcome["generation"], outcome["heldout"]) == (None, {"force_rmse_meV_A": None})
    assert potential_status(outcome) == "zero-shot"
    with pytest.raises(SaltflowError, match="where 0{64} is pinned"):
        zero_shot_outcome(model, {"foundation": "mace-mpa-0-medium", "sha256": "0" * 64})
