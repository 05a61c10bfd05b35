"""Cycles on the results page: a movie with the ions of each step, and what the steps change."""

import base64
import gzip
import json

import ase.io
import numpy as np
import pytest
from ase.geometry import find_mic
from electrode_models import SETTINGS, BondedHost, rock_salt

from saltflow.studies.electrodes.electrode_part import results_part
from saltflow.studies.electrodes.electrode_study import study_electrode


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The folder of a host with a vacancy, its record, and the blocks of its part by title."""
    folder = tmp_path_factory.mktemp("electrode")
    settings = SETTINGS | {
        "vacancies": {"Ti": 1}, "points": 2, "candidates": 1, "range": [0.5, 1.0],
        "force_eV_A": 0.02, "cycles": 1, "md_ps": 0.004, "cycle_replicas": 2,
    }  # fmt: skip
    record = study_electrode(rock_salt(), BondedHost(), ion="Li", settings=settings, folder=folder)
    part = results_part(record, folder)
    json.dumps(part, allow_nan=False)
    return folder, record, {block["title"]: block for block in part["blocks"]}


def test_the_movie_shows_the_ions_of_each_step_where_they_are(page):
    folder, _, blocks = page
    movie = blocks["Movie of the cycles"]
    states = ase.io.read(folder / "cycles.extxyz", index=":")
    assert movie["atoms_shown"] == [len(state) for state in states] == [7, 6, 5, 6, 7]
    assert movie["symbols"] == [["Ti", 3], ["Li", 4]]
    low, high = np.frombuffer(gzip.decompress(base64.b64decode(movie["packed"])), np.uint8).reshape(2, -1).astype(int)
    steps = (low + 256 * high).astype(np.uint16).view(np.int16).astype(int).reshape(5, 7, 3)
    shown = np.cumsum(steps, axis=0) % movie["grid"] / movie["grid"]
    for places, state in zip(shown, states, strict=True):
        away = places[: len(state)] - state.get_scaled_positions()
        assert find_mic(away @ state.cell.array, state.cell)[1].max() < 0.01


def test_what_the_steps_change_is_drawn(page):
    _, record, blocks = page
    panels = {panel["y"]: panel for panel in blocks["What the cycles do"]["panels"]}
    steps = record["cycling"]["steps"]
    stress = panels["stress (GPa), tension > 0"]["traces"]
    assert [trace["name"] for trace in stress][:2] == ["xx, ions changed", "yy, ions changed"]
    assert stress[0]["y"] == pytest.approx([row["stress_changed_GPa"][0] for row in steps], rel=1e-3)
    assert "cell edges, change (%)" in panels
    assert "trapping, even spread: 1" in panels
    assert {row[0] for row in blocks["Charge less discharge"]["rows"]} == {"voltage_V", "trapping"}
    assert len(blocks["Cycles"]["rows"]) == 2
    assert blocks["A single ion next to a vacancy"]
