"""The generations and labels that a potential is expected to need, along learning curves that are known."""

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from saltflow.base.provenance import write_json
from saltflow.campaign.campaign import Campaign
from saltflow.campaign.config_files import read_configuration
from saltflow.campaign.loading import load_campaign
from saltflow.operations.plan.calibration import read_calibration
from saltflow.operations.plan.dag import Dag, PlannedJob, Reason
from saltflow.operations.plan.expected_learning import SMALL_MODELS, ExpectedLearning, LearningOutlook
from saltflow.operations.plan.expected_times import Estimator
from saltflow.operations.plan.prices import varied

ROOT = Path(__file__).resolve().parents[3]
NAME, OTHER = "Zr-chloride", "Al-chloride"
# Labels per composition after each generation of the shipped settings: 40 first frames, 20 more in every later one.
PER_COMPOSITION = (40, 60, 80, 100, 120)


@pytest.fixture(scope="module")
def campaign() -> Campaign:
    return load_campaign(read_configuration([]))


def power_law(exponent: float, *, first_meV_A: float = 400.0) -> Callable[[float], float]:
    return lambda labels: first_meV_A * (labels / PER_COMPOSITION[0]) ** -exponent


def job(index: int, rule: str, where: Mapping[str, str], outputs: Sequence[str], *, due: bool) -> PlannedJob:
    reason, resources = Reason() if due else None, {"runtime": 60, "mem_mb": 1000, "gpu": 0}
    return PlannedJob(index, rule, where, (), (), tuple(outputs), None, None, False, reason, 1, resources)


def learned(
    folder: Path,
    campaign: Campaign,
    finished: Mapping[str, Sequence[float]],
    *,
    converged: Mapping[str, int] | None = None,
    share: float = 1.0,
) -> ExpectedLearning:
    """A sweep in which potentials have finished generations with these held-out errors."""
    done = []
    for name, errors_meV_A in finished.items():
        potential = campaign.potential(name)
        for number, error_meV_A in enumerate(errors_meV_A):
            files = potential.generation(number)
            content = {"criteria": {"force_rmse_meV_A": {"value": error_meV_A}}}
            write_json(folder / files.assessment, content | {"converged": (converged or {}).get(name) == number})
            (folder / files.ledger).parent.mkdir(parents=True)
            with (folder / files.ledger).open("w", newline="") as handle:
                rows = csv.writer(handle, delimiter="\t")
                labelled = round(share * potential.frames_to_label(number))
                rows.writerows([["frame", "status"], *([frame, "ok"] for frame in range(labelled))])
            where = {"potential": name, "generation": str(number)}
            done.append(job(len(done), "assess_potential", where, [files.assessment], due=False))
    return ExpectedLearning(campaign, Dag(folder, {}, {}, tuple(done), {}, "local", {}, 1, None, 1))


def outlook(learning: ExpectedLearning, name: str = NAME) -> LearningOutlook:
    return learning.outlooks[name]


def compositions(campaign: Campaign) -> int:
    return len(campaign.potential(NAME).compositions)


def test_small_models_do_not_reach_the_shipped_limit_in_any_generation(campaign, tmp_path):
    assert SMALL_MODELS.error_at(PER_COMPOSITION[-1]) > campaign.settings.learning.convergence.force_rmse_meV_A
    found = outlook(learned(tmp_path, campaign, {}))
    assert found.last_generation == 4
    assert found.labels == found.most_labels == PER_COMPOSITION[-1] * compositions(campaign)
    assert found.basis == "learning curves of small models"


def test_a_limit_that_small_models_reach_ends_the_learning_before(campaign, tmp_path):
    # 204 meV/Å × (n/32)^−0.147 meets 180 at n = 75.
    easier = varied(campaign, {"learning": {"convergence": {"force_rmse_meV_A": 180.0}}})
    found = outlook(learned(tmp_path, easier, {}))
    assert (found.last_generation, found.labels) == (2, 80 * compositions(campaign))
    assert found.most_labels == PER_COMPOSITION[-1] * compositions(campaign)


@pytest.mark.parametrize(
    ("exponent", "last"),
    [(1.0, 4), (2.0, 3), (2.4, 2)],  # 400 meV/Å at 40 labels meet 80 at n = 40 × 5^(1/β): 200, 89 and 78
)
def test_a_power_law_is_followed_to_the_limit(campaign, tmp_path, exponent, last):
    error = power_law(exponent)
    found = outlook(learned(tmp_path, campaign, {NAME: [error(labels) for labels in PER_COMPOSITION[:2]]}))
    assert (found.last_generation, found.labels) == (last, PER_COMPOSITION[last] * compositions(campaign))
    assert found.basis == "2 finished generations of this sweep"


def test_after_one_generation_the_exponent_is_that_of_the_others_in_the_sweep(campaign, tmp_path):
    steep, flat = power_law(2.0), power_law(0.1)
    for number, (error, last) in enumerate([(steep, 3), (flat, 4)]):
        others = [error(labels) for labels in PER_COMPOSITION[:3]]
        learning = learned(tmp_path / str(number), campaign, {OTHER: others, NAME: [400.0]})
        assert outlook(learning).last_generation == last


def test_before_its_first_generation_the_curve_is_that_of_the_others(campaign, tmp_path):
    error = power_law(2.0)
    learning = learned(tmp_path, campaign, {OTHER: [error(labels) for labels in PER_COMPOSITION[:2]]})
    assert outlook(learning).last_generation == outlook(learning, OTHER).last_generation == 3


def test_none_is_expected_to_converge_before_its_diffusion_can_be_compared(campaign, tmp_path):
    accurate = {NAME: [50.0]}
    for number, (changes, first) in enumerate([({}, 2), ({"diffusion": None}, 1)]):
        changed = varied(campaign, {"learning": {"convergence": changes}})
        assert outlook(learned(tmp_path / str(number), changed, accurate)).last_generation == first


def test_an_error_that_grows_is_not_expected_to_fall(campaign, tmp_path):
    found = outlook(learned(tmp_path, campaign, {NAME: [90.0, 95.0, 97.0]}))
    assert found.last_generation == 4


def test_generations_that_labelled_half_are_expected_to_go_on_so(campaign, tmp_path):
    found = outlook(learned(tmp_path, campaign, {NAME: [400.0, 390.0]}, share=0.5))
    assert found.labels == pytest.approx(found.most_labels / 2, abs=2)


def test_a_converged_potential_needs_what_it_has(campaign, tmp_path):
    learning = learned(tmp_path, campaign, {NAME: [400.0, 200.0, 79.0]}, converged={NAME: 2})
    assert learning.converged == {NAME: 2}
    assert outlook(learning).last_generation == 2
    assert outlook(learning).labels == 80 * compositions(campaign)


def test_jobs_after_the_expected_end_cost_a_start_and_at_most_all(campaign, tmp_path):
    error = power_law(2.4)
    learning = learned(tmp_path, campaign, {NAME: [error(labels) for labels in PER_COMPOSITION[:2]]})
    training = [
        job(10 + number, "fine_tune", {"potential": NAME, "generation": str(number), "member": "1"}, ["made"], due=True)
        for number in (2, 3)
    ]
    dag = Dag(tmp_path, {}, {}, (*learning.dag.jobs, *training), {}, "local", {}, 1, None, 1)
    estimator = Estimator(campaign, dag, read_calibration([ROOT]))
    needed, unexpected = training
    assert estimator.expected_s(unexpected) == estimator.rate(unexpected).start_s
    assert estimator.expected_s(needed) > 50 * estimator.expected_s(unexpected)
    assert estimator.upper_s(unexpected) > estimator.expected_s(needed)
    assert not estimator.passes_on(unexpected)
