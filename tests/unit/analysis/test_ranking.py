"""The ranking holds every composition of the table, with a status where it has no conductivity."""

import csv

import numpy as np
import pandas as pd
import pytest
from ranking_cases import COVERED, EA_EV, RELEASE, TEMPERATURES_K, TRANSITION, fit_of, points_of

from saltflow.analysis.arrhenius.fit import BOLTZMANN_EV_K
from saltflow.analysis.conductivity_table import write_table
from saltflow.analysis.ranking.ranking import CompositionResults, agreement, format_ranking, rank, read_finished
from saltflow.base.provenance import write_json

UNKNOWN = {"sigma_mS_cm": None, "temperature_C": None, "sigma_origin": None, "Ea_eV": None}
MEASURED = {"sigma_mS_cm": 1.5, "temperature_C": 30.0, "sigma_origin": "read", "Ea_eV": 0.33}


def finished(
    composition: str, *, prefactor: float = 1e7, status: str = "ok", reason: str = "", **choices
) -> CompositionResults:
    fit = fit_of(composition, prefactor=prefactor, status=status, **choices)
    return CompositionResults(fit, points_of(composition, status, reason=reason), RELEASE, "none", COVERED)


def ranked(*found: CompositionResults, others: dict | None = None, measured: tuple[str, ...] = ()) -> pd.DataFrame:
    named = {each.fit["composition"]: each for each in found}
    names = [*named, *(others or {})]
    return rank(named, others or {}, literature={name: MEASURED if name in measured else UNKNOWN for name in names})


def test_the_best_conductor_comes_first_and_those_without_a_number_last():
    ranking = ranked(
        finished("frozen", status="not diffusive"),
        finished("slow", prefactor=1e6),
        finished("fast", prefactor=1e8),
        finished("evaporated", status="no accepted replica", reason="replica 1: gas"),
        finished("middle", prefactor=1e7),
        others={"waits": "pending", "broken": "failed: run_md exit: no memory"},
        measured=("fast",),
    )
    assert ranking["composition"].tolist()[:3] == ["fast", "middle", "slow"]
    assert ranking["rank"].tolist()[:3] == [1, 2, 3]
    assert ranking["rank"][3:].isna().all()
    assert dict(zip(ranking["composition"], ranking["status"], strict=True)) == {
        **dict.fromkeys(("fast", "middle", "slow"), "done"),
        "frozen": "not diffusive: 0 of 4 temperatures have a diffusive window",
        "evaporated": "no accepted replica: replica 1: gas",
        "waits": "pending",
        "broken": "failed: run_md exit: no memory",
    }
    best = ranking.iloc[0]
    assert best["sigma_mS_cm"] == pytest.approx(1e8 / 300 * np.exp(-EA_EV / (BOLTZMANN_EV_K * 300)), rel=1e-6)
    assert best["sigma_low_mS_cm"] < best["sigma_mS_cm"] < best["sigma_high_mS_cm"]
    assert best["Ea_eV"] == pytest.approx(EA_EV)
    assert (best["at_temperature_K"], best["extrapolated"]) == (300.0, True)
    assert (best["domain"], best["out_of_domain_fraction"], best["out_of_domain_err"]) == ("covered", 0.012, 0.004)
    assert (best["measured_sigma_mS_cm"], best["measured_at_C"], best["measured_origin"]) == (1.5, 30.0, "read")


def test_a_fit_whose_interval_says_nothing_has_no_rank():
    """Whatever its value: the demonstration once had 2·10⁴ mS/cm, known to within fifty decades, on its first rank."""
    ranking = ranked(
        finished("vague", prefactor=1e12, relative_error=2.0), finished("slow", prefactor=1e6), measured=("vague",)
    )
    assert ranking["composition"].tolist() == ["slow", "vague"]
    assert ranking["rank"].tolist() == [1, pd.NA]
    vague = ranking.iloc[1]
    decades = np.log10(vague["sigma_high_mS_cm"] / vague["sigma_low_mS_cm"])
    assert decades > 4
    assert vague["status"] == f"too uncertain: the 95 % interval at 300 K spans {decades:.0f} decades"
    assert agreement(ranking)["electrolytes"] == 0


def test_the_mechanism_is_that_of_the_coolest_diffusive_temperature():
    found = finished("mixed")
    found.points[0][0]["status"] = "not diffusive"
    row = ranked(found).iloc[0]
    assert (row["of_T_K"], row["haven_ratio"], row["t_E"]) == (600.0, 0.6, 0.9)
    assert row["density_g_cm3"] == pytest.approx(1.4)


def test_the_potential_behind_a_number_is_named():
    row = ranked(finished("LiCl")).iloc[0]
    assert (row["potential"], row["method"], row["potential_status"]) == ("chlorides", "pbe-d3", "converged")
    assert row["force_rmse_meV_A"] == 31.0


def test_a_range_across_the_glass_transition_is_flagged():
    ranking = ranked(finished("replica", prefactor=1e8, transition=TRANSITION), finished("crystal", prefactor=1e7))
    assert ranking["crosses_Tg"].tolist() == [True, None]
    assert ranking["Tg_K"].tolist()[0] == 550.0
    assert ranking["Tg_K"].isna().tolist() == [False, True]


def test_agreement_with_measurements_is_the_rank_correlation():
    measured = [10.0, 30, 20, 50, 80, None]
    table = pd.DataFrame({"sigma_mS_cm": [1.0, 2, 3, 4, 5, 9], "measured_sigma_mS_cm": measured, "status": "done"})
    found = agreement(table)
    assert (found["electrolytes"], found["rho"]) == (5, pytest.approx(0.9))  # 1 − 6·2/(5·24)
    assert found["low"] < 0.9 < found["high"]
    assert agreement(table.head(4))["rho"] is None


def test_a_ranking_without_a_single_number_is_written(tmp_path):
    ranking = ranked(finished("frozen", status="not diffusive"), measured=("frozen",))
    write_table(ranking, tmp_path / "ranking.csv")
    (row,) = csv.DictReader((tmp_path / "ranking.csv").open())
    assert (row["rank"], row["composition"], row["sigma_mS_cm"]) == ("", "frozen", "")
    assert row["measured_sigma_mS_cm"] == "1.5"
    text = format_ranking(ranking)
    assert "1 compositions: 1 not diffusive." in text
    assert "too few to compare" in text


def test_a_ranking_before_anything_is_done():
    ranking = ranked(others={"LiCl": "pending", "LiF": "not in this sweep"})
    assert ranking["status"].tolist() == ["pending", "not in this sweep"]
    assert "2 compositions" in format_ranking(ranking)


def test_files_of_a_sweep_belong_to_their_compositions(tmp_path):
    for name in ("LiCl", "LiF"):
        write_json(tmp_path / name / "arrhenius.json", fit_of(name, prefactor=1e7))
        write_json(tmp_path / name / "domain.json", COVERED | {"composition": name})
        for transport, structure in points_of(name, "ok"):
            folder = tmp_path / name / f"md/{transport['temperature_K']:.0f}K"
            write_json(folder / "transport.json", transport)
            write_json(folder / "structure.json", structure)
    write_json(tmp_path / "potentials/chlorides/released.json", RELEASE)
    found = read_finished(
        sorted(tmp_path.glob("*/arrhenius.json")),
        domain=tmp_path.glob("*/domain.json"),
        transport=sorted(tmp_path.glob("*/md/*/transport.json")),
        structure=sorted(tmp_path.glob("*/md/*/structure.json")),
        releases=tmp_path.glob("potentials/*/released.json"),
        dispersion={"LiCl": "none", "LiF": "D3(BJ) of PBE"},
    )
    assert list(found) == ["LiCl", "LiF"]
    assert [point[0]["temperature_K"] for point in found["LiF"].points] == list(TEMPERATURES_K)
    assert found["LiF"].release == RELEASE
    assert found["LiF"].domain == COVERED | {"composition": "LiF"}
    assert [found[name].dispersion for name in found] == ["none", "D3(BJ) of PBE"]
