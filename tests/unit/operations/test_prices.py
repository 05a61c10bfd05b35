"""The price list of a plan: what accuracies cost, what dominates, what would save."""

from dataclasses import replace
from pathlib import Path

import pytest

from saltflow.campaign.campaign import Campaign
from saltflow.campaign.config_files import read_configuration
from saltflow.campaign.loading import load_campaign
from saltflow.campaign.settings import overridden
from saltflow.operations.plan.calibration import read_calibration, read_published
from saltflow.operations.plan.cluster import Cluster
from saltflow.operations.plan.dag import Dag, PlannedJob, Reason
from saltflow.operations.plan.expected_times import Estimator
from saltflow.operations.plan.prices import ACCURACIES, price_list
from saltflow.operations.plan.submissions import due_submissions

ROOT = Path(__file__).resolve().parents[3]
RATES, PUBLISHED = read_calibration([ROOT]), read_published([ROOT])
COMPOSITIONS = ("LiAlCl2.5O0.75", "2LiCl-ZrCl4")


@pytest.fixture(scope="module")
def campaign() -> Campaign:
    return load_campaign(read_configuration([]))


def dag_of(campaign: Campaign, folder: Path) -> Dag:
    """Quench and MD of two compositions at every temperature."""
    wanted = [
        ("run_md", {"composition": name, "temperature": str(kelvin)}, "replica1.h5md")
        for name in COMPOSITIONS
        for kelvin in campaign.temperatures_K
    ]
    wanted += [("quench_cell", {"composition": name, "replica": "1"}, "quench.h5md") for name in COMPOSITIONS]
    resources = {"runtime": 60, "mem_mb": 1000, "gpu": 1}
    jobs = tuple(
        PlannedJob(
            index, rule, where, dependencies=(), inputs=(), outputs=(output,), log=None, benchmark=None, local=False,
            reason=Reason(), resources=resources,
        )
        for index, (rule, where, output) in enumerate(wanted)
    )  # fmt: skip
    return Dag(folder, {}, {}, jobs, {}, "slurm", {}, 100, None, 1)


def prices_of(campaign: Campaign, folder: Path) -> dict:
    dag = dag_of(campaign, folder)
    known = {"published": PUBLISHED, "submissions": due_submissions(dag), "cluster": Cluster((), (), "")}
    return price_list(dag, campaign, RATES, **known)


def changed(campaign: Campaign, **changes) -> Campaign:
    return replace(campaign, settings=overridden(campaign.settings, changes))


def test_each_accuracy_costs_more_than_the_one_after(campaign: Campaign, tmp_path: Path):
    rows = prices_of(campaign, tmp_path)["accuracies"]
    assert [row["D_relative_error"] for row in rows] == list(ACCURACIES)
    for name in ("gpu_hours", "storage_GB", "wall_hours"):
        values = [row[name] for row in rows]
        assert values == sorted(values, reverse=True), name
    for row in rows:
        of_stages = sum(stage["gpu_hours"] for stage in row["stages"].values())
        of_compositions = sum(stage["gpu_hours"] for own in row["compositions"].values() for stage in own.values())
        assert row["gpu_hours"] == pytest.approx(of_stages, rel=0.01) == pytest.approx(of_compositions, rel=0.01)
        assert set(row["compositions"]) == set(COMPOSITIONS)
        assert (row["euro"], row["kWh"], row["kg_CO2"]) == (None, None, None)


def test_the_accuracy_of_the_settings_costs_what_the_plan_says(campaign: Campaign, tmp_path: Path):
    dag = dag_of(campaign, tmp_path)
    (row,) = [row for row in prices_of(campaign, tmp_path)["accuracies"] if row["D_relative_error"] == 0.1]
    assert row["gpu_hours"] == Estimator(campaign, dag, RATES).hours(dag.jobs, gpu=True)["expected"]


def test_published_rates_stand_beside_those_that_hold(campaign: Campaign, tmp_path: Path):
    prices = prices_of(campaign, tmp_path)
    assert {row["rule"] for row in prices["published"]} == {"run_md", "quench_cell"}
    assert RATES["run_md", "cuda"].basis == "assumed"
    ratio = RATES["run_md", "cuda"].seconds_per_unit / PUBLISHED["run_md", "cuda"].seconds_per_unit
    for row in prices["accuracies"]:
        assert row["gpu_hours"] / row["by_published_rates"]["gpu_hours"] == pytest.approx(ratio, rel=0.05)


def test_money_and_carbon_follow_from_the_rates(campaign: Campaign, tmp_path: Path):
    rates = {"euro_per_GPU_hour": 2.0, "kW_per_GPU": 0.5, "kg_CO2_per_kWh": 0.4}
    row = prices_of(changed(campaign, execution={"prices": rates}), tmp_path)["accuracies"][0]
    assert row["euro"] == pytest.approx(2.0 * row["gpu_hours"], rel=0.01)
    assert row["kWh"] == pytest.approx(0.5 * row["gpu_hours"], rel=0.01)
    assert row["kg_CO2"] == pytest.approx(0.4 * row["kWh"], rel=0.01)


def test_the_largest_savings_come_first_and_are_true(campaign: Campaign, tmp_path: Path):
    prices = prices_of(campaign, tmp_path)
    assert prices["dominant"][0]["rule"] == "run_md"
    shares = [row["gpu_share"] for row in prices["savings"]]
    assert shares == sorted(shares, reverse=True)
    assert len(shares) == 3
    halved = next(row for row in prices["savings"] if row["setting"] == "cells.atoms")
    before, after = (
        Estimator(each, dag_of(campaign, tmp_path), RATES).hours(dag_of(campaign, tmp_path).jobs, gpu=True)["expected"]
        for each in (campaign, changed(campaign, cells={"atoms": 250}))
    )
    assert halved["gpu_hours"] == pytest.approx(before - after, rel=0.02)


def test_a_fixed_length_has_no_accuracies_to_choose_from(campaign: Campaign, tmp_path: Path):
    prices = prices_of(changed(campaign, dynamics={"production": {"until_known": None}}), tmp_path)
    assert prices["accuracies"] == []
    assert "dynamics.production.duration_ps" in {row["setting"] for row in prices["savings"]}


def test_what_the_settings_refuse_saves_nothing(campaign: Campaign, tmp_path: Path):
    production = {"duration_ps": 15.0, "until_known": None}  # 150 frames; twice the interval leaves fewer than 100
    short = changed(campaign, dynamics={"production": production})
    settings = {row["setting"] for row in prices_of(short, tmp_path)["savings"]}
    assert settings
    assert settings.isdisjoint({"dynamics.production.frame_interval_fs", "dynamics.production.duration_ps"})
