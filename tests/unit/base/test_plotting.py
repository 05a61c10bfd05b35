"""Every figure shows diffusive, not diffusive and missing input."""

import re
from pathlib import Path

import numpy as np
import pytest
from cooling_curves import TEMPERATURES_K as TEMPERATURES
from cooling_curves import broken, cooled
from ranking_cases import COVERED, RELEASE, points_of
from structure_cases import rocksalt
from transport_cases import analyse
from walkers import brownian_steps, lithium_in_a_heavy_frame

from saltflow.analysis.arrhenius.figures import plot_arrhenius, plot_glass_transition
from saltflow.analysis.arrhenius.fit import fit_arrhenius, points_from_transport
from saltflow.analysis.arrhenius.glass_transition import find_glass_transition
from saltflow.analysis.ranking.figure import plot_ranking
from saltflow.analysis.ranking.ranking import CompositionResults, rank
from saltflow.analysis.structure.rdf import pair_distributions
from saltflow.analysis.structure.rdf_figure import plot_structure
from saltflow.analysis.transport.analysis import no_transport
from saltflow.analysis.transport.figures import plot_conductivity, plot_transport
from saltflow.learning.assessment.assessment import assess
from saltflow.learning.assessment.figure import plot_assessment
from saltflow.learning.learning_figure import plot_learning

MEASURED = {
    "sigma_mS_cm": 1.5,
    "temperature_C": 30.0,
    "sigma_origin": "recalled",
    "Ea_eV": 0.33,
    "Ea_origin": "read",
    "source": "Somebody et al., A Journal 1, 2 (2023): read on page 3",
}
LITERATURE = "literature (recalled), Ea = 0.33 eV (read)"
TRANSITION = {"status": "found", "Tg_K": 550.0, "error_K": 20.0, "near_K": 40.0}
NO_TRANSITION = {"status": "not found", "reason": "no replica was melted and cooled", "Tg_K": None, "error_K": None}
UNKNOWN = dict.fromkeys(MEASURED)
TEMPERATURES_K = (600.0, 700.0, 800.0, 900.0)


@pytest.fixture(scope="module")
def points() -> dict[float, dict]:
    """Temperature → transport: faster and faster walkers, one that hardly moves, one without an accepted replica."""
    rng = np.random.default_rng(7)

    def at(kelvin, D_A2_ps, frames):
        runs = [lithium_in_a_heavy_frame(brownian_steps(rng, frames, 16, D_A2_ps=D_A2_ps)) for _ in range(3)]
        return analyse(runs, temperature_K=kelvin)

    diffusive = {kelvin: at(kelvin, 40 * np.exp(-2900 / kelvin), 1500) for kelvin in TEMPERATURES_K}
    return {300.0: no_transport(["not run: gas"] * 3, temperature_K=300.0), 400.0: at(400.0, 0.001, 300), **diffusive}


@pytest.fixture(scope="module")
def fits(points):
    """Fits through the points of some temperatures."""

    def through(*kelvin: float) -> dict[str, dict]:
        return {
            quantity: fit_arrhenius(
                points_from_transport([points[each] for each in kelvin], quantity=quantity),
                quantity=quantity,
                target_temperature_K=300.0,
                bootstrap_samples=100,
                seed=1,
                transition=TRANSITION,
            )
            for quantity in ("sigma_NE_mS_cm", "sigma_E_mS_cm")
        }

    return through


def words(path: Path) -> list[str]:
    """Every text of an SVG, whose text is kept as text."""
    return [text.strip() for text in re.findall(r"<text[^>]*>([^<]*)</text>", path.read_text())]


def test_transport_of_a_diffusive_point(points, tmp_path):
    plot_transport(points[800.0], tmp_path / "figure.svg", title="LiCl at 800 K")
    shown = words(tmp_path / "figure.svg")
    assert {"LiCl at 800 K — ok", "Li", "Cl", "diffusive window", "MSD (Å²)", "lag (ps)"} <= set(shown)


def test_transport_of_a_point_that_does_not_diffuse(points, tmp_path):
    plot_transport(points[400.0], tmp_path / "figure.svg", title="LiCl at 400 K")
    shown = words(tmp_path / "figure.svg")
    assert "LiCl at 400 K — not diffusive" in shown
    assert "diffusive window" not in shown


def test_transport_without_an_accepted_replica_states_why(points, tmp_path):
    plot_transport(points[300.0], tmp_path / "figure.svg", title="LiCl at 300 K")
    shown = words(tmp_path / "figure.svg")
    assert any("No trajectory to analyse (replica 1: not run: gas" in text for text in shown)
    assert "0.0" not in shown


def test_structure(tmp_path):
    result = pair_distributions([rocksalt(1)], r_max_A=5.5, bin_width_A=0.1, frames_per_replica=10)
    plot_structure(result, tmp_path / "figure.svg", mobile_ion="Na", title="NaCl at 600 K")
    shown = words(tmp_path / "figure.svg")
    assert {"Na-Cl", "Na-Na", "g(r)", "r (Å)", "N(r) around Na"} <= set(shown)
    assert "Cl-Cl" not in shown


def test_structure_without_an_accepted_replica(tmp_path):
    plot_structure({"pairs": {}}, tmp_path / "figure.svg", mobile_ion="Na", title="NaCl at 600 K")
    nothing = "No trajectory to analyse: no replica passed its acceptance."
    assert sorted(words(tmp_path / "figure.svg")) == ["NaCl at 600 K", nothing]


def test_arrhenius_with_fit_measured_value_and_an_excluded_temperature(fits, tmp_path):
    plot_arrhenius(fits(400.0, *TEMPERATURES_K), tmp_path / "figure.svg", title="LiCl", literature=MEASURED)
    shown = words(tmp_path / "figure.svg")
    assert {"LiCl", "1000 K / T", "T (K)", "σT (mS K/cm)"} <= set(shown)
    assert {LITERATURE, "Somebody et al., A Journal 1, 2 (2023)"} <= set(shown)
    assert "not diffusive or damped: not fitted" in shown
    energies = [re.fullmatch(r"(\S+): Ea = (\d\.\d{3}) ± \d\.\d{3} eV", text) for text in shown]
    found = {match[1]: float(match[2]) for match in energies if match}
    assert found["Nernst–Einstein"] == pytest.approx(0.25, abs=0.03)
    assert set(found) == {"Nernst–Einstein", "Einstein"}


def test_arrhenius_with_too_few_temperatures(fits, tmp_path):
    plot_arrhenius(fits(400.0, 600.0), tmp_path / "figure.svg", title="LiCl", literature=UNKNOWN)
    shown = words(tmp_path / "figure.svg")
    assert "Einstein: too few diffusive temperatures" in shown
    assert not any("literature" in text for text in shown)


def test_arrhenius_with_nothing_but_a_measured_value(fits, tmp_path):
    plot_arrhenius(fits(300.0), tmp_path / "figure.svg", title="LiCl", literature=MEASURED)
    assert LITERATURE in words(tmp_path / "figure.svg")


def test_arrhenius_shades_the_glass_transition(fits, tmp_path):
    plot_arrhenius(
        fits(*TEMPERATURES_K), tmp_path / "figure.svg", title="LiCl", literature=UNKNOWN, transition=TRANSITION
    )
    assert "Tg of the quench, 550 ± 20 K" in words(tmp_path / "figure.svg")


def test_cooling_with_and_without_a_glass_transition(tmp_path):
    found = find_glass_transition(cooled(broken(), np.random.default_rng(1)), seed=1)
    straight = find_glass_transition(cooled(1 + 1e-4 * TEMPERATURES, np.random.default_rng(2)), seed=1)
    shown = []
    for number, transition in enumerate((found, straight, NO_TRANSITION)):
        plot_glass_transition(transition, tmp_path / f"{number}.svg", title="LiCl")
        shown.append(words(tmp_path / f"{number}.svg"))
    assert {"glass and melt", "mean of 3 replicas", "T (K), cooled at 5 K/ps"} <= set(shown[0])
    assert "glass and melt" not in shown[1]
    assert any(text.startswith("no glass transition: the volume has no break") for text in shown[1])
    assert "There is no volume on cooling to show." in shown[2]


def test_conductivities_by_every_approximation(points, tmp_path):
    plot_conductivity(points[800.0], tmp_path / "figure.svg", title="LiCl at 800 K")
    shown = words(tmp_path / "figure.svg")
    assert {"NE", "cNE", "cNE,", "ion free", "E", "transference number", "cut-offs shorter and longer"} <= set(shown)
    row = points[800.0]["sigma_ab_mS_cm"]["Li-Li"]
    assert f"±{row['error']:.0f}" in shown


def test_arrhenius_with_nothing(fits, tmp_path):
    plot_arrhenius(fits(300.0), tmp_path / "figure.svg", title="LiCl", literature=UNKNOWN)
    assert sorted(words(tmp_path / "figure.svg")) == ["LiCl", "No temperature has a conductivity."]


def predictions(*, force_std_eV_A: float) -> list[dict]:
    rng = np.random.default_rng(9)
    return [
        {
            "composition": name,
            "lineage": f"{name}/cell{index}",
            "energy_eV_atom": -3.0 + 0.01 * rng.normal(),
            "reference_energy_eV_atom": -3.0,
            "reference_forces_eV_A": forces,
            "forces_eV_A": forces + 0.1 * rng.normal(size=forces.shape),
            "force_std_eV_A": force_std_eV_A * rng.random(len(forces)),
            "state": ("600 K", "1200 K", "rattled")[index % 3],
            "symbols": [name[-2:], "Li"] * 10,
            "stress_eV_A3": np.zeros((3, 3)),
            "reference_stress_eV_A3": np.zeros((3, 3)),
        }
        for name in ("LiCl", "LiBr")
        for index, forces in enumerate(rng.normal(size=(4, 20, 3)))
    ]


def assessed(now, before, *, generation: int) -> dict:
    convergence = {"force_rmse_meV_A": 80.0, "max_uncertain_fraction": 1.0}
    return assess(now, before, generation=generation, convergence=convergence, explored={})


def test_assessment_of_a_committee_with_the_generation_before(tmp_path):
    now, before = predictions(force_std_eV_A=0.1), predictions(force_std_eV_A=0.2)
    plot_assessment(now, assessed(now, before, generation=2), tmp_path / "figure.svg")
    shown = words(tmp_path / "figure.svg")
    assert {"LiCl", "LiBr", "reference force component (eV/Å)", "its error (eV/Å)"} <= set(shown)
    assert any(re.match(r"LiCl\*? × \d", text) for text in shown), "its factor"
    (title,) = [text for text in shown if text.startswith("generation 2: held-out force RMSE")]
    assert "(generation before: " in title
    assert {"Br", "Cl", "Li", "600 K", "1200 K", "rattled", "slope", "No cell was driven."} <= set(shown)


def test_assessment_shows_the_stability_of_driven_cells(tmp_path):
    now = predictions(force_std_eV_A=0.1)
    stable = {
        "cells": 6,
        "ended_early": 0,
        "stop_criteria": {},
        "earliest_ps": None,
        "median_ps": None,
        "duration_ps": 20.0,
    }
    lost = stable | {
        "ended_early": 2,
        "stop_criteria": {"temperature ran away": 1, "close contact": 1},
        "earliest_ps": 3.12,
    }
    assessment = assessed(now, now, generation=2)
    driven = {"LiCl": {"600": stable, "1200": lost}, "LiBr": {"1200": stable}}
    assessment["stability"] = {"driven_by_generation": 1, "compositions": driven}
    plot_assessment(now, assessment, tmp_path / "figure.svg")
    shown = words(tmp_path / "figure.svg")
    assert shown.count("0/6") == 2
    assert {"2/6, 3.1 ps", "exploration at (K), 20 ps, driven by the committee of generation 1"} <= set(shown)


def test_assessment_of_one_model_shows_no_disagreement(tmp_path):
    now = predictions(force_std_eV_A=0.0)
    plot_assessment(now, assessed(now, None, generation=0), tmp_path / "f.svg")
    shown = words(tmp_path / "f.svg")
    assert "One model alone has no disagreement." in shown
    assert "its error (eV/Å)" not in shown


def test_learning_shows_explored_frames_by_class_and_generation(tmp_path):
    now, before = predictions(force_std_eV_A=0.1), predictions(force_std_eV_A=0.2)
    first, second = assessed(now, None, generation=0), assessed(now, before, generation=1)
    second["explored"] = {
        "LiCl": {"frames": 40, "accurate": 30, "candidate": 6, "failed": 4},
        "LiBr": {"frames": 60, "accurate": 60, "candidate": 0, "failed": 0},
    }
    passed = second | {"converged": True}
    plot_learning([first, second, passed], tmp_path / "figure.svg", title="potential P")
    shown = words(tmp_path / "figure.svg")
    assert {"accurate", "candidate", "failed", "criterion", "all, generation before"} <= set(shown)
    assert {"10", "25"} <= set(shown), "of all frames, and of those of LiCl"
    assert shown.count("2") == 0, "the third generation passed on the second"


def test_learning_from_initial_frames_alone(tmp_path):
    plot_learning([assessed(predictions(force_std_eV_A=0.1), None, generation=0)], tmp_path / "f.svg", title="P")
    assert "Nothing was explored." in words(tmp_path / "f.svg")


def ranking_of(fits, *kelvin: float):
    found = {
        "LiCl": {"composition": "LiCl", "fits": fits(*TEMPERATURES_K), "glass_transition": TRANSITION},
        "LiF": {"composition": "LiF", "fits": fits(*kelvin), "glass_transition": NO_TRANSITION},
    }
    finished = {
        name: CompositionResults(fit, points_of(name, "ok"), RELEASE, "none", COVERED) for name, fit in found.items()
    }
    return rank(finished, {}, literature={"LiCl": MEASURED, "LiF": UNKNOWN})


def test_ranking_names_ranked_compositions_and_counts_the_others(fits, tmp_path):
    plot_ranking(ranking_of(fits, 300.0, 400.0), tmp_path / "figure.svg")
    shown = words(tmp_path / "figure.svg")
    assert {"Einstein conductivity at 300 K", "LiCl †", "extrapolated"} <= set(shown)
    assert "σ (mS/cm); without a fit: 1; †: across Tg" in shown
    assert "LiF" not in shown


def test_ranking_without_a_fit(fits, tmp_path):
    ranking = ranking_of(fits, 400.0)
    plot_ranking(ranking[ranking["rank"].isna()], tmp_path / "figure.svg")
    assert any("No composition has a conductivity fit yet" in text for text in words(tmp_path / "figure.svg"))


def test_figures_are_the_same_every_time(points, tmp_path):
    """A figure that changed without its data would make every report differ."""
    for name in ("first.svg", "second.svg"):
        plot_transport(points[800.0], tmp_path / name, title="LiCl at 800 K")
    assert (tmp_path / "first.svg").read_bytes() == (tmp_path / "second.svg").read_bytes()
