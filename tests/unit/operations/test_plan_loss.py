"""Finished long jobs that would be done again: counted, named with their cause, and refused until it is accepted."""

import json
from pathlib import Path

import pytest

from saltflow.base.errors import SaltflowError
from saltflow.operations.plan.dag import Dag, PlannedJob, Reason
from saltflow.operations.plan.loss import accept_loss, check_accepted, expected_loss, forget_accepted_loss

LONGER = Reason(
    recorded=True, params_before=("{'timestep_fs': 1.0}",), params_after={"dynamics": "{'timestep_fs': 2.0}"}
)


def job(index: int, rule: str, wildcards: dict, *, reason: Reason | None, after: tuple[int, ...] = ()) -> PlannedJob:
    name = f"{rule}{index}"
    return PlannedJob(
        index, rule, wildcards, after, (), (f"results/{name}",), f"logs/{name}.log", None, local=False, reason=reason
    )


def finish(sweep: Path, done: PlannedJob, *, hours: float, gpus: int = 0, cpus: int = 1, killed: bool = False) -> None:
    """Its product and its journal: a first attempt of an hour that was killed, if it was, and one that ended well."""
    attempt = {"requested": {"cpus": cpus, "gpus": gpus, "memory_MB": 100, "runtime_min": 60}}
    lines = [{"attempt": "a", "began": "2026-01-01T00:00:00+00:00", "ended": "2026-01-01T01:00:00+00:00", **attempt}]
    lines[0]["outcome"] = "failed"
    end = f"2026-01-02T{int(hours):02}:{round(hours % 1 * 60):02}:00+00:00"
    lines.append({"attempt": "b", "began": "2026-01-02T00:00:00+00:00", "ended": end, "outcome": "done", **attempt})
    for path in (*done.outputs, f"{done.log}.attempts.jsonl"):
        (sweep / path).parent.mkdir(parents=True, exist_ok=True)
        (sweep / path).write_text("")
    kept = lines if killed else lines[1:]
    (sweep / f"{done.log}.attempts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in kept))


def dag_of(sweep: Path, *jobs: PlannedJob) -> Dag:
    return Dag(sweep, {}, {}, jobs, {}, "local", {}, None, None, 1)


MEMBER = {"potential": "base", "generation": "0", "member": "1"}
POINT = {"composition": "LiCl", "temperature": "500"}


def test_hours_of_all_attempts_count_for_cores_and_for_gpus_apart(tmp_path):
    trained = job(0, "fine_tune", MEMBER, reason=LONGER)
    moved = job(1, "run_md", POINT, reason=Reason(recorded=True), after=(0,))
    finish(tmp_path, trained, hours=2.0, cpus=4)
    finish(tmp_path, moved, hours=3.5, gpus=1, cpus=8, killed=True)
    loss = expected_loss(dag_of(tmp_path, trained, moved))
    assert (loss["cpu_hours"], loss["gpu_hours"]) == (8.0, 4.5)
    assert [(row["rule"], row["jobs"]) for row in loss["rules"]] == [("fine_tune", 1), ("run_md", 1)]
    assert loss["because"] == ["dynamics.timestep_fs: 1.0 → 2.0"]
    assert loss["sentence"] == (
        "Finished jobs that hold 8.0 core-hours and 4.5 GPU-hours are due again (1 fine_tune, 1 run_md): "
        "dynamics.timestep_fs: 1.0 → 2.0."
    )


def test_what_is_not_there_or_not_long_or_not_due_is_no_loss(tmp_path):
    short = job(0, "analyse_transport", POINT, reason=LONGER)
    gone = job(1, "run_md", POINT, reason=LONGER)
    kept = job(2, "run_md", POINT | {"temperature": "700"}, reason=None)
    never = job(3, "run_md", POINT | {"temperature": "900"}, reason=Reason(missing=("results/run_md3",)))
    for each in (short, gone, kept):
        finish(tmp_path, each, hours=5.0)
    (tmp_path / gone.outputs[0]).unlink()
    loss = expected_loss(dag_of(tmp_path, short, gone, kept, never))
    assert (loss["cpu_hours"], loss["jobs"], loss["sentence"]) == (0.0, [], "")
    check_accepted(loss, tmp_path, most_hours=0.0)


def test_a_loss_is_refused_until_it_is_accepted_and_another_one_again(tmp_path):
    moved = job(0, "run_md", POINT, reason=LONGER)
    finish(tmp_path, moved, hours=3.5)
    loss = expected_loss(dag_of(tmp_path, moved))
    check_accepted(loss, tmp_path, most_hours=3.6)
    with pytest.raises(SaltflowError, match=r"Nothing was started: .*timestep_fs: 1\.0 → 2\.0.*saltflow plan --accept"):
        check_accepted(loss, tmp_path, most_hours=1.0)
    accept_loss({"loss": loss}, tmp_path)
    check_accepted(loss, tmp_path, most_hours=1.0)
    for other in ({"because": ["sweep.seed: 1 → 2"]}, {"jobs": ["run_md composition=LiI temperature=500"]}):
        with pytest.raises(SaltflowError, match="Nothing was started"):
            check_accepted(loss | other, tmp_path, most_hours=1.0)
    forget_accepted_loss(tmp_path)
    with pytest.raises(SaltflowError, match="Nothing was started"):
        check_accepted(loss, tmp_path, most_hours=1.0)


def test_the_same_loss_with_the_changed_job_done_stays_accepted(tmp_path):
    """A run that was interrupted goes on: what was due for a setting is now due for its new input."""
    moved = job(0, "run_md", POINT, reason=LONGER)
    finish(tmp_path, moved, hours=3.5)
    accept_loss({"loss": expected_loss(dag_of(tmp_path, moved))}, tmp_path)
    later = job(
        0, "run_md", POINT, reason=Reason(recorded=True, updated_inputs=("results/potentials/base/released.model",))
    )
    check_accepted(expected_loss(dag_of(tmp_path, later)), tmp_path, most_hours=1.0)


def longer(before: str, after: str) -> Reason:
    return Reason(recorded=True, params_before=(before,), params_after={"dynamics": after})


@pytest.mark.parametrize(
    ("before", "after", "lost"),
    [
        ("{'production': {'duration_ps': 10.0}}", "{'production': {'duration_ps': 20.0}}", False),
        ("{'production': {'duration_ps': 20.0}}", "{'production': {'duration_ps': 10.0}}", True),
        ("{'production': {'until_known': None}}", "{'production': {'until_known': {'least_ps': 5.0}}}", False),
        (
            "{'timestep_fs': 1.0, 'production': {'duration_ps': 10.0}}",
            "{'timestep_fs': 2.0, 'production': {'duration_ps': 20.0}}",
            True,
        ),
    ],
    ids=["longer", "shorter", "other errors", "another step too"],
)
def test_a_run_that_only_becomes_longer_loses_nothing(tmp_path, before, after, lost):
    run = job(0, "run_md", POINT, reason=longer(before, after))
    finish(tmp_path, run, hours=3.0, gpus=1)
    assert expected_loss(dag_of(tmp_path, run))["jobs"] == [run.name]  # its end is not there
    (tmp_path / "results/.run_md0.end.pt").write_text("")
    assert bool(expected_loss(dag_of(tmp_path, run))["jobs"]) == lost


def test_a_longer_run_of_a_potential_that_is_due_begins_anew(tmp_path):
    trained = job(0, "fine_tune", MEMBER, reason=LONGER)
    reason = longer("{'production': {'duration_ps': 10.0}}", "{'production': {'duration_ps': 20.0}}")
    run = job(1, "run_md", POINT, reason=reason, after=(0,))
    finish(tmp_path, run, hours=3.0, gpus=1)
    (tmp_path / "results/.run_md1.end.pt").write_text("")
    assert expected_loss(dag_of(tmp_path, trained, run))["jobs"] == [run.name]
