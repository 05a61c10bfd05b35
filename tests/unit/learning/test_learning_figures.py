"""Figures of an assessment and of the learning, by their words."""

import re

import numpy as np
from figure_words import words

from saltflow.learning.assessment.assessment import assess
from saltflow.learning.assessment.figure import plot_assessment
from saltflow.learning.learning_figure import plot_learning


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
