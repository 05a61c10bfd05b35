"""Why a job is due, in words, from what Snakemake says of it."""

from pathlib import Path

import pytest

from saltflow.operations.plan.dag import Dag, PlannedJob, Reason
from saltflow.operations.plan.reasons import Why, changed_settings, reasons_table, why


def due(rule: str = "run_md", index: int = 0, **reason) -> PlannedJob:
    return PlannedJob(
        index, rule, {"composition": f"c{index}"}, (), (), ("out",), None, None, False, reason=Reason(**reason)
    )


def changed(before: dict[str, object], after: dict[str, object], rule: str = "run_md") -> list[str]:
    """Changes of parameters that were recorded without their names."""
    gone = tuple(sorted(repr(value) for value in before.values()))
    job = due(rule, params_before=gone, params_after={name: repr(value) for name, value in after.items()})
    return [str(change) for change in changed_settings(job)]


def test_the_changed_key_of_nested_settings_is_named_with_both_values():
    dynamics = {"dtype": "float32", "production": {"duration_ps": 100.0, "frame_interval_fs": 10.0}}
    longer = {"dtype": "float32", "production": {"duration_ps": 200.0, "frame_interval_fs": 10.0}}
    assert changed({"dynamics": dynamics}, {"dynamics": longer}) == ["dynamics.production.duration_ps: 100.0 → 200.0"]


def test_old_values_find_the_new_ones_that_they_resemble():
    acceptance = {"min_density_ratio": 0.6, "min_pair_factor": 0.6}
    dynamics = {"dtype": "float32", "protocol": 1}
    assert changed(
        {"acceptance": acceptance, "dynamics": dynamics, "seed": 1},
        {"dynamics": dynamics | {"protocol": 2}, "seed": 7, "acceptance": acceptance | {"min_pair_factor": 0.5}},
    ) == ["cells.acceptance.min_pair_factor: 0.6 → 0.5", "dynamics.protocol: 1 → 2", "sweep.seed: 1 → 7"]


def test_a_key_that_came_or_went_is_named():
    assert changed({"dynamics": {"a": 1}}, {"dynamics": {"b": 2}}) == [
        "dynamics.a: 1 → nothing",
        "dynamics.b: nothing → 2",
    ]


def test_what_came_as_a_whole_is_named_once():
    old = {"LiCl": {"sigma_mS_cm": 0.1, "Ea_eV": 0.5}}
    new = old | {"NaCl": {"sigma_mS_cm": None, "Ea_eV": 0.6}}
    assert changed({"literature": old}, {"literature": new}) == ["compositions.tsv: NaCl: nothing → set"]
    assert changed({}, {"dynamics": {"a": 1}}) == ["dynamics: nothing → set"]


def test_rows_of_compositions_are_told_apart_by_their_id():
    assert changed(
        {"compositions": [{"id": "LiCl", "density": 2.0}, {"id": "NaCl", "density": 2.1}]},
        {"compositions": [{"id": "LiCl", "density": 1.9}, {"id": "NaCl", "density": 2.1}]},
        rule="explore",
    ) == ["compositions.tsv: LiCl.density: 2.0 → 1.9"]


def test_the_settings_of_a_reference_carry_its_name():
    old, new = ({"name": "pbe-d3", "cutoff_Ry": cutoff} for cutoff in (600.0, 800.0))
    assert changed({"reference": old}, {"reference": new}) == [
        "references.pbe-d3.cutoff_Ry: 600.0 → 800.0",
    ]


@pytest.mark.parametrize(
    ("rule", "key"), [("label_atom", "labels.protocol: 1 → 2"), ("fine_tune", "learning.protocol: 1 → 2")]
)
def test_a_raised_protocol_is_said_so(rule, key):
    job = due(rule, recorded=True, params_before=("1",), params_after={"protocol": "2"})
    assert why(job, failed=False) == Why("protocol raised", key)


def test_changed_code_is_not_a_changed_setting():
    job = due(params_before=("'0123'",), params_after={"code": "'4567'"}, recorded=True)
    assert why(job, failed=False).kind == "code changed"
    both = due(params_before=("'0123'", "1"), params_after={"code": "'4567'", "seed": "2"}, recorded=True)
    assert why(both, failed=False) == Why("setting changed", "sweep.seed: 1 → 2")


@pytest.mark.parametrize(
    ("reason", "failed", "kind"),
    [
        ({"forced": True}, True, "forced"),
        ({"missing": ("out",)}, True, "failed before"),
        ({"incomplete": ("out",)}, False, "incomplete"),
        ({"missing": ("out",)}, False, "new"),
        ({"updated_inputs": ("LiCl.cif",), "recorded": True}, False, "input changed"),
        ({"inputs_added": ("a", "b"), "recorded": True}, False, "input changed"),
        ({"missing": ("out",), "recorded": True}, False, "new"),
        ({"recorded": True}, False, "upstream"),
    ],
)
def test_every_kind_of_reason(reason, failed, kind):
    assert why(due(**reason), failed=failed).kind == kind


def test_details_name_the_files():
    assert why(due(updated_inputs=("LiCl.cif",), recorded=True), failed=False).detail == "LiCl.cif"
    more = why(due(inputs_added=("a", "b"), inputs_removed=("c",), recorded=True), failed=False)
    assert more.detail == "+ a and 1 more; - c"
    assert why(due(missing=("out",), recorded=True), failed=False).detail == "its product was deleted"


def dag_of(*jobs: PlannedJob) -> Dag:
    return Dag(Path(), {}, {}, jobs, {}, "slurm", {}, 100, None, 1)


def test_the_table_counts_every_job_once_and_puts_many_alike_together():
    inputs = [due(index=index, updated_inputs=(f"{index}.cif",), recorded=True) for index in range(20)]
    failed = due(index=20, missing=("out",))
    table = reasons_table(dag_of(*inputs, failed), failed=[20])
    assert sum(row["jobs"] for row in table) == 21
    assert len(table) < 10
    assert all(1 <= len(row["examples"]) <= 3 for row in table)
    assert table[-1]["kind"] == "failed before"
    assert table[-1]["examples"] == ["run_md composition=c20"]
