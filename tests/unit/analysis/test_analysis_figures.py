"""Every figure shows diffusive, not diffusive and missing input."""

import re

import numpy as np
import pytest
from cooling_curves import TEMPERATURES_K as TEMPERATURES
from cooling_curves import broken, cooled
from figure_words import words
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
    nothing = "No trajectory to analyse: no accepted replica."
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
