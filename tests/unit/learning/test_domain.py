"""In-domain and out-of-domain environments of a real model, for cells with known answers."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from mace_models import rock_salt

from saltflow.analysis.no_result import NO_ACCEPTED_REPLICA
from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import write_json
from saltflow.labels.frames import write_frames
from saltflow.learning.domain.domain_assessment import IN_DOMAIN, NOT_ASSESSED, OUT_OF_DOMAIN, assess_domain
from saltflow.learning.domain.environments import draw_atoms, environments
from saltflow.learning.domain.expected_force_error import expected_force_error
from saltflow.learning.domain.figure import plot_domain
from saltflow.learning.domain.states import QUENCHED, SimulatedState, simulated_states
from saltflow.learning.domain.training_environments import (
    gather,
    read_training_environments,
    write_training_environments,
)
from saltflow.trajectory.h5md import H5MDWriter

CALIBRATION = {"compositions": {}, "pooled": {"factor": 10.0}}
SETTINGS = {"in_domain_percentile": 95.0, "max_out_of_domain_fraction": 0.15}


def labelled(seeds, **choices) -> list[Atoms]:
    frames = [rock_salt(seed=seed, rattle_A=0.1, **choices) for seed in seeds]
    for seed, frame in zip(seeds, frames, strict=True):
        frame.info |= {"composition": "LiCl", "lineage": f"cell{seed}"}
    return frames


@pytest.fixture(scope="module")
def training() -> list[Atoms]:
    return labelled(range(30))


@pytest.fixture(scope="module")
def training_environments(training, committee):
    choices = {"environments_per_element": 1000, "seed": 1}
    return gather({"licl": training}, labelled(range(100, 108)), committee, **choices)


def assessed(states, training_environments, committee):
    return assess_domain("LiCl", states, training_environments, committee, CALIBRATION, **SETTINGS)


def replica(frames) -> SimulatedState:
    return SimulatedState(QUENCHED, frames, range(len(frames)))


def test_environments_do_not_change_when_a_cell_is_turned_moved_or_renumbered(committee):
    cell = rock_salt(seed=1)
    turned = cell.copy()
    turned.rotate(37, (1, 2, 3), rotate_cell=True)
    turned.positions += (0.3, -40.0, 7.0)
    order = np.random.default_rng(1).permutation(len(cell))
    before, after = environments([cell], committee), environments([turned[order]], committee)
    for symbol in ("Li", "Cl"):
        moved = [index for index in order if cell.symbols[index] == symbol]
        originally = list(np.flatnonzero(cell.symbols == symbol))
        np.testing.assert_allclose(
            after[symbol], before[symbol][[originally.index(index) for index in moved]], atol=1e-9
        )
    assert np.ptp(before["Li"], axis=0).max() > 1e-4, "displaced atoms differ"


def test_frames_of_the_training_set_are_at_no_distance(training, training_environments, committee):
    result, distances = assessed([replica(training[:3])], training_environments, committee)
    for cell in distances.states[QUENCHED]:
        assert max(values.max() for values in cell.values()) < 1e-3 * min(
            each.limit for each in distances.thresholds.values()
        )
    assert result["states"][0]["out_of_domain_fraction"]["value"] == 0
    assert (result["status"], result["flags"]) == (IN_DOMAIN, [])


def test_frames_like_the_held_out_ones_are_in_domain(training_environments, committee):
    result, _ = assessed([replica(labelled(range(200, 206)))], training_environments, committee)
    fraction = result["states"][0]["out_of_domain_fraction"]
    assert abs(fraction["value"] - 0.05) < 3 * fraction["error"]
    assert result["status"] == IN_DOMAIN


@pytest.mark.parametrize("alien", ["compressed", "stretched", "other coordination"])
def test_an_out_of_domain_environment_is_flagged(training_environments, committee, alien):
    frames = labelled(range(300, 303))
    if alien == "other coordination":
        frames = [bulk("LiCl", "cesiumchloride", a=3.2).repeat(2)] * 3
    else:
        scale = 0.85 if alien == "compressed" else 1.25
        for frame in frames:
            frame.set_cell(frame.cell * scale, scale_atoms=True)
    result, _ = assessed(
        [replica(labelled(range(200, 203))), SimulatedState("MD at 900 K", frames, range(3))],
        training_environments,
        committee,
    )
    assert result["status"] == OUT_OF_DOMAIN
    assert result["worst"]["state"] == "MD at 900 K"
    assert result["worst"]["value"] > 0.5
    assert all(flag.startswith("MD at 900 K: ") and "out of domain (5 % expected)" in flag for flag in result["flags"])
    assert result["states"][0]["out_of_domain_fraction"]["value"] < 0.2


def test_thinning_keeps_the_threshold(training, committee):
    frames = labelled(range(400, 406))
    choices = {"seed": 1, "environments_per_element": 60}
    thinned = gather({"licl": training}, labelled(range(100, 108)), committee, **choices)
    assert thinned.facts["environments"] == {"Cl": 60, "Li": 60}
    assert thinned.facts["of"] == {"Cl": 240, "Li": 240}
    fraction = assessed([replica(frames)], thinned, committee)[0]["states"][0]["out_of_domain_fraction"]
    assert abs(fraction["value"] - 0.05) < 3 * fraction["error"]


def test_all_atoms_of_a_rare_element_are_drawn_and_a_number_of_others():
    frames = [Atoms("Li2Cl20"), Atoms("Cl30")]
    chosen = draw_atoms(frames, most=12, random=np.random.default_rng(1))
    assert chosen[0][:2].all()
    assert sum(each.sum() for each in chosen) == 2 + 12
    assert [len(each) for each in chosen] == [22, 30]


def test_labels_of_the_foundation_count_where_their_elements_are_known(training, committee):
    unknown = [Atoms("NaCl", positions=[(0, 0, 0), (2.8, 0, 0)], cell=[5.6] * 3, pbc=True)]
    choices = {"environments_per_element": 1000, "seed": 1}
    sets = {"licl": training[:5], "base": [*training[5:], *unknown]}
    training_environments = gather(sets, labelled(range(100, 104)), committee, **choices)
    assert training_environments.facts["frames"] == {"licl": 5, "base": 25}
    assert training_environments.facts["excluded_frames"] == 1
    with pytest.raises(SaltflowError, match="heldout_cells"):
        gather({"licl": training}, [], committee, **choices)


def test_an_element_that_no_training_frame_has_is_flagged_by_name(training_environments, committee):
    frame = labelled([500])[0]
    frame.symbols[:1] = "Zr"
    result, distances = assessed([replica([frame, frame])], training_environments, committee)
    assert result["flags"][-1] == "quenched: no training frame has Zr; label a composition with it"
    assert result["states"][0]["elements"]["Zr"]["median_distance"] is None
    assert np.isinf(distances.states[QUENCHED][0]["Zr"]).all()


def test_with_too_few_held_out_atoms_nothing_is_assessed(training, committee):
    few = gather({"licl": training}, labelled([100]), committee, environments_per_element=1000, seed=1)
    result, _ = assessed([replica(labelled(range(200, 202)))], few, committee)
    assert (result["status"], result["worst"]) == (NOT_ASSESSED, None)
    assert "learning.initial_structures.heldout_cells" in result["reason"]


def test_environments_on_disk_are_those_in_memory(training_environments, committee, tmp_path):
    write_training_environments(training_environments, tmp_path / "training_environments.npz")
    again = read_training_environments(tmp_path / "training_environments.npz")
    frames = labelled(range(200, 202))
    assert (
        assessed([replica(frames)], again, committee)[0]
        == assessed([replica(frames)], training_environments, committee)[0]
    )


def test_the_expected_error_is_the_calibrated_disagreement(committee):
    frames = labelled(range(2))
    found = expected_force_error(frames, committee, CALIBRATION, composition="LiCl")
    force_stds = []
    for frame in frames:
        potential, *where = committee.on_frame(frame)
        force_stds += potential.evaluate(*where, all_models=True).force_std.tolist()
    assert found["mean"] == pytest.approx(10 * np.sqrt(np.mean(np.square(force_stds))))
    assert found["largest"] == pytest.approx(10 * max(force_stds))


def test_one_model_alone_has_no_expected_error(committee):
    class Alone:
        models = committee.models[:1]

    assert expected_force_error([], Alone(), CALIBRATION, composition="LiCl") is None


# ── simulated states ──────────────────────────────────────────────────────────────────────────


def simulate(folder, *, statuses, frames=10):
    """The files of a composition of which every replica has a status, in the quench and in the runs."""
    files = {"replicas": [], "coolest_trajectories": [], "hottest_trajectories": []}
    for number, status in enumerate(statuses, start=1):
        cell = rock_salt(seed=number)
        cell.info["status"] = status
        files["replicas"].append(folder / f"replica{number}.extxyz")
        write_frames(files["replicas"][-1], [cell])
        for name in ("coolest", "hottest"):
            files[f"{name}_trajectories"].append(folder / f"{name}{number}.h5md")
            with H5MDWriter(files[f"{name}_trajectories"][-1], cell, metadata={}) as writer:
                for step in range(frames if status == "ok" else 0):
                    where = {"positions_A": cell.positions + step, "cell_A": cell.cell.array}
                    writer.append_positions(step=step, time_ps=0.1 * step, **where)
    for name, kelvin in (("coolest", 500), ("hottest", 900)):
        files[name] = folder / f"{name}.json"
        write_json(files[name], {"temperature_K": kelvin, "replicas": [{"status": each} for each in statuses]})
    return files


def test_states_are_the_replicas_and_their_coolest_and_hottest_run(tmp_path):
    states = simulated_states(simulate(tmp_path, statuses=["ok", "gas", "ok"]), frames_per_replica=4)
    assert [state.name for state in states] == [QUENCHED, "MD at 500 K", "MD at 900 K"]
    assert list(states[0].replicas) == [0, 2]
    assert list(states[2].replicas) == [0] * 4 + [2] * 4
    assert states[1].missing == ["replica 2: gas"]
    first = rock_salt(seed=1).positions[0, 0]
    assert [round(frame.positions[0, 0] - first) for frame in states[1].frames[:4]] == [1, 4, 7, 9], "to the end"
    short = simulated_states(simulate(tmp_path, statuses=["ok"], frames=2), frames_per_replica=4)
    assert len(short[1].frames) == 2


def test_one_temperature_is_one_state(tmp_path):
    files = simulate(tmp_path, statuses=["ok"])
    files |= {"hottest": files["coolest"], "hottest_trajectories": files["coolest_trajectories"]}
    assert [state.name for state in simulated_states(files, frames_per_replica=2)] == [QUENCHED, "MD at 500 K"]


def test_a_composition_without_an_accepted_replica_states_it(training_environments, committee, tmp_path):
    states = simulated_states(simulate(tmp_path, statuses=["gas", "stopped"]), frames_per_replica=4)
    result, distances = assessed(states, training_environments, committee)
    assert (result["status"], result["worst"], result["flags"]) == (NO_ACCEPTED_REPLICA, None, [])
    assert result["reason"].startswith("quenched: replica 1: gas, replica 2: stopped; ")
    plot_domain(result, distances, tmp_path / "domain.svg")
    assert "No replica met the acceptance criteria." in (tmp_path / "domain.svg").read_text()


def test_the_figure_shows_every_element_with_its_fraction(training_environments, committee, tmp_path):
    result, distances = assessed([replica(labelled(range(200, 203)))], training_environments, committee)
    plot_domain(result, distances, tmp_path / "domain.svg")
    text = (tmp_path / "domain.svg").read_text()
    for word in ("Li", "Cl", "held-out cells", "threshold", "quenched: "):
        assert word in text
