"""Whether a potential has converged, read from its assessment."""

import pytest

from saltflow.base.provenance import write_json
from saltflow.campaign.assessment_state import has_converged


@pytest.mark.parametrize("converged", [True, False])
def test_an_assessment_states_whether_its_generation_converged(tmp_path, converged):
    write_json(tmp_path / "assessment.json", {"generation": 1, "converged": converged})
    assert has_converged(tmp_path / "assessment.json") is converged
    assert has_converged(str(tmp_path / "assessment.json")) is converged


@pytest.mark.parametrize("absent", [None, "", [], "gone/assessment.json"])
def test_without_an_assessment_nothing_has_converged(absent):
    """Snakemake gives an empty list for an input that a job does not have."""
    assert has_converged(absent) is False
