"""The table and the ranking hold every point, and say which numbers are no conductivities."""

import csv

import numpy as np
import pandas as pd
import pytest
from test_transport import analyse, brownian_steps, lithium_in_a_heavy_frame

from saltflow.arrhenius import BOLTZMANN_EV_K, ArrheniusPoint, fit_arrhenius
from saltflow.summary import rank, tabulate, write_table
from saltflow.transport.analysis import no_transport

COLUMNS = [
    "composition",
    "temperature_K",
    "glasses",
    "D_cm2_s",
    "D_err",
    "sigma_NE_mS_cm",
    "sigma_NE_err",
    "sigma_cNE_mS_cm",
    "sigma_cNE_err",
    "sigma_E_mS_cm",
    "sigma_E_err",
    "haven_ratio",
    "haven_err",
    "t_E",
    "t_E_err",
    "alpha",
    "finite_size",
    "status",
    "side_of_Tg",
    "potential",
    "method",
    "potential_status",
    "force_rmse_meV_A",
]
RELEASES = {
    "chlorides": {"reference": {"name": "gfn1-xtb"}, "converged": False, "heldout": {"force_rmse_meV_A": 123.4}},
    "oxides": {"reference": {"name": "pbe-d3"}, "converged": True, "heldout": {"force_rmse_meV_A": 31.0}},
}
NO_TRANSITION = {"status": "not found", "Tg_K": None, "error_K": None, "sides": {}}
TRANSITION = {"status": "found", "Tg_K": 550.0, "error_K": 20.0, "near_K": 40.0,
              "sides": {"400": "below", "800": "above"}}  # fmt: skip
TRANSITIONS = {"LiCl": TRANSITION, "Li2O": NO_TRANSITION}
UNKNOWN = {"sigma_mS_cm": None, "temperature_C": None, "sigma_origin": None, "Ea_eV": None}
MEASURED = {"sigma_mS_cm": 1.5, "temperature_C": 30.0, "sigma_origin": "read", "Ea_eV": 0.33}


@pytest.fixture(scope="module")
def points() -> list[tuple[str, dict]]:
    rng = np.random.default_rng(5)

    def run(D_A2_ps, frames):
        return lithium_in_a_heavy_frame(brownian_steps(rng, frames, 12, D_A2_ps=D_A2_ps))

    return [
        ("LiCl", analyse([run(0.5, 1500) for _ in range(3)], temperature_K=800.0)),
        ("LiCl", analyse([run(0.001, 300) for _ in range(2)], temperature_K=400.0)),
        ("Li2O", no_transport(["not run: gas", "not run: gas"], temperature_K=600.0)),
    ]


@pytest.fixture(scope="module")
def table(points) -> pd.DataFrame:
    return tabulate(points, RELEASES, TRANSITIONS, potentials={"LiCl": "chlorides", "Li2O": "oxides"})


def test_columns_of_the_table(table):
    assert list(table.columns) == COLUMNS
    assert len(table) == 3


def test_a_diffusive_point_holds_what_the_analysis_found(table, points):
    row, quantities = table.iloc[0], points[0][1]["quantities"]
    assert row["status"] == "ok"
    assert (row["composition"], row["temperature_K"], row["glasses"]) == ("LiCl", 800.0, 3)
    assert row["D_cm2_s"] == quantities["D_cm2_s"]["value"] == pytest.approx(0.5e-4, rel=0.2)
    assert row["D_err"] == quantities["D_cm2_s"]["error"]
    assert row["sigma_E_mS_cm"] == quantities["sigma_E_mS_cm"]["value"]
    assert row["sigma_NE_err"] == quantities["sigma_NE_mS_cm"]["error"]
    assert row["haven_ratio"] * row["sigma_E_mS_cm"] == pytest.approx(row["sigma_NE_mS_cm"], rel=0.1)


def test_points_that_are_no_conductivities_are_flagged(table):
    assert table["status"].tolist() == ["ok", "not diffusive", "no sound glass"]
    nothing = table.iloc[2]
    assert nothing["glasses"] == 0
    assert nothing[["D_cm2_s", "sigma_NE_mS_cm", "sigma_E_mS_cm", "haven_ratio", "alpha"]].isna().all()


def test_the_side_of_the_glass_transition_is_named(table):
    assert table["side_of_Tg"].tolist()[:2] == ["above", "below"]
    assert table["side_of_Tg"].isna().tolist() == [False, False, True]


def test_the_method_of_every_number_is_named(table):
    assert table["method"].tolist() == ["gfn1-xtb", "gfn1-xtb", "pbe-d3"]
    assert table["potential_status"].tolist() == ["not converged", "not converged", "converged"]
    assert table["force_rmse_meV_A"].tolist() == [123.4, 123.4, 31.0]


def test_written_table_and_its_text(table, tmp_path):
    write_table(table, tmp_path / "table.csv", text_path=tmp_path / "table.txt")
    rows = list(csv.DictReader((tmp_path / "table.csv").open()))
    assert list(rows[0]) == COLUMNS
    assert float(rows[0]["D_cm2_s"]) == pytest.approx(table["D_cm2_s"][0], rel=1e-5)
    assert rows[2]["D_cm2_s"] == ""
    text = (tmp_path / "table.txt").read_text()
    assert "nan" not in text.lower()
    assert "not diffusive" in text
    for explained in (
        "D: self-diffusion",
        "NE: Nernst–Einstein",
        "cNE: the same",
        "err: standard error",
        "status ok:",
        "method:",
    ):
        assert explained in text


def test_a_table_without_points_is_written(tmp_path):
    write_table(tabulate([], RELEASES, {}, potentials={}), tmp_path / "table.csv", text_path=tmp_path / "table.txt")
    assert "NE: Nernst–Einstein" in (tmp_path / "table.txt").read_text()


def fits(composition: str, *, prefactor: float, status: str = "ok", transition: dict = NO_TRANSITION) -> dict:
    """An arrhenius.json whose σT follows 0.3 eV."""
    points = [
        ArrheniusPoint(kelvin, value, 0.05 * value, status)
        for kelvin in (500.0, 600.0, 700.0, 800.0)
        if (value := prefactor / kelvin * np.exp(-0.3 / (BOLTZMANN_EV_K * kelvin)))
    ]
    fit = fit_arrhenius(points, quantity="sigma_E_mS_cm", target_temperature_K=300.0, bootstrap_samples=100, seed=1,
                        transition=transition)  # fmt: skip
    return {"composition": composition, "fits": {"sigma_E_mS_cm": fit}, "glass_transition": transition}


def test_the_best_conductor_comes_first_and_those_without_a_fit_last():
    contents = [
        fits("frozen", prefactor=1e9, status="not diffusive"),
        fits("slow", prefactor=1e6),
        fits("fast", prefactor=1e8),
        fits("gas", prefactor=1e9, status="no sound glass"),
        fits("middle", prefactor=1e7),
    ]
    literature = {each["composition"]: UNKNOWN for each in contents} | {"fast": MEASURED}
    ranking = rank(contents, literature=literature)
    assert ranking["composition"].tolist() == ["fast", "middle", "slow", "frozen", "gas"]
    assert ranking["rank"].tolist()[:3] == [1, 2, 3]
    assert ranking["rank"].isna().tolist() == [False, False, False, True, True]
    assert set(ranking["status"][3:]) == {"too few diffusive temperatures"}
    best = ranking.iloc[0]
    assert best["sigma_mS_cm"] == pytest.approx(1e8 / 300 * np.exp(-0.3 / (BOLTZMANN_EV_K * 300)), rel=1e-6)
    assert best["sigma_low_mS_cm"] < best["sigma_mS_cm"] < best["sigma_high_mS_cm"]
    assert best["Ea_eV"] == pytest.approx(0.3)
    assert (best["at_temperature_K"], best["extrapolated"]) == (300.0, True)
    assert (best["measured_sigma_mS_cm"], best["measured_at_C"], best["measured_origin"]) == (1.5, 30.0, "read")


def test_a_range_across_the_glass_transition_is_flagged_in_the_ranking():
    contents = [fits("glass", prefactor=1e8, transition=TRANSITION), fits("crystal", prefactor=1e7)]
    ranking = rank(contents, literature={each["composition"]: UNKNOWN for each in contents})
    assert ranking["crosses_Tg"].tolist() == [True, None]
    assert ranking["Tg_K"].tolist()[0] == 550.0
    assert ranking["Tg_K"].isna().tolist() == [False, True]


def test_a_ranking_without_a_single_fit_is_written(tmp_path):
    ranking = rank([fits("frozen", prefactor=1.0, status="not diffusive")], literature={"frozen": MEASURED})
    write_table(ranking, tmp_path / "ranking.csv")
    (row,) = csv.DictReader((tmp_path / "ranking.csv").open())
    assert (row["rank"], row["composition"], row["sigma_mS_cm"]) == ("", "frozen", "")
    assert row["measured_sigma_mS_cm"] == "1.5"
