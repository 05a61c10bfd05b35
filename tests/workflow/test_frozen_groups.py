"""A crystal of polyanions from its structure file to the figure of its report, with motions of BH4 frozen."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from workplaces import Workplace, copy_sources

from saltflow.base.provenance import read_json
from saltflow.trajectory.h5md import open_trajectory

FOLDER = "results/LiBH4-crystal/coupling"
REPLICAS = ("replica1", "replica2")
BH4_IN_A_CELL = 4
KEPT_A = 0.004  # trajectories keep positions to 0.001 Å; tests/unit/dynamics hold constraints to 1e-6


@pytest.fixture(scope="module")
def crystal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The coupling of LiBH4 after a real run."""
    place = tmp_path_factory.mktemp("frozen")
    copy_sources(place / "repo")
    campaign = Workplace(place / "repo", place / "work", config="tests/frozen/config.yaml")
    run = campaign.run(f"{FOLDER}/coupling.json")
    assert run.returncode == 0, run.stdout[-3000:]
    return place / "work" / FOLDER


def groups_of(crystal: Path, replica: str) -> list[list[int]]:
    """The atoms of each group."""
    found = read_json(crystal / "groups/300K/groups.json")["replicas"][REPLICAS.index(replica)]
    return [each["atoms"] for each in found["groups"]]


def positions_A(crystal: Path, mode: str, replica: str) -> np.ndarray:
    """Frames × atoms × 3, unwrapped."""
    run = open_trajectory(crystal / mode / "300K" / f"{replica}.h5md")
    return run.read_positions_A(slice(None), slice(None)).astype(float)


@pytest.mark.parametrize("replica", REPLICAS)
def test_every_polyanion_is_found_and_frozen(crystal: Path, replica: str):
    groups = groups_of(crystal, replica)
    assert [len(group) for group in groups] == [5] * BH4_IN_A_CELL
    for mode in ("T", "V"):
        point = read_json(crystal / mode / "300K/md.json")
        assert {each["status"] for each in point["replicas"]} == {"ok"}
        assert {each["frozen_groups"] for each in point["replicas"]} == {BH4_IN_A_CELL}


@pytest.mark.parametrize("replica", REPLICAS)
def test_centres_stay_where_translation_is_frozen_and_not_elsewhere(crystal: Path, replica: str):
    masses = {"B": 10.81, "H": 1.008}
    run = open_trajectory(crystal / "T/300K" / f"{replica}.h5md")
    for group in groups_of(crystal, replica):
        weights = np.array([masses[run.symbols[atom]] for atom in group])
        moved = [
            np.ptp(np.average(positions_A(crystal, mode, replica)[:, group], axis=1, weights=weights), axis=0).max()
            for mode in ("T", "V")
        ]
        assert moved[0] < KEPT_A < 0.005 < moved[1]


@pytest.mark.parametrize("replica", REPLICAS)
def test_shapes_stay_where_vibration_is_frozen_and_not_elsewhere(crystal: Path, replica: str):
    for group, mode in itertools.product(groups_of(crystal, replica), ("T", "V")):
        places = positions_A(crystal, mode, replica)[:, group]
        distances = np.linalg.norm(places[:, :, None] - places[:, None], axis=-1)
        changed = np.ptp(distances, axis=0).max()
        assert changed < KEPT_A if mode == "V" else changed > 0.01


def test_the_motion_that_matters_is_looked_for_at_every_mode(crystal: Path):
    coupling = read_json(crystal / "coupling.json")
    assert coupling["state_points"][0]["ratios"].keys() == {"T", "V"}
    assert (crystal / "coupling.svg").stat().st_size > 1000
