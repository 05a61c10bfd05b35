"""Which alloys become glass: strings and features beside hand counts, predictions and searches beside planted rules."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.metrics import average_precision_score

from saltflow.base.errors import InputError
from saltflow.studies.alloys.alloy_strings import Alloy, parse_alloy
from saltflow.studies.alloys.alloy_table import AlloyTable, read_alloys
from saltflow.studies.alloys.class_scores import average_precision, average_precision_gain, score_classes
from saltflow.studies.alloys.composition_features import FEATURES, features_of
from saltflow.studies.alloys.gfa_command import TREATMENTS as CHOICES
from saltflow.studies.alloys.gfa_command import command
from saltflow.studies.alloys.held_out_folds import AT_RANDOM, BY_SYSTEM, BY_TIME, folds_of
from saltflow.studies.alloys.search import propose_alloys, replay_search
from saltflow.studies.alloys.training_weights import NONE, PRUNED, REWEIGHTED, TREATMENTS, training_weights
from saltflow.studies.alloys.validation import CLASS_OF_ALLOY, DIAMETER_OF_ALLOY, validate
from saltflow.studies.composition_space import exchanged, grid_of
from saltflow.studies.next_batch import DIVERSE_BY, diverse_batch

ELEMENTS = ("Al", "Cu", "Fe", "Ni", "Ti", "Zr")
SEARCH = {"propose": ["Zr", "Al", "Cu"], "step": 5.0, "batch": 6, "repeats": 3, "imbalance": NONE, "seed": 1}


def quiet(_: str) -> None:
    """Tells nothing."""


def alloys_of_ternaries(number: int, *, seed: int) -> tuple[Alloy, ...]:
    """Random alloys of all twenty ternary systems of `ELEMENTS`."""
    random = np.random.default_rng(seed)
    chosen = [sorted(random.choice(ELEMENTS, 3, replace=False)) for _ in range(number)]
    return tuple(Alloy(dict(zip(names, random.dirichlet([2, 2, 2]), strict=True)), 0.0) for names in chosen)


def planted(number: int, *, seed: int = 1) -> AlloyTable:
    """Alloys that are bulk glasses where their atoms differ much in size, crystals where little."""
    alloys = alloys_of_ternaries(number, seed=seed)
    table = AlloyTable(alloys, np.full(number, ""), np.full(number, np.nan), np.full(number, ""))
    mismatch = features_of(table.fractions, table.elements)[:, FEATURES.index("size_mismatch")]
    classes = np.array(["crystal", "ribbon", "BMG"])[np.digitize(mismatch, np.quantile(mismatch, [0.4, 0.8]))]
    return replace(table, classes=classes, diameters_mm=200 * mismatch**2)


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        ("Cu46Zr46Al8", "Al8Cu46Zr46"),
        ("(Cu50Zr50)92Al8", "Al8Cu46Zr46"),
        ("(Ce0.72Cu0.28)90Al10", "Al10Ce64.8Cu25.2"),
        ("La70Al14(CuNi)16", "Al14Cu8La70Ni8"),
        ("[(Ni0.9Fe0.1)0.75B0.2Si0.05]96Nb4", "B19.2Fe7.2Nb4Ni64.8Si4.8"),
        ("Ni2Ti", "Ni66.67Ti33.33"),
        ("Zr₅₀Cu₅₀", "Cu50Zr50"),
    ],
)
def test_alloys_are_read_as_they_are_written(text, formula):
    alloy = parse_alloy(text)
    assert alloy.formula == formula
    assert sum(alloy.fractions.values()) == pytest.approx(1)
    assert alloy.shortfall == 0


def test_percentages_are_normalised_within_one_percent_only():
    assert parse_alloy("Cu46Zr46Al7.5").shortfall == pytest.approx(0.005)
    for text in ("Cu46Zr46Al6", "Cu50Zr50Al2", "Cu0.5Zr0.4", "(Cu0.5Zr0.4)90Al10"):
        with pytest.raises(InputError, match=r"adds to .* correct it"):
            parse_alloy(text)


def test_features_of_a_binary_are_those_of_the_closed_form():
    (found,) = features_of(np.array([[0.5, 0.5]]), ["Cu", "Zr"])
    value = dict(zip((*FEATURES, "Cu", "Zr"), found, strict=True))
    copper, zirconium = 1.28, 1.60
    mean = (copper + zirconium) / 2
    assert value["mean_radius_A"] == pytest.approx(mean)
    assert value["deviation_radius_A"] == pytest.approx((zirconium - copper) / 2)
    assert (value["smallest_radius_A"], value["largest_radius_A"]) == (copper, zirconium)
    assert value["size_mismatch"] == pytest.approx((zirconium - copper) / 2 / mean)
    assert value["mixing_entropy_R"] == pytest.approx(np.log(2))
    assert value["mean_valence_electrons"] == (11 + 4) / 2


def test_rows_that_cannot_be_used_are_named_and_the_best_of_repeated_alloys_counts(tmp_path):
    (tmp_path / "classes.csv").write_text(
        "Alloy,GFA,Year\nCu50Zr50,RMG,2001\nZr50Cu50,BMG,1999\nCu46Zr46Al6,BMG,\nHe50Zr50,BMG,\nT50Cu50,RMG,\n"
        "Ni50Ti50,glassy,\nNi60Ti40\nNi62Nb38,CRA,19\n\n"
    )
    (tmp_path / "diameters.csv").write_text("Alloy Formula,Dmax\nCu50Zr50,2\nCu50Zr50,1.5\nNi50Nb50,-1\n")
    table = read_alloys([tmp_path / "classes.csv", tmp_path / "diameters.csv"])
    assert [alloy.formula for alloy in table.alloys] == ["Cu50Zr50"]
    assert (table.classes.tolist(), table.diameters_mm.tolist(), table.dates.tolist()) == (["BMG"], [2.0], ["1999"])
    assert table.counts["conflicting_classes"] == table.counts["conflicting_diameters"] == 1
    assert (table.counts["rows"], table.counts["refused"]) == (11, 7)
    for sentence, part in zip(
        table.refused,
        (
            "adds to 98",
            "He has no",
            "'T' is not an element",
            "'glassy' is no class",
            "cells",
            "'19' is no date",
            "'-1'",
        ),
        strict=True,
    ):
        assert part in sentence
        assert "line" in sentence


def test_folds_keep_systems_apart_and_the_future_out_of_training():
    systems = np.array(["Cu-Zr"] * 6 + ["Al-Ni"] * 5 + list("abcdefgh"))
    dates = np.array([str(1990 + number % 7) for number in range(18)] + [""])
    for train, test in folds_of(BY_SYSTEM, systems=systems, dates=dates, seed=1):
        assert not set(systems[train]) & set(systems[test])
    tested = np.concatenate([test for _, test in folds_of(AT_RANDOM, systems=systems, dates=dates, seed=1)])
    assert sorted(tested) == list(range(19))
    folds = folds_of(BY_TIME, systems=systems, dates=dates, seed=1)
    for train, test in folds:
        assert max(dates[train]) < min(dates[test])
        assert "" not in dates[train]
    assert sum(len(test) for _, test in folds) + len(folds[0][0]) == 18


def test_pruning_thins_dense_regions_and_reweighting_balances():
    line = np.linspace(0.4, 0.6, 41)
    fractions = np.array([[each, 1 - each, 0.0] for each in line] + [[0, 0.2, 0.8], [0.9, 0, 0.1]])
    classes = np.array(["ribbon"] * 41 + ["BMG", "ribbon"])
    pruned = training_weights(PRUNED, fractions, classes, seed=1)
    assert pruned[-2:].tolist() == [1, 1]
    assert 4 <= pruned[:41].sum() <= 10  # the line is four neighbourhoods long, and each holds two
    weights = training_weights(REWEIGHTED, fractions, classes, seed=1)
    assert weights[classes == "BMG"].sum() == pytest.approx(weights[classes == "ribbon"].sum())
    assert weights.mean() == pytest.approx(1)


def test_scores_know_a_calibrated_forecast_from_a_boastful_one():
    random = np.random.default_rng(1)
    glass = random.random(5_000)
    classes = np.where(random.random(5_000) < glass, "BMG", "crystal")
    about = {"systems": random.integers(0, 50, 5_000).astype(str), "seed": 1}
    more = about | {"fractions": np.ones((5_000, 1)), "elements": ["Cu"]}
    honest = np.column_stack([1 - glass, 0 * glass, glass])
    boastful = np.column_stack([glass < 0.5, 0 * glass, glass >= 0.5]).astype(float)
    scores = score_classes(classes, honest, **more)
    assert scores["classes"]["BMG"]["calibration"]["error"] < 0.03
    # Of a glass told for certain, three quarters are: ∫ p dp from ½ to 1 over ½.
    assert score_classes(classes, boastful, **more)["classes"]["BMG"]["calibration"]["error"] == pytest.approx(
        0.25, abs=0.02
    )
    assert scores["elements"]["Cu"]["error_rate"] == pytest.approx(0.25, abs=0.02)
    gain = average_precision_gain(classes, honest, random.permutation(honest), **about)
    assert gain["BMG"]["verdict"] == "better"
    rounded = glass.round(1)
    for told in (glass, rounded):
        assert average_precision(classes == "BMG", told) == pytest.approx(
            average_precision_score(classes == "BMG", told)
        )
    assert average_precision_gain(classes, honest, honest, **about)["BMG"]["verdict"] == "no difference"


def test_the_number_of_elements_is_no_skill_within_one_number():
    random = np.random.default_rng(1)
    fractions = np.array([[0.5, 0.5, 0.0]] * 300 + [[0.4, 0.3, 0.3]] * 300)
    many = np.arange(600) >= 300
    classes = np.where(random.random(600) < np.where(many, 0.8, 0.1), "BMG", "ribbon")
    told = np.column_stack([0 * many, ~many, many]).astype(float)
    about = {"systems": np.arange(600).astype(str), "fractions": fractions, "elements": ["Al", "Cu", "Zr"], "seed": 1}
    scores = score_classes(classes, told, **about)
    assert scores["classes"]["BMG"]["above_chance"]
    for scored in scores["numbers_of_elements"].values():
        assert scored["average_precision"]["value"] == pytest.approx(scored["prevalence"])


@pytest.fixture(scope="module")
def table() -> AlloyTable:
    return planted(300)


def test_a_planted_boundary_is_found_in_unseen_systems_and_a_shuffled_one_is_not(table, tmp_path):
    runs, scores = validate(table, CLASS_OF_ALLOY, seed=1, folder=tmp_path, say=quiet)
    assert {run.treatment for run in runs} == {*TREATMENTS, "shuffled"}
    by_system = scores[BY_SYSTEM]
    for treatment in TREATMENTS:
        assert by_system[treatment]["classes"]["BMG"]["average_precision"]["value"] > 0.85
        assert by_system[treatment]["classes"]["BMG"]["above_chance"]
    control = by_system["shuffled"]["classes"]["BMG"]
    assert not control["above_chance"]
    assert control["average_precision"]["value"] < control["prevalence"] + 0.1


def test_predictions_that_are_kept_are_not_made_again(table, tmp_path):
    _, first = validate(table, DIAMETER_OF_ALLOY, seed=1, folder=tmp_path, say=quiet)
    made = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    lost = tmp_path / "diameters_system_none.json"
    lost.unlink()
    _, second = validate(table, DIAMETER_OF_ALLOY, seed=1, folder=tmp_path, say=quiet)
    assert first == second
    assert {path for path in made if path.stat().st_mtime_ns != made[path]} == {lost}
    assert first[BY_SYSTEM]["none"]["r2"]["low"] > 0.5
    assert first[BY_SYSTEM]["shuffled"]["r2"]["value"] < 0


def test_a_replayed_search_gains_by_a_planted_rule_and_not_without_one(tmp_path):
    table = planted(200)
    pool = tuple(Alloy(dict(zip(("Al", "Cu", "Zr"), each, strict=True)), 0.0) for each in grid_of(3, 0.1))
    grid = AlloyTable(pool, np.full(36, ""), np.full(36, np.nan), np.full(36, ""))
    # Within the pool the rule is another than outside: only a search that learns from its own results finds it.
    rich = grid.fractions[:, 2] > 0.55
    classes = np.where(rich, "BMG", "crystal")
    outside = table.chosen(table.systems != "Al-Cu-Zr")
    whole = AlloyTable(
        (*outside.alloys, *pool),
        np.concatenate([outside.classes, classes]),
        np.full(len(outside.alloys) + 36, np.nan),
        np.full(len(outside.alloys) + 36, ""),
    )
    gains = replay_search(whole, settings=SEARCH, folder=tmp_path / "rule", say=quiet)["gains"]
    assert gains["loop over random"]["low"] > 0.5
    assert gains["loop over one_shot"]["low"] > 0
    random = np.random.default_rng(3)
    shuffled = replace(whole, classes=random.permutation(whole.classes))
    control = replay_search(shuffled, settings=SEARCH, folder=tmp_path / "none", say=quiet)["gains"]
    assert control["loop over random"]["value"] < gains["loop over random"]["low"]


def test_proposals_are_new_likely_and_different(table, tmp_path):
    proposals = propose_alloys(table, settings=SEARCH, folder=tmp_path)
    places = np.array(
        [[parse_alloy(each["alloy"]).fractions[name] for name in ("Al", "Cu", "Zr")] for each in proposals]
    )
    assert len(places) == SEARCH["batch"]
    for number, place in enumerate(places):
        assert exchanged(np.delete(places, number, axis=0), place).min() >= DIVERSE_BY - 1e-9
    assert min(each["probability"] + each["deviation"] for each in proposals) > 0.5
    assert (tmp_path / "proposals.svg").is_file()
    mixtures = grid_of(3, 0.05)
    assert len(mixtures) == 19 * 18 / 2
    assert np.allclose(mixtures.sum(axis=1), 1)
    assert diverse_batch(np.arange(3.0), np.array([[0.5, 0.5], [0.51, 0.49], [0.9, 0.1]]), size=3) == [2, 1, 0]


def written(table: AlloyTable, path: Path) -> Path:
    dates = [str(1980 + number % 40) for number in range(len(table.alloys))]
    rows = zip(table.alloys, table.classes, table.diameters_mm, dates, strict=True)
    lines = [f"{alloy.formula},{name},{diameter_mm:.3f},{date}" for alloy, name, diameter_mm, date in rows]
    path.write_text("\n".join(["Alloy,Class,Dmax,Date", *lines, ""]))
    return path


def test_the_command_says_how_well_it_predicts(tmp_path):
    file = written(planted(80), tmp_path / "alloys.csv")
    out = tmp_path / "gfa"
    arguments = [str(file), "--out", str(out), "--predict", "Ni62Nb38", "--predict", "Al10Cu30Zr60"]
    done = CliRunner().invoke(command, [*arguments, "--propose", "Zr-Al-Cu", "--step", "10", "--repeats", "2"])
    assert done.exit_code == 0, done.output
    record = json.loads((out / "gfa.json").read_text())
    assert set(record["classes"]) == {"status", "system", "random", "time"}
    assert [row["system_is_known"] for row in record["predictions"]] == [False, True]
    assert "no alloy of its system is known" in done.output
    for name in ("precision_recall.svg", "calibration.svg", "diameters.svg", "proposals.tsv", "predictions.tsv"):
        assert (out / name).is_file()
    assert tuple(CHOICES) == TREATMENTS


def test_a_table_of_diameters_alone_gives_diameters(tmp_path):
    table = replace(planted(60), classes=np.full(60, ""))
    file = written(table, tmp_path / "diameters.csv")
    done = CliRunner().invoke(command, [str(file), "--out", str(tmp_path / "gfa")])
    assert done.exit_code == 0, done.output
    assert "classes: Alloys of two classes are needed" in done.output
    assert "diameters, held out by system, imbalance none: RMSE" in done.output


@pytest.mark.parametrize(
    ("text", "options", "sentence"),
    [
        ("Alloy,Mass\nCu50Zr50,3\n", (), "its header needs a column Alloy"),
        ("Alloy,GFA\nCu50Zr40,BMG\n", (), "None of 1 rows can be used"),
        ("Alloy,GFA\nCu50Zr50,BMG\n", (), "The table allows no prediction"),
        ("Alloy,GFA\nCu50Zr50,BMG\n", ("--propose", "Zr"), "--propose takes two to four"),
        ("Alloy,GFA\nCu50Zr50,BMG\n", ("--propose", "Zr-Xx"), "'Xx' is not an element"),
        ("Alloy,GFA\nCu50Zr50,BMG\n", ("--predict", "He50Zr50"), "He has no"),
        ("Alloy,GFA\nCu50Zr50,BMG\n", ("--step", "0"), "--step has to be"),
        ("Alloy,GFA\nCu50Zr50,BMG\n", ("--propose", "Zr-Al-Cu-Ni", "--step", "1"), "give a larger one"),
    ],
)
def test_bad_input_ends_in_a_sentence(tmp_path, text, options, sentence):
    (tmp_path / "alloys.csv").write_text(text)
    done = CliRunner().invoke(command, [str(tmp_path / "alloys.csv"), "--out", str(tmp_path / "gfa"), *options])
    assert done.exit_code == 1
    assert sentence in done.output
    assert "Traceback" not in done.output
