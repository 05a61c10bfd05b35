"""Expected and largest cost of jobs: calibration × work, corrected by what finished jobs took."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from saltflow.base.errors import InputError
from saltflow.base.provenance import write_json
from saltflow.campaign.campaign import Campaign
from saltflow.campaign.config_files import read_configuration
from saltflow.campaign.loading import load_campaign
from saltflow.operations.attempts import journal_path
from saltflow.operations.expected_length import expected_production_ps
from saltflow.operations.plan.calibration import SUBMITTED, TABLE, read_calibration
from saltflow.operations.plan.dag import Dag, PlannedJob, Reason
from saltflow.operations.plan.expected_times import Estimator, read_seconds, rounded
from saltflow.operations.plan.storage import Storage
from saltflow.operations.resources import work_of
from saltflow.operations.rules import RULE, RULES

ROOT = Path(__file__).resolve().parents[3]
RATES = read_calibration([ROOT])
POINT = {"composition": "2LiCl-ZrCl4", "temperature": "500"}
COMMITTEE = {"potential": "Zr-chloride", "generation": "2", "member": "1"}
JOURNAL = '{{"attempt": "{0}", "began": "2026-01-01T00:00:00+00:00", "requested": {{"gpus": {1}}}}}\n'


@pytest.fixture(scope="module")
def campaign() -> Campaign:
    return load_campaign(read_configuration([]))


def job(rule: str, where: Mapping[str, str], index: int = 0, *, due: bool = True, gpus: int = 0, **facts) -> PlannedJob:
    resources = {"runtime": 60, "mem_mb": 1000, "gpu": gpus}
    return PlannedJob(
        index,
        rule,
        where,
        dependencies=(),
        inputs=(),
        outputs=facts.pop("outputs", ("made",)),
        log=f"logs/{index}.log",
        benchmark=f"logs/{index}.benchmark.tsv",
        local=facts.pop("local", False),
        reason=Reason() if due else None,
        resources=resources,
        **facts,
    )


def dag_of(folder: Path, *jobs: PlannedJob, executor: str = "slurm") -> Dag:
    return Dag(folder, {}, {}, jobs, {}, executor, {}, 100, None, 1)


def calibrated_s(campaign: Campaign, where: Mapping[str, str]) -> float:
    work = work_of(campaign, "run_md", where).amount * RULE["run_md"].expected_share(campaign, where)
    return RATES["run_md", "cuda"].seconds(work)


def finish(folder: Path, done: PlannedJob, *, seconds: float, gpus: list[int | str]) -> None:
    """Leave behind what a finished job leaves: its benchmark and a line for every attempt."""
    (folder / "logs").mkdir(exist_ok=True)
    (folder / done.benchmark).write_text(f"s\th:m:s\tmax_rss\n{seconds}\t-\t1.0\n")
    lines = [JOURNAL.format(number, requested) for number, requested in enumerate(gpus)]
    (folder / journal_path(done.log)).write_text("".join(lines))


def test_the_table_has_a_rate_for_whatever_can_do_a_rule():
    assert set(RATES) == {(spec.name, each) for spec in RULES for each in spec.upper_bounds} | {(SUBMITTED, "")}


def test_no_gpu_rate_is_said_to_be_measured():
    assert {rate.basis for (_, done_by), rate in RATES.items() if done_by == "cuda"} == {"assumed"}
    assert all(rate.date and rate.machine for rate in RATES.values() if rate.basis == "measured")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("run_md\tcpu", "run_dm\tcpu", "no rule 'run_dm'"),
        ("\tassumed\t", "\tguessed\t", "'guessed' is not known; write measured, published or assumed"),
        ("run_md\tcpu\tatom-steps", "run_md\tcpu\tsteps", "'atom-steps'"),
        ("\t5e-05\t", "\tfast\t", "'fast' is not a positive number"),
    ],
)
def test_a_wrong_table_is_refused_in_sentences(tmp_path: Path, old: str, new: str, words: str):
    path = tmp_path / TABLE
    path.parent.mkdir()
    text = (ROOT / TABLE).read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(InputError, match=words):
        read_calibration([tmp_path, ROOT])


def test_where_the_table_has_no_rate_the_upper_bound_of_the_rule_holds(tmp_path: Path):
    path = tmp_path / TABLE
    path.parent.mkdir()
    lines = (ROOT / TABLE).read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith("explore\tcuda")))
    rate = read_calibration([tmp_path, ROOT])["explore", "cuda"]
    assert (rate.start_s, rate.seconds_per_unit) == RULE["explore"].upper_bounds["cuda"]
    assert rate.source == "upper bound"


def test_expected_is_the_start_and_the_work_and_snakemake_inside_the_job(campaign: Campaign, tmp_path: Path):
    run = job("run_md", POINT, gpus=1)
    rate = RATES["run_md", "cuda"]
    work = work_of(campaign, "run_md", POINT).amount * RULE["run_md"].expected_share(campaign, POINT)
    submitted = Estimator(campaign, dag_of(tmp_path, run), RATES)
    here = Estimator(campaign, dag_of(tmp_path, run, executor="local"), RATES)
    assert here.expected_s(run) == pytest.approx(rate.start_s + work * rate.seconds_per_unit)
    assert submitted.expected_s(run) - here.expected_s(run) == RATES[SUBMITTED, ""].seconds_per_unit
    assert submitted.basis(run) == "assumed"


def test_at_most_is_never_less_than_expected_nor_than_what_is_asked_for(campaign: Campaign, tmp_path: Path):
    short = job("tabulate_conductivity", {})
    estimator = Estimator(campaign, dag_of(tmp_path, short), RATES)
    assert estimator.upper_s(short) >= 60 * 60 > estimator.expected_s(short)
    hours = estimator.hours([short], gpu=False)
    assert hours["upper"] == pytest.approx(estimator.upper_s(short) / 3600, rel=0.01)
    assert estimator.hours([short], gpu=True) == {"expected": 0, "upper": 0}


def test_finished_jobs_of_the_sweep_correct_the_calibration_by_their_median(campaign: Campaign, tmp_path: Path):
    done = [job("run_md", POINT, index, due=False, gpus=1) for index in range(3)]
    due = job("run_md", POINT | {"temperature": "900"}, 3, gpus=1)
    calibrated, of_due = (calibrated_s(campaign, each.wildcards) for each in (done[0], due))
    for one, factor in zip(done, (2.0, 3.0, 50.0), strict=True):
        finish(tmp_path, one, seconds=factor * calibrated, gpus=[1])
    estimator = Estimator(campaign, dag_of(tmp_path, *done, due), RATES)
    assert estimator.expected_s(due) == pytest.approx(3 * of_due, rel=1e-3)
    assert estimator.basis(due) == "3 finished jobs of this sweep"


@pytest.mark.parametrize("gpus", [[1, 1], [0]], ids=["resumed", "without a GPU"])
def test_a_job_that_was_resumed_or_ran_elsewhere_says_nothing(campaign: Campaign, tmp_path: Path, gpus: list[int]):
    done, due = job("run_md", POINT, 0, due=False), job("run_md", POINT, 1, gpus=1)
    finish(tmp_path, done, seconds=1.0, gpus=gpus)
    estimator = Estimator(campaign, dag_of(tmp_path, done, due), RATES)
    assert estimator.corrections == {}
    assert estimator.basis(due) == "assumed"


def test_a_generation_after_a_converged_one_is_only_passed_on(campaign: Campaign, tmp_path: Path):
    where = {"potential": "Zr-chloride", "generation": "1"}
    assessment = campaign.potential("Zr-chloride").generation(1).assessment
    assessed = job("assess_potential", where, 0, due=False, outputs=(assessment,))
    training = job("fine_tune", COMMITTEE, 1, gpus=1)
    dag = dag_of(tmp_path, assessed, training, executor="local")
    (tmp_path / assessment).parent.mkdir(parents=True)
    write_json(tmp_path / assessment, {"converged": False})
    full = Estimator(campaign, dag, RATES).expected_s(training)
    write_json(tmp_path / assessment, {"converged": True})
    estimator = Estimator(campaign, dag, RATES)
    assert estimator.passes_on(training)
    assert estimator.expected_s(training) == RATES["fine_tune", "cuda"].start_s < full
    assert not estimator.passes_on(job("fine_tune", COMMITTEE | {"generation": "1"}))
    assert not estimator.passes_on(job("fine_tune_loco", COMMITTEE | {"excluded": "2LiCl-ZrCl4"}))


def test_benchmark_files_are_read_by_their_header(tmp_path: Path):
    path = tmp_path / "b.tsv"
    assert read_seconds(path) is None
    path.write_text("jobid\ts\th:m:s\n-\t1.5\t0:00:01\n-\t2.5\t0:00:02\n")
    assert read_seconds(path) == 2.5
    path.write_text("s\n")
    assert read_seconds(path) is None


def test_estimates_have_three_digits():
    assert (rounded(123456.0), rounded(0.0123456), rounded(0.0)) == (123000.0, 0.0123, 0.0)


def test_what_is_there_is_looked_at_and_what_is_not_follows_from_the_settings(campaign: Campaign, tmp_path: Path):
    (tmp_path / "there.h5md").write_bytes(b"x" * 1_000_000)
    done = job("run_md", POINT, 0, due=False, outputs=("there.h5md",))
    due = job("run_md", POINT, 1, outputs=("replica1.h5md",))
    storage = Storage(campaign, dag_of(tmp_path, done, due))
    assert 1_000_000 < storage.bytes_of(done) < 1_050_000
    production = campaign.composition(POINT["composition"]).section("dynamics")["production"]
    frames = 1000 * expected_production_ps(campaign, POINT) / production["frame_interval_fs"]
    atoms = campaign.composition(POINT["composition"]).section("cells")["atoms"]
    velocities = production["velocities"]
    exact = 2 * 1000 * velocities["duration_ps"] / velocities["interval_fs"]
    # Three coordinates of four bytes, of which compression leaves 55 % on their grid and 80 % beside velocities.
    assert storage.bytes_of(due) == pytest.approx(12 * (0.55 * frames + 0.8 * exact) * atoms, rel=0.05)
    assert storage.files == 2 * (2 + 3)
