"""Which electrolytes are among the best: closed forms, and rounds of longer runs over planted conductivities."""

import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner
from finished_sweep import make_sweep
from scipy.stats import norm

from saltflow.analysis.ranking.contenders import (
    IN,
    OPEN,
    OUT,
    UNKNOWN,
    Z95,
    contenders_text,
    ended_as_longest,
    find_contenders,
    longer,
)
from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import write_json
from saltflow.base.repository import REPOSITORY
from saltflow.campaign.overrides_file import add_overrides
from saltflow.cli import main


def ranking_of(centre, width, *, status="done"):
    """A ranking whose log σ are known to a width each."""
    centre, width = np.broadcast_arrays(np.asarray(centre, float), width)
    return pd.DataFrame(
        {
            "composition": [f"c{index}" for index in range(len(centre))],
            "status": status,
            "sigma_mS_cm": np.exp(centre),
            "sigma_low_mS_cm": np.exp(centre - Z95 * width),
            "sigma_high_mS_cm": np.exp(centre + Z95 * width),
        }
    )


def test_the_better_of_two_has_the_probability_of_their_difference():
    found = find_contenders(ranking_of([0.7, 0.0], [0.5, 0.3]), top=1, confidence=0.9)
    probability = found.table.set_index("composition")["probability"]
    assert probability["c0"] == pytest.approx(norm.cdf(0.7 / np.hypot(0.5, 0.3)), abs=0.02)
    assert probability.sum() == pytest.approx(1.0)
    assert set(found.named(OPEN)) == {"c0", "c1"}


def test_what_has_no_value_is_said_so_and_what_is_uncertain_takes_part():
    known = ranking_of([3.0, 0.0, -3.0], 0.1)
    wide = ranking_of([0.0], 8.0, status="too uncertain").assign(composition="wide")
    pending = pd.DataFrame({"composition": ["waits"], "status": ["pending"]})
    found = find_contenders(pd.concat([known, wide, pending]), top=1, confidence=0.9)
    assert found.named(UNKNOWN) == ["waits"]
    assert set(found.named(OUT)) == {"c1", "c2"}
    assert set(found.named(OPEN)) == {"c0", "wide"}
    said = contenders_text(found)
    assert "Of the best 1, 0 are known with a confidence of 0.9; 2 compositions are open, 2 are out of it." in said


def test_more_are_asked_for_than_there_are():
    found = find_contenders(ranking_of([1.0, 2.0], 0.1), top=5, confidence=0.9)
    assert found.named(IN) == ["c0", "c1"]


def sweep_in_rounds(rng, *, error, rounds=6):
    """A sweep whose open compositions run twice as long in every round: share of right claims, and its cost."""
    truth = rng.normal(0, 2.3, 60)
    best = {f"c{index}" for index in np.argsort(-truth)[:10]}
    lengths, estimates = np.ones(60), rng.normal(truth, error)
    for last in range(rounds):
        found = find_contenders(ranking_of(estimates, error / np.sqrt(lengths)), top=10, confidence=0.9)
        going_on = [int(name[1:]) for name in found.named(OPEN)]
        if not going_on or last == rounds - 1:
            break
        more = rng.normal(truth[going_on], error / np.sqrt(lengths[going_on]))
        estimates[going_on] = (estimates[going_on] + more) / 2
        lengths[going_on] *= 2
    claims = [name in best for name in found.named(IN)] + [name not in best for name in found.named(OUT)]
    claimed_best = [name in best for name in found.named(IN)]
    return claims, claimed_best, lengths.sum() / (60 * lengths.max())


@pytest.mark.parametrize("error", [0.5, 2.0])
def test_claims_of_rounds_are_as_sure_as_they_say_and_cost_a_part(error):
    rng = np.random.default_rng(3)
    sweeps = [sweep_in_rounds(rng, error=error) for _ in range(25)]
    claims, claimed_best = ([each for sweep in sweeps for each in sweep[part]] for part in (0, 1))
    assert np.mean(claims) > 0.95
    assert np.mean(claimed_best) > 0.9 - 2 * np.sqrt(0.09 / len(claimed_best))
    assert len(claimed_best) > 6 * len(sweeps)
    assert np.mean([sweep[2] for sweep in sweeps]) < 0.25


def test_a_longer_run_is_twice_as_long_down_to_the_least_error():
    wanted = {"least_ps": 200.0, "D_relative_error": 0.2, "sigma_E_relative_error": 0.5}
    production = {"duration_ps": 10000.0, "until_known": wanted}
    assert longer(production, least_error=0.05, at_longest=False) == {
        "until_known": {"D_relative_error": 0.141, "sigma_E_relative_error": 0.354}
    }
    nearly = production | {"until_known": wanted | {"D_relative_error": 0.06}}
    assert longer(nearly, least_error=0.05, at_longest=False)["until_known"]["D_relative_error"] == 0.05
    assert longer(production, least_error=0.2, at_longest=True) is None
    assert longer(production | {"until_known": None}, least_error=0.05, at_longest=False) == {"duration_ps": 20000.0}
    assert longer(production, least_error=0.05, at_longest=True) == {
        "until_known": {"D_relative_error": 0.141, "sigma_E_relative_error": 0.354},
        "duration_ps": 20000.0,
    }


def test_a_composition_ended_as_longest_where_any_of_its_temperatures_did(tmp_path):
    assert not ended_as_longest(tmp_path, "LiCl")
    for kelvin, reason in ((500, "known"), (600, "not diffusive")):
        write_json(tmp_path / f"results/LiCl/md/{kelvin}K/md.json", {"stopped_because": reason})
    assert not ended_as_longest(tmp_path, "LiCl")
    write_json(tmp_path / "results/LiCl/md/700K/md.json", {"stopped_because": "longest"})
    assert ended_as_longest(tmp_path, "LiCl")
    assert not ended_as_longest(tmp_path, "NaCl")


def test_overrides_are_merged_and_their_head_stays(tmp_path):
    path = tmp_path / "overrides.yaml"
    path.write_text("# Ours.\ncompositions:\n  LiCl: {dynamics: {production: {duration_ps: 5.0}}}\npotentials:\n")
    add_overrides(path, {"LiCl": {"dynamics": {"production": {"until_known": {"D_relative_error": 0.1}}}}})
    text = path.read_text()
    assert text.startswith("# Ours.\n")
    production = yaml.safe_load(text)["compositions"]["LiCl"]["dynamics"]["production"]
    assert production == {"duration_ps": 5.0, "until_known": {"D_relative_error": 0.1}}


def test_overrides_that_sweeps_share_are_not_changed():
    path = REPOSITORY / "config/overrides.yaml"
    before = path.read_bytes()
    with pytest.raises(SaltflowError, match="copy the file into the sweep and name it in tables.overrides"):
        add_overrides(path, {"LiCl": {}})
    assert path.read_bytes() == before


def test_the_command_tells_the_best_and_writes_longer_runs(tmp_path):
    sweep = make_sweep(tmp_path, 4)
    (tmp_path / "overrides.yaml").write_text("compositions: {}\npotentials: {}\n")
    settings = yaml.safe_load(sweep.configfile.read_text())
    settings["tables"]["overrides"] = str(tmp_path / "overrides.yaml")
    sweep.configfile.write_text(yaml.safe_dump(settings))
    words = ["refine", str(tmp_path), "--configfile", str(sweep.configfile), "--top", "2", "--confidence", "0.999"]
    told = CliRunner().invoke(main, words)
    assert told.exit_code == 0, told.output
    assert "Of the best 2" in told.output
    assert "--write" in told.output
    written = CliRunner().invoke(main, [*words, "--write"])
    assert written.exit_code == 0, written.output
    asked = yaml.safe_load((tmp_path / "overrides.yaml").read_text())["compositions"]
    now = sweep.campaign()
    assert asked
    for name in asked:
        wanted = now.composition(name).section("dynamics")["production"]["until_known"]
        assert wanted["D_relative_error"] < 0.1
