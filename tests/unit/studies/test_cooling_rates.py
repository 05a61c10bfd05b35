"""Tg over cooling rates, from curves whose breaks, slopes and rise with the rate are planted."""

import json

import numpy as np
import pytest
from ase.units import kB
from click.testing import CliRunner

from saltflow.analysis.arrhenius.glass_transition import CoolingCurve
from saltflow.studies.alloys.cooling_files import Cooling
from saltflow.studies.alloys.cooling_rates import NO_TREND, ONE_RATE, TREND, rate_dependence, transitions_by_rate
from saltflow.studies.alloys.tg_command import command

KELVIN = np.linspace(1200, 300, 120)
RISE_K, EXPANSION, JUMP = 40.0, (5e-5, 1.5e-4), (3.0, 4.5)  # per decade; per K and in kB, of glass and melt
RATES = (100.0, 10.0, 1.0)


def tg_K(rate_K_per_ps: float) -> float:
    """Planted: 600 K at 1 K/ps, which is 1e12 K/s."""
    return 600 + RISE_K * np.log10(rate_K_per_ps)


def broken(slopes: tuple[float, float], middle_K: float) -> np.ndarray:
    beyond = KELVIN - middle_K
    return slopes[0] * np.minimum(beyond, 0) + slopes[1] * np.maximum(beyond, 0)


def cooling(rate_K_per_ps: float, random: np.random.Generator, *, middle_K: float | None = None) -> Cooling:
    middle_K = middle_K or tg_K(rate_K_per_ps)
    noise = np.sqrt(KELVIN / 750) * random.normal(size=(2, len(KELVIN)))
    volume = 2e4 * (1 + broken(EXPANSION, middle_K) + 3e-4 * noise[0])
    enthalpy = -4 + kB * broken(JUMP, middle_K) + 2e-4 * noise[1]
    return Cooling("replica", CoolingCurve(KELVIN, volume, rate_K_per_ps), enthalpy)


@pytest.fixture(scope="module")
def rows() -> list[dict]:
    random = np.random.default_rng(1)
    return transitions_by_rate([cooling(rate, random) for rate in (*RATES, *RATES, *RATES)], seed=1)


def test_breaks_and_what_changes_there_are_found_at_every_rate(rows):
    assert [row["rate_K_per_ps"] for row in rows] == list(RATES)
    for row in rows:
        for quantity in ("volume", "enthalpy"):
            found = row[quantity]
            assert abs(found["Tg_K"] - tg_K(row["rate_K_per_ps"])) < 4 * found["error_K"] < 80
        capacity, expansion = row["heat_capacity_kB"], row["expansion_per_K"]
        assert capacity["jump"]["value"] == pytest.approx(JUMP[1] - JUMP[0], abs=5 * capacity["jump"]["error"])
        assert capacity["glass"]["value"] == pytest.approx(JUMP[0], rel=0.05)
        # Relative to the mean volume, which is some 1.02 × that at Tg.
        assert expansion["melt"]["value"] == pytest.approx(EXPANSION[1], rel=0.05)
        assert expansion["glass"]["value"] == pytest.approx(EXPANSION[0], rel=0.15)


def test_the_rise_with_the_rate_is_found_and_extrapolated_with_its_error(rows):
    trend = rate_dependence(rows, quantity="enthalpy", target_K_per_s=1e10)
    assert trend["status"] == TREND
    assert abs(trend["slope_K_per_decade"] - RISE_K) < 3 * trend["error_K_per_decade"] < 30
    target = trend["target"]
    assert (target["decades_beyond"], target["far"]) == (pytest.approx(2), False)
    assert abs(target["Tg_K"] - (600 - 2 * RISE_K)) < 3 * target["error_K"]
    laboratory = rate_dependence(rows, quantity="volume", target_K_per_s=10.0)["target"]
    assert laboratory["far"]
    assert laboratory["error_K"] > target["error_K"]


def test_two_exact_points_make_the_line_between_them():
    made = [
        {"rate_K_per_ps": rate, "volume": {"status": "found", "Tg_K": kelvin, "error_K": 3.0}}
        for rate, kelvin in ((10.0, 640.0), (1.0, 600.0))
    ]
    trend = rate_dependence(made, quantity="volume", target_K_per_s=1e11)
    assert trend["slope_K_per_decade"] == pytest.approx(40)
    assert trend["error_K_per_decade"] == pytest.approx(3 * np.sqrt(2))
    assert trend["target"]["Tg_K"] == pytest.approx(560)
    assert trend["target"]["error_K"] == pytest.approx(3 * np.sqrt(5))  # 2·Tg(1) − Tg(10)
    assert trend["reduced_chi2"] is None


def test_what_is_not_there_is_not_given():
    random = np.random.default_rng(2)
    alike = [cooling(rate, random, middle_K=600.0) for rate in (10.0, 1.0)]
    flat = transitions_by_rate(alike, seed=1)
    trend = rate_dependence(flat, quantity="volume", target_K_per_s=None)
    assert trend["status"] in (TREND, NO_TREND)
    assert abs(trend["slope_K_per_decade"]) < 4 * trend["error_K_per_decade"]
    straight = [Cooling("", CoolingCurve(KELVIN, 2e4 * (1 + 1e-4 * KELVIN), 1.0), None)]
    straight[0].volume.volumes_A3[:] += random.normal(size=len(KELVIN))
    (row,) = transitions_by_rate(straight, seed=1)
    assert row["volume"]["status"] == "not found"
    assert row["expansion_per_K"] is row["enthalpy"] is row["heat_capacity_kB"] is None
    assert rate_dependence([row], quantity="volume", target_K_per_s=None) == {"status": ONE_RATE}


def written(each: Cooling, path) -> str:
    columns = (each.volume.temperatures_K, each.volume.volumes_A3, each.enthalpy_eV_atom)
    lines = [
        f"{kelvin},{volume},{each.volume.rate_K_per_ps},{energy}"
        for kelvin, volume, energy in zip(*columns, strict=True)
    ]
    path.write_text("\n".join(["temperature_K,volume_A3,rate_K_per_ps,enthalpy_eV_atom", *lines, ""]))
    return str(path)


def test_the_command_reads_tables_and_quenches(tmp_path):
    random = np.random.default_rng(4)
    files = [written(cooling(rate, random), tmp_path / f"{rate:g}.csv") for rate in (100.0, 10.0)]
    quench = cooling(1.0, random).volume
    record = {"rate_K_per_ps": 1.0, "temperature_K": KELVIN.tolist(), "volume_A3": quench.volumes_A3.tolist()}
    (tmp_path / "quench.json").write_text(json.dumps({"status": "ok", "cooling": record}))
    files.append(str(tmp_path / "quench.json"))
    done = CliRunner().invoke(command, [*files, "--at-rate", "10", "--out", str(tmp_path / "tg")])
    assert done.exit_code == 0, done.output
    assert "K per decade" in done.output
    assert "far: a lower bound" in done.output
    result = json.loads((tmp_path / "tg" / "tg.json").read_text())
    assert [row["enthalpy"] is None for row in result["rates"]] == [False, False, True]
    assert (tmp_path / "tg" / "tg.svg").is_file()


@pytest.mark.parametrize(
    ("text", "options", "sentence"),
    [
        ("temperature_K,volume_A3\n300,1\n", (), "the column rate_K_per_ps is missing"),
        ("temperature_K,volume_A3,rate_K_per_ps\n300,x,1\n", (), "row 2: volume_A3 is no number"),
        ("temperature_K,volume_A3,rate_K_per_ps\n300,5,1\n310,5,2\n", (), "one rate above 0"),
        ("temperature_K,volume_A3,rate_K_per_ps\n300,5,1\n", ("--at-rate", "0"), "--at-rate has to be above 0"),
    ],
)
def test_bad_input_ends_in_a_sentence(tmp_path, text, options, sentence):
    (tmp_path / "cooling.csv").write_text(text)
    done = CliRunner().invoke(command, [str(tmp_path / "cooling.csv"), "--out", str(tmp_path / "tg"), *options])
    assert done.exit_code == 1
    assert sentence in done.output


def test_a_crystal_is_no_glass(tmp_path):
    (tmp_path / "quench.json").write_text(json.dumps({"status": "ok", "cooling": None}))
    done = CliRunner().invoke(command, [str(tmp_path / "quench.json"), "--out", str(tmp_path / "tg")])
    assert done.exit_code == 1
    assert "no accepted glass that was melted and cooled" in done.output
