"""Which order predicts the conductivity: planted relations are found, absent ones are not."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from saltflow.analysis.order.association import associate
from saltflow.analysis.order.electrolytes import Electrolyte, collect, descriptors_of
from saltflow.analysis.order.note import design_note
from saltflow.analysis.order.order_relation import relate
from saltflow.analysis.order.regression import cross_validate
from saltflow.statistics.rank_correlation import spearman_interval

HOSTS = 10
PER_HOST = 4
NOISE = ("density", "angle_variance", "q6")


def table_of(seed: int, *, explained: str | None = "terminal_X") -> pd.DataFrame:
    """Electrolytes with four independent descriptors, one of which may decide the conductivity."""
    random = np.random.default_rng(seed)
    number = HOSTS * PER_HOST
    table = pd.DataFrame({name: random.normal(size=number) for name in ("terminal_X", *NOISE)})
    table.insert(0, "composition", [f"c{place}" for place in range(number)])
    table.insert(1, "host", np.repeat([f"h{place}" for place in range(HOSTS)], PER_HOST))
    signal = table[explained] if explained else 0.0
    table["log10_sigma"] = signal + 0.5 * random.normal(size=number)
    table["log10_D"] = np.nan
    return table


def validated(table: pd.DataFrame, **choices) -> dict[str, dict]:
    options = {
        "target": "log10_sigma",
        "descriptors": ["terminal_X", *NOISE],
        "shuffles": 39,
        "seed": 1,
        "models": ["ridge"],
    }
    return cross_validate(table, **options | choices)


def test_the_planted_descriptor_survives_and_nothing_else_does():
    rows = associate(table_of(3), target="log10_sigma", descriptors=["terminal_X", *NOISE])
    assert rows[0]["descriptor"] == "terminal_X"
    assert [row["descriptor"] for row in rows if row["significant"]] == ["terminal_X"]
    assert rows[0]["low"] < 6 / np.pi * np.arcsin(1 / np.sqrt(1.25) / 2) < rows[0]["high"]  # rho of this normal pair


def test_where_nothing_is_related_false_discoveries_stay_below_their_rate():
    found = [
        any(row["significant"] for row in associate(table, target="log10_sigma", descriptors=["terminal_X", *NOISE]))
        for table in (table_of(seed, explained=None) for seed in range(200))
    ]
    assert np.mean(found) <= 0.05


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.8])
def test_the_interval_of_a_rank_correlation_covers_it(correlation):
    random = np.random.default_rng(7)
    truth = 6 / np.pi * np.arcsin(correlation / 2)
    covered = []
    for _ in range(1000):
        first, second = random.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]], size=30).T
        low, high = spearman_interval(stats.spearmanr(first, second).statistic, 30)
        covered.append(low <= truth <= high)
    assert np.mean(covered) == pytest.approx(0.95, abs=0.02)


def test_unseen_hosts_are_predicted_where_a_descriptor_decides():
    ridge = validated(table_of(3))["ridge"]
    assert ridge["significant"]
    assert ridge["Q2"] == pytest.approx(0.8, abs=0.15)  # 1 − 0.25/1.25
    assert next(iter(ridge["importance"])) == "terminal_X"
    assert ridge["shuffled_Q2"]["mean"] <= 0
    assert set(ridge["predictions"]) == {f"c{place}" for place in range(HOSTS * PER_HOST)}


def test_the_control_is_as_good_where_nothing_decides():
    significant = [seed for seed in range(10) if validated(table_of(seed, explained=None))["ridge"]["significant"]]
    assert len(significant) <= 2  # 5 % of 10 are expected


def test_what_only_tells_hosts_apart_predicts_no_new_host():
    table = table_of(3)
    random = np.random.default_rng(0)
    of_host = dict(zip(table["host"].unique(), random.normal(size=HOSTS), strict=True))
    label = dict(zip(table["host"].unique(), random.normal(size=HOSTS), strict=True))
    table["log10_sigma"] = table["host"].map(of_host) + 0.01 * table["density"]
    table["terminal_X"] = table["host"].map(label)
    forest = validated(table, descriptors=["terminal_X"], shuffles=9, models=["random forest"])["random forest"]
    assert forest["Q2"] < 0.1
    assert not forest["significant"]


def test_trees_see_what_is_no_line():
    table = table_of(3)
    table["log10_sigma"] = np.abs(table["terminal_X"]) * 2
    models = validated(table, shuffles=1, models=["ridge", "random forest"])
    assert models["random forest"]["Q2"] > 0.4 > models["ridge"]["Q2"]


def test_a_descriptor_that_many_lack_is_left_out_and_an_electrolyte_that_lacks_one_too():
    table = table_of(3)
    table.loc[: len(table) // 2, "q6"] = np.nan
    table.loc[0, "density"] = np.nan
    ridge = validated(table)["ridge"]
    assert "q6" not in ridge["importance"]
    assert ridge["electrolytes"] == len(table) - 1


def test_two_hosts_are_too_few_to_leave_one_out():
    table = table_of(3)
    models = validated(table[table["host"].isin(["h0", "h1"])])
    assert all(model["status"].startswith("too few: 8 electrolytes of 2 hosts") for model in models.values())


def test_three_electrolytes_are_too_few():
    relations = relate(table_of(3).head(3), descriptors=["terminal_X", *NOISE], shuffles=19, seed=1)
    assert relations["log10_sigma"]["status"] == "too few"
    assert "Too few: 8 are needed" in design_note(relations)


def test_the_note_states_what_survived_and_no_more():
    note = design_note(relate(table_of(3), descriptors=["terminal_X", *NOISE], shuffles=19, seed=1))
    assert "rises with terminal X: Spearman's rho" in note
    assert not any(name.replace("_", " ") in note.split("- ridge")[0] for name in NOISE)
    nothing = design_note(relate(table_of(3, explained=None), descriptors=list(NOISE), shuffles=9, seed=1))
    assert "None of 3 descriptors" in nothing
    assert "does not predict hosts left out" in nothing


def test_unknown_and_undiffusive_values_are_left_blank():
    transport = {
        "status": "not diffusive",
        "mobile_ion": "Li",
        "temperature_K": 600.0,
        "quantities": {"D_cm2_s": {"value": 1e-6}},
    }
    electrolyte = Electrolyte(
        composition="LiAlCl4",
        host="AlCl3",
        arrhenius={"fits": {"sigma_E_mS_cm": {"status": "too few diffusive temperatures"}}},
        transport=transport,
        structure={"descriptors": {"q6": {"value": 0.3, "error": 0.01}, "s2": {"value": None}}},
        pathways={"quantities": {}},
    )
    table = collect([electrolyte])
    assert table[["log10_sigma", "log10_D", "s2"]].isna().all(axis=None)
    assert table.loc[0, "q6"] == 0.3
    assert {"q6", "s2"} <= set(descriptors_of(table))
