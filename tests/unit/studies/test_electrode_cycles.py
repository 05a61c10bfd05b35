"""Charge and discharge as dynamics: what is conserved, which ions move, killed and taken up, stopped when it breaks."""

import json

import ase.io
import numpy as np
import pytest
from ase import Atoms
from electrode_models import EDGE_A, SETTINGS, BondedHost, Killed, rock_salt

from saltflow.base.errors import InputError, SaltflowError
from saltflow.base.provenance import derive_seed
from saltflow.campaign.config_files import read_configuration
from saltflow.campaign.settings.whole import load_settings
from saltflow.studies.electrodes.chosen_ions import FACE, LOWEST, RANDOM, changed_states
from saltflow.studies.electrodes.cycle_step import Stepper
from saltflow.studies.electrodes.cycles_of_host import run_cycles
from saltflow.studies.electrodes.cycling import moves_of
from saltflow.studies.electrodes.electrode_study import check_settings, study_electrode
from saltflow.studies.electrodes.host import host_of
from saltflow.studies.electrodes.integrity import FrameworkBonds
from saltflow.studies.electrodes.moved_sites import free_sites_A
from saltflow.studies.relaxation.batched_evaluation import BatchedEvaluation
from saltflow.studies.relaxation.relaxed_cells import relax_cells

CYCLING = SETTINGS | {
    "candidates": 3, "force_eV_A": 0.01, "steps": 200, "cycles": 1, "ions_per_step": 2, "md_ps": 0.02,
}  # fmt: skip
METAL_eV = -1.0


@pytest.fixture(scope="module")
def host():
    return host_of(rock_salt(), "Li", repeats=(1, 1, 1))


def cycle(host, folder, potential=None, **changes):
    settings = CYCLING | changes
    return run_cycles(host, potential or BondedHost(), ends=(0, 4), metal_eV=METAL_eV, settings=settings, folder=folder)


@pytest.fixture(scope="module")
def whole(host, tmp_path_factory):
    folder, potential = tmp_path_factory.mktemp("cycle"), BondedHost()
    return folder, cycle(host, folder, potential), potential.evaluations


def test_a_cycle_conserves_its_ions_and_its_framework(host, whole):
    folder, record, _ = whole
    assert record["status"] == "ok"
    assert [row["ions"] for row in record["steps"]] == [4, 2, 0, 2, 4]
    assert all(row["ions"] + row["ions_taken_out"] == 4 for row in record["steps"])
    frames = ase.io.read(folder / "cycles.extxyz", index=":")
    assert [len(frame) for frame in frames] == [8, 6, 4, 6, 8]
    assert all(list(frame.symbols[:4]) == ["Ti"] * 4 for frame in frames)
    assert not list((folder / "cycles").glob("dynamics*"))


def test_voltages_of_steps_add_up_to_the_energies_of_the_ends(whole):
    rows = whole[1]["steps"]
    charge = [row for row in rows if row["direction"] == "charge"]
    taken_eV = rows[2]["energy_eV"] - rows[0]["energy_eV"]
    assert sum(2 * row["voltage_V"] for row in charge) == pytest.approx(taken_eV + 4 * METAL_eV, abs=1e-6)
    (found,) = whole[1]["cycles"]
    expected = (rows[4]["energy_eV"] - rows[0]["energy_eV"]) / 4
    assert found["irreversible_eV_per_site"] == pytest.approx(expected)
    assert found["hysteresis_V"] == pytest.approx(expected, abs=1e-6)  # work lost = energy that stayed
    assert found["displaced_fraction"] == 0


def test_a_cycle_that_is_killed_goes_on_to_the_same_end(host, whole, tmp_path):
    for after in (whole[2] // 3, whole[2] // 3):
        with pytest.raises(KeyboardInterrupt):
            cycle(host, tmp_path, Killed(after))
    again = cycle(host, tmp_path)
    assert json.dumps(again) == json.dumps(whole[1])
    assert (tmp_path / "cycles.extxyz").read_text() == (whole[0] / "cycles.extxyz").read_text()
    potential = BondedHost()
    assert cycle(host, tmp_path, potential)["steps"] == again["steps"]
    assert potential.evaluations == 0
    assert cycle(host, tmp_path, seed=2)["steps"] != again["steps"]


def test_more_cycles_go_on_from_fewer(host, whole, tmp_path):
    once = cycle(host, tmp_path, md_ps=0.0)
    potential = BondedHost()
    twice = cycle(host, tmp_path, potential, md_ps=0.0, cycles=2)
    assert twice["steps"][:5] == once["steps"]
    assert [each["cycle"] for each in twice["cycles"]] == [1, 2]


def test_moves_go_to_the_farther_end_first_and_come_back():
    full = [move.added for move in moves_of(5, least=0, most=5, per_step=2, cycles=1)]
    assert full == [-2, -2, -1, 2, 2, 1]
    empty = list(moves_of(0, least=0, most=2, per_step=1, cycles=2))
    assert [move.added for move in empty] == [1, 1, -1, -1] * 2
    assert [move.direction for move in empty[:3]] == ["discharge", "discharge", "charge"]
    middle = [move.added for move in moves_of(2, least=0, most=3, per_step=3, cycles=1)]
    assert middle == [-2, 3, -1]


def changed(host, atoms, added, rule, axis="c", candidates=3):
    random = np.random.default_rng(1)
    return changed_states(host, atoms, added=added, rule=rule, axis=axis, candidates=candidates, random=random)


def test_ions_nearest_to_the_face_leave_and_come_first():
    double = host_of(rock_salt(), "Li", repeats=(1, 1, 2))
    full = double.filled(np.ones(8))
    full.positions += [0, 0, 0.1]  # planes of two Li at 0.1, 2.1, 4.1 and 6.1 Å of 8 Å
    (left,) = changed(double, full, -4, FACE)
    assert sorted(left.positions[8:, 2].round(3)) == [2.1, 2.1, 4.1, 4.1]
    (back,) = changed(double, left, 4, FACE)
    assert len(back) == 16
    assert len(free_sites_A(double, back)) == 0


def test_the_lowest_of_the_candidates_is_kept(tmp_path):
    double = host_of(rock_salt(), "Li", repeats=(2, 1, 1))
    full = double.filled(np.ones(8))
    dynamics = load_settings(read_configuration([])).model_dump(mode="json")["dynamics"]
    settings = CYCLING | {"rule": LOWEST, "md_ps": 0.0, "candidates": 4}
    stepper = Stepper(double, BondedHost(), settings=settings, dynamics=dynamics)
    found = stepper.step(full, added=-2, number=3, workdir=tmp_path)
    random = np.random.default_rng(derive_seed(1, "ions", 3))
    states = changed_states(double, full, added=-2, rule=LOWEST, axis="c", candidates=4, random=random)
    cells = relax_cells(states, BatchedEvaluation(BondedHost()), force_eV_A=0.01, steps=200)
    energies = [cell.energy_eV for cell in cells]
    assert len(energies) == 4
    assert max(energies) > min(energies) + 0.01
    assert found.energy_eV == pytest.approx(min(energies), abs=1e-6)


def test_more_ions_than_sites_are_refused(host):
    full = host.filled(np.ones(4))
    with pytest.raises(SaltflowError, match="^The host has 0 free sites where 1 are wanted; lower --ions-per-step.$"):
        changed(host, full, 1, RANDOM)
    with pytest.raises(SaltflowError, match="^The host has 4 ions where 5 are wanted"):
        changed(host, full, -5, RANDOM)


class Brittle(BondedHost):
    """Atoms that repel each other as soon as an ion is gone."""

    def on(self, numbers, system):
        bound = super().on(numbers, system)
        if (np.asarray(numbers) == 3).sum() < 4:
            bound.depth = -bound.depth
        return bound


def test_a_host_that_falls_apart_is_stopped_with_its_last_good_state(host, tmp_path):
    record = cycle(host, tmp_path, Brittle(), md_ps=0.0)
    assert record["status"].startswith("step 1, charge: ")
    assert "fell apart" in record["status"] or "unphysical" in record["status"]
    assert [row["ions"] for row in record["steps"]] == [4]
    assert record["cycles"] == []
    last: Atoms = ase.io.read(tmp_path / "last_good.extxyz")
    assert len(last) == 8
    assert FrameworkBonds.of(host.framework).why_broken(last) is None


def test_the_whole_study_tells_hull_cycles_and_monte_carlo_side_by_side(tmp_path):
    settings = CYCLING | {"voltages": [3.0, 3.6], "md_ps": 0.0}
    record = study_electrode(rock_salt(), BondedHost(), ion="Li", settings=settings, folder=tmp_path)
    assert (tmp_path / "electrode.svg").stat().st_size > 0
    assert record["cycling"]["cycles"][0]["charge_V"] == pytest.approx(record["mean_voltage_V"], abs=0.01)
    for row in record["monte_carlo"]["rows"]:
        assert row["status"] in ("ok", "empty", "full", "not equilibrated")
    assert json.dumps(record)


def slab():
    """Three cells of the metal one above the other, their middle in that of 30 Å, the rest vacuum."""
    atoms = rock_salt() * (1, 1, 3)
    atoms.center(vacuum=(30.0 - 2.5 * EDGE_A) / 2, axis=2)
    return atoms


def test_a_slab_keeps_its_vacuum_and_is_emptied_from_its_faces(tmp_path):
    """Energies at a fixed cell are those of ASE."""
    potential = BondedHost()
    slab_host = host_of(slab(), "Li", repeats=(1, 1, 1))
    changes = {"rule": FACE, "fixed_cell": True, "ensemble": "nvt", "ions_per_step": 4, "md_ps": 0.0}
    settings = CYCLING | changes
    record = run_cycles(slab_host, potential, ends=(4, 12), metal_eV=METAL_eV, settings=settings, folder=tmp_path)
    start, first, *_ = ase.io.read(tmp_path / "cycles.extxyz", index=":")
    assert all(np.allclose(row["cell_A"], slab_host.framework.cell.array) for row in record["steps"])
    heights = np.sort(start.positions[start.symbols == "Li", 2])
    left = np.sort(first.positions[first.symbols == "Li", 2])
    assert left == pytest.approx(heights[2:-2], abs=0.5)
    energy_eV, forces, _ = BatchedEvaluation(potential).of_cells([first])[0]
    assert record["steps"][1]["energy_eV"] == pytest.approx(energy_eV)
    assert np.linalg.norm(forces, axis=1).max() < settings["force_eV_A"]


def test_a_fixed_cell_is_refused_in_dynamics_that_change_it():
    with pytest.raises(InputError, match="--ensemble nvt"):
        check_settings(CYCLING | {"fixed_cell": True})
