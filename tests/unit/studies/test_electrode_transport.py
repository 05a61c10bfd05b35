"""D of the ions of a host over x: known walkers in tilted cells, and dynamics beside their own trajectories."""

import json

import numpy as np
import pytest
from electrode_models import SETTINGS, BondedHost, Killed, rock_salt
from scipy.spatial.transform import Rotation
from walkers import HEAVY_U, INTERVAL_PS, RULE, trajectory_of

from saltflow.base.errors import InputError
from saltflow.base.provenance import read_json
from saltflow.studies.electrodes.electrode_part import results_part
from saltflow.studies.electrodes.electrode_study import check_settings, study_electrode
from saltflow.studies.electrodes.ion_transport import NO_FREE_SITE
from saltflow.studies.ion_diffusion import diffusion_of
from saltflow.trajectory.h5md import open_trajectory

WINDOW = RULE | {"frame": "framework"}
IN_PLANE_A2_PS, NORMAL_A2_PS = 0.8, 0.2
KILLED_AFTER = 4500  # evaluations
MOVING = {"transport": [2500.0, 3500.0], "transport_ps": 2.0, "ensemble": "npt"}


def layered_walkers(seed, replica, *, frames=1600, ions=8):
    """Faster along a and b than across them, in a cell that lies askew, with c leaning over."""
    rng, turn = np.random.default_rng([seed, replica]), Rotation.random(random_state=seed).as_matrix()
    spread = np.sqrt(2 * INTERVAL_PS * np.array([IN_PLANE_A2_PS, IN_PLANE_A2_PS, NORMAL_A2_PS]))
    steps = rng.normal(0, spread, (frames, ions, 3))
    places = np.concatenate([np.cumsum(steps, axis=0), np.zeros((frames, ions, 3))], axis=1) @ turn
    cell_A = np.array([[20.0, 0, 0], [-10.0, 18.0, 0], [4.0, 6.0, 20.0]]) @ turn
    masses_u = [6.94] * ions + [HEAVY_U] * ions
    return trajectory_of(places, ["Li"] * ions + ["Ti"] * ions, masses_u, cells_A=np.tile(cell_A, (frames, 1, 1)))


def test_parts_of_D_are_those_of_the_layers_within_their_errors():
    found = [
        diffusion_of([layered_walkers(seed, replica) for replica in range(2)], "Li", 600.0, window=WINDOW)
        for seed in range(40)
    ]
    assert sum(each["status"] == "ok" for each in found) > 36  # α itself has an error
    for name, truth in (("in_plane_cm2_s", IN_PLANE_A2_PS), ("normal_cm2_s", NORMAL_A2_PS)):
        z = np.array([(each[name]["value"] - truth * 1e-4) / each[name]["error"] for each in found])
        assert abs(z.mean()) < 0.35, name
        assert 0.75 < z.std() < 1.25, name
    whole = [(2 * each["in_plane_cm2_s"]["value"] + each["normal_cm2_s"]["value"]) / 3 for each in found]
    assert whole == pytest.approx([each["D_cm2_s"] for each in found])


def test_ions_that_rattle_have_no_diffusion():
    rng = np.random.default_rng(1)
    places = rng.normal(0, 0.2, (400, 16, 3))
    run = trajectory_of(places, ["Li"] * 8 + ["Ti"] * 8, [6.94] * 8 + [HEAVY_U] * 8)
    assert diffusion_of([run], "Li", 300.0, window=WINDOW)["status"] == "not diffusive"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder, potential = tmp_path_factory.mktemp("transport"), BondedHost()
    settings = SETTINGS | MOVING | {"points": 3, "candidates": 2}
    record = study_electrode(rock_salt(), potential, ion="Li", settings=settings, folder=folder)
    return folder, record, settings


def test_each_x_has_its_points_and_a_full_host_has_no_free_site(study):
    _, record, _ = study
    assert [row["x"] for row in record["transport"]] == [0.5, 1.0]
    half, full = record["transport"]
    assert (full["status"], full["points"]) == (NO_FREE_SITE, [])
    assert [point["temperature_K"] for point in half["points"]] == MOVING["transport"]
    json.dumps(record["transport"], allow_nan=False)


def test_D_is_that_of_the_trajectories_which_are_kept(study):
    """Slope of the MSD of lithium beside the framework, over the longest fifth of the lags, by numpy alone."""
    folder, record, _ = study
    for point in record["transport"][0]["points"]:
        kelvin, slopes = point["temperature_K"], []
        for replica in (1, 2):
            run = open_trajectory(folder / f"transport/0002-ions-{kelvin:g}K-{replica}.h5md")
            places = np.asarray(run.read_positions_A(slice(None), slice(None)), dtype=float)
            lithium = np.array(run.symbols) == "Li"
            places = places[:, lithium] - places[:, ~lithium].mean(axis=1, keepdims=True)
            lags = np.arange(1, int(0.4 * len(places)))
            msd_A2 = [np.mean(np.sum((places[lag:] - places[:-lag]) ** 2, axis=2)) for lag in lags]
            late = lags > 0.5 * lags[-1]
            slopes.append(np.polyfit(np.asarray(run.times_ps)[lags][late], np.array(msd_A2)[late], 1)[0] / 6 * 1e-4)
        assert point["D_cm2_s"] == pytest.approx(np.mean(slopes), abs=3 * point["error"] + 1e-7)


def test_what_was_run_is_not_run_again(study):
    folder, record, settings = study
    potential = BondedHost()
    again = study_electrode(rock_salt(), potential, ion="Li", settings=settings, folder=folder)
    assert again["transport"] == record["transport"]
    assert potential.evaluations == 0
    assert (folder / "electrode.svg").is_file()
    assert not list((folder / "transport").glob("*.work"))
    assert read_json(folder / "transport/0002-ions.json")["numbers"]["points"] == record["transport"][0]["points"]


def test_what_was_killed_at_other_settings_is_not_gone_on_with(tmp_path):
    settings = SETTINGS | MOVING | {"points": 3, "candidates": 1, "transport_ps": 0.4}
    whole = study_electrode(rock_salt(), BondedHost(), ion="Li", settings=settings, folder=tmp_path / "whole")
    longer = settings | {"transport_ps": 4.0}
    with pytest.raises(KeyboardInterrupt):
        study_electrode(rock_salt(), Killed(after=KILLED_AFTER), ion="Li", settings=longer, folder=tmp_path / "killed")
    assert list((tmp_path / "killed/transport").glob("*.work/*/*"))
    again = study_electrode(rock_salt(), BondedHost(), ion="Li", settings=settings, folder=tmp_path / "killed")
    assert again["transport"] == whole["transport"]
    assert not list((tmp_path / "killed/transport").glob("*.work"))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"transport": [600.0]}, "--transport has to be two different temperatures"),
        ({"transport": [0.0, 600.0]}, "--transport has to be two different temperatures"),
        ({"transport_ps": 0.0}, "--transport-ps and --replicas"),
        ({"replicas": 0}, "--transport-ps and --replicas"),
    ],
)
def test_settings_that_mean_nothing_are_refused(changes, named):
    with pytest.raises(InputError, match=named):
        check_settings(SETTINGS | MOVING | changes)


def test_the_results_page_gets_its_part(study):
    folder, record, _ = study
    part = results_part(record, folder)
    json.dumps(part, allow_nan=False)
    by_title = {block["title"]: block for block in part["blocks"]}
    assert list(by_title) == [
        "Voltage, phases and volume", "Compositions", "Diffusion over x", "Activation energies", "Ions in motion",
    ]  # fmt: skip
    hull = by_title["Voltage, phases and volume"]["panels"][0]["traces"][0]
    assert hull["y"] == pytest.approx([record["mean_voltage_V"]] * len(hull["y"]), rel=1e-3)
    moving = by_title["Ions in motion"]
    assert dict(moving["symbols"]) == {"Ti": 4, "Li": 2}
    assert moving["of_frames"] > 10
