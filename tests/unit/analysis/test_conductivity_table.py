"""The table holds every state point, with a status where it has no conductivity."""

import csv

import numpy as np
import pandas as pd
import pytest
from transport_cases import analyse
from walkers import brownian_steps, lithium_in_a_heavy_frame

from saltflow.analysis.conductivity_table import format_conductivity_table, potential_status, tabulate, write_table
from saltflow.analysis.transport.analysis import no_transport

COLUMNS = [
    "composition",
    "temperature_K",
    "replicas",
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
    "sigma_E_status",
    "side_of_Tg",
    "potential",
    "method",
    "potential_status",
    "force_rmse_meV_A",
    "domain",
    "out_of_domain_fraction",
    "out_of_domain_err",
]
RELEASES = {
    "chlorides": {
        "potential": "chlorides",
        "reference": {"name": "gfn1-xtb"},
        "converged": False,
        "heldout": {"force_rmse_meV_A": 123.4},
    },
    "oxides": {
        "potential": "oxides",
        "reference": {"name": "pbe"},
        "converged": True,
        "heldout": {"force_rmse_meV_A": 31.0},
    },
}
OF_CHLORIDE = {"composition": "LiCl", "potential": "chlorides"}
OF_OXIDE = {"composition": "Li2O", "potential": "oxides"}
NO_TRANSITION = {"status": "not found", "Tg_K": None, "error_K": None, "sides": {}}
TRANSITION = {"status": "found", "Tg_K": 550.0, "error_K": 20.0, "near_K": 40.0,
              "sides": {"400": "below", "800": "above"}}  # fmt: skip
TRANSITIONS = {"LiCl": TRANSITION, "Li2O": NO_TRANSITION}
DOMAIN = {
    "LiCl": {"status": "not covered", "worst": {"state": "MD at 800 K", "value": 0.2, "error": 0.05}},
    "Li2O": {"status": "no accepted replica", "worst": None},
}
ADDED = {"LiCl": "none", "Li2O": "D3(BJ) of PBE"}


@pytest.fixture(scope="module")
def points() -> list[dict]:
    rng = np.random.default_rng(5)

    def run(D_A2_ps, frames):
        return lithium_in_a_heavy_frame(brownian_steps(rng, frames, 12, D_A2_ps=D_A2_ps))

    return [
        OF_CHLORIDE | analyse([run(0.5, 1500) for _ in range(3)], temperature_K=800.0),
        OF_CHLORIDE | analyse([run(0.001, 300) for _ in range(2)], temperature_K=400.0),
        OF_OXIDE | no_transport(["not run: gas", "not run: gas"], temperature_K=600.0),
    ]


@pytest.fixture(scope="module")
def table(points) -> pd.DataFrame:
    return tabulate(points, RELEASES, TRANSITIONS, dispersion=ADDED, domain=DOMAIN)


def test_columns_of_the_table(table):
    assert list(table.columns) == COLUMNS
    assert len(table) == 3


def test_a_diffusive_state_point_has_the_values_of_the_analysis(table, points):
    row, quantities = table.iloc[0], points[0]["quantities"]
    assert row["status"] == "ok"
    assert (row["composition"], row["temperature_K"], row["replicas"]) == ("LiCl", 800.0, 3)
    assert row["D_cm2_s"] == quantities["D_cm2_s"]["value"] == pytest.approx(0.5e-4, rel=0.2)
    assert row["D_err"] == quantities["D_cm2_s"]["error"]
    assert row["sigma_E_mS_cm"] == quantities["sigma_E_mS_cm"]["value"]
    assert row["sigma_NE_err"] == quantities["sigma_NE_mS_cm"]["error"]
    assert row["haven_ratio"] * row["sigma_E_mS_cm"] == pytest.approx(row["sigma_NE_mS_cm"], rel=0.1)


def test_state_points_without_a_conductivity_have_another_status(table):
    assert table["status"].tolist() == ["ok", "not diffusive", "no accepted replica"]
    nothing = table.iloc[2]
    assert nothing["replicas"] == 0
    assert nothing[["D_cm2_s", "sigma_NE_mS_cm", "sigma_E_mS_cm", "haven_ratio", "alpha"]].isna().all()


@pytest.mark.parametrize(
    ("training", "status"),
    [
        ("uninterrupted", "converged"),
        ("resumed, exact", "converged"),
        ("resumed, differs", "converged; resumed, differs"),
        (None, "converged"),
    ],
)
def test_a_training_that_was_resumed_inexactly_is_named(training, status):
    assert potential_status({"converged": True, "training": training}) == status


def test_the_side_of_the_glass_transition_is_named(table):
    assert table["side_of_Tg"].tolist()[:2] == ["above", "below"]
    assert table["side_of_Tg"].isna().tolist() == [False, False, True]


def test_the_method_of_every_number_is_named(table):
    assert table["method"].tolist() == ["gfn1-xtb", "gfn1-xtb", "pbe + D3(BJ) in MD"]
    assert table["potential_status"].tolist() == ["not converged", "not converged", "converged"]
    assert table["force_rmse_meV_A"].tolist() == [123.4, 123.4, 31.0]


def test_every_row_says_whether_labels_cover_its_composition(table):
    assert table["domain"].tolist() == ["not covered", "not covered", "no accepted replica"]
    assert table["out_of_domain_fraction"].tolist()[:2] == [0.2, 0.2]
    assert pd.isna(table["out_of_domain_fraction"][2])


def test_a_sweep_without_that_analysis_leaves_the_domain_empty(points):
    table = tabulate(points, RELEASES, TRANSITIONS, dispersion=ADDED, domain={})
    assert list(table.columns) == COLUMNS
    assert table[["domain", "out_of_domain_fraction", "out_of_domain_err"]].isna().all(axis=None)


def test_written_table_and_its_text(table, tmp_path):
    write_table(table, tmp_path / "table.csv")
    rows = list(csv.DictReader((tmp_path / "table.csv").open()))
    assert list(rows[0]) == COLUMNS
    assert float(rows[0]["D_cm2_s"]) == pytest.approx(table["D_cm2_s"][0], rel=1e-5)
    assert rows[2]["D_cm2_s"] == ""
    text = format_conductivity_table(table)
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
    table = tabulate([], RELEASES, {}, dispersion={}, domain={})
    write_table(table, tmp_path / "table.csv")
    assert "NE: Nernst–Einstein" in format_conductivity_table(table)
