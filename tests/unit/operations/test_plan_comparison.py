"""What a plan differs in from the approved one."""

import copy
from pathlib import Path

import pytest

from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import read_json, write_json
from saltflow.operations.plan.comparison import APPROVED, PLAN, approve, difference_to_approved

HOURS = {"expected": 1200.0, "upper": 5000.0}
BEFORE = {
    "made": "2026-01-01T00:00:00+00:00",
    "profile": "profiles/slurm",
    "counts": {"due": 10, "submissions": 5},
    "compositions": [{"id": name} for name in ("LiCl", "NaCl")],
    "potentials": [{"id": "base"}],
    "loss": {"cpu_hours": 0.0, "gpu_hours": 0.0, "rules": [], "because": [], "jobs": [], "sentence": ""},
    "settings": {"dynamics.production.duration_ps": 100.0, "sweep.replicas": 3},
    "totals": {
        "cpu_hours": HOURS,
        "gpu_hours": HOURS,
        "storage_GB": {"end": 4.0},
        "files": 100,
        "peak_queued": 10,
    },
}


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    write_json(tmp_path / PLAN, BEFORE)
    approve(tmp_path)
    return tmp_path


def test_without_an_approved_plan_there_is_no_difference(tmp_path: Path):
    assert difference_to_approved(BEFORE, tmp_path) is None


def test_what_is_not_there_cannot_be_approved(tmp_path: Path):
    with pytest.raises(SaltflowError, match="saltflow plan"):
        approve(tmp_path)


def test_the_approved_plan_carries_when_and_by_whom(sweep: Path):
    approved = read_json(sweep / APPROVED)
    assert {name: approved[name] for name in BEFORE} == BEFORE
    assert approved["approved_by"]
    assert approved["approved_at"] > BEFORE["made"]


def test_the_same_plan_differs_in_nothing(sweep: Path):
    difference = difference_to_approved(BEFORE, sweep)
    assert difference["sentences"] == difference["changes"] == []


def test_every_difference_is_told(sweep: Path):
    after = copy.deepcopy(BEFORE)
    after["compositions"] = [{"id": name} for name in ("LiCl", "LiI", "NaI")]
    after["settings"] = {"dynamics.production.duration_ps": 200.0, "sweep.replicas": 3, "overrides.LiI": 1}
    after["totals"]["gpu_hours"] = {"expected": 1800.0, "upper": 5000.0}
    difference = difference_to_approved(after, sweep)
    assert difference["sentences"] == [
        "+ 2 compositions: LiI, NaI",
        "- 1 composition: NaCl",
        "dynamics.production.duration_ps 100.0 → 200.0",
        "overrides.LiI nothing → 1",
    ]
    assert difference["changes"] == [{"what": "GPU-hours", "before": 1200.0, "after": 1800.0}]
