"""Charge beside discharge, replicas of cycles, stress and its release, and what vacancies hold: all as planted."""

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.units import GPa
from electrode_models import SETTINGS, BondedHost, rock_salt
from layered_hosts import graphite

from saltflow.studies.electrodes.asymmetry import asymmetry, stage_sequences
from saltflow.studies.electrodes.configurations import Configurations
from saltflow.studies.electrodes.cycles_of_host import run_cycles
from saltflow.studies.electrodes.defects import with_vacancies
from saltflow.studies.electrodes.host import host_of
from saltflow.studies.electrodes.staging import layered_measures
from saltflow.studies.electrodes.trapping import trap_of, trapped_ions
from saltflow.studies.relaxation.batched_evaluation import BatchedEvaluation
from saltflow.studies.relaxation.relaxed_cells import relax_cells

QUICK = SETTINGS | {"force_eV_A": 0.02, "cycles": 1, "ions_per_step": 2, "md_ps": 0.0, "rule": "random"}
HYSTERESIS_V, NOISE_V = 0.2, 0.05


def planted(seed: int) -> list[dict]:
    """Rows of a cycle of four ions: charge lies above discharge, stage 2 is passed on charge only."""
    random = np.random.default_rng(seed)
    rows = [{"x": 1.0, "direction": "start", "voltage_V": None}]
    for direction, path in (("charge", (0.75, 0.5, 0.25, 0.0)), ("discharge", (0.25, 0.5, 0.75, 1.0))):
        for x in path:
            way = HYSTERESIS_V / 2 if direction == "charge" else -HYSTERESIS_V / 2
            rows.append(
                {
                    "cycle": 1,
                    "x": x,
                    "direction": direction,
                    "voltage_V": 3.0 + way + random.normal(0, NOISE_V),
                    "stage": None if x == 0 else 2 if (direction, x) == ("charge", 0.5) else 1,
                    "stage_order": {"1": 1.0, "2": float(direction == "charge" and x == 0.5)},
                    "registry": [1.0, -0.5],
                    "spacings_A": [3.7, 3.4],
                }
            )
    return rows


def test_a_planted_hysteresis_is_found_within_its_error():
    rows = [row for row in asymmetry([planted(seed) for seed in range(40)]) if row["measure"] == "voltage_V"]
    assert [row["x"] for row in rows] == [0.125, 0.375, 0.625, 0.875]
    z = [(row["difference"] - HYSTERESIS_V) / row["error"] for row in rows]
    assert np.abs(z).max() < 3.5
    expected = NOISE_V * (2 / 40) ** 0.5
    assert [row["error"] for row in rows] == pytest.approx([expected] * 4, rel=0.4)
    assert all(row["replicas"] == 40 for row in rows)
    assert {row["error"] for row in asymmetry([planted(1)])} == {None}


def test_a_stage_of_one_direction_is_an_asymmetry():
    by = {(row["measure"], row["x"]): row["difference"] for row in asymmetry([planted(1), planted(2)])}
    assert [by["stage_order 2", x] for x in (0.25, 0.5, 0.75)] == [0.0, 1.0, 0.0]
    assert by["registry", 0.5] == by["spacing_A", 0.25] == 0.0
    assert not any(measure == "stage_order 1" for measure, _ in by)


def test_stages_stand_in_the_order_in_which_they_were_passed():
    found = stage_sequences(planted(1))
    assert [(each["stage"], each["x_from"], each["x_to"]) for each in found["charge"]] == [
        (1, 0.75, 0.75), (2, 0.5, 0.5), (1, 0.25, 0.25), (None, 0.0, 0.0),
    ]  # fmt: skip
    assert [(each["stage"], each["x_from"], each["x_to"]) for each in found["discharge"]] == [(1, 0.25, 1.0)]


def test_layers_that_slide_are_told_from_stacked_ones():
    for shift, expected in ((0.0, "AA"), (1.0, "AB"), (2.0, "AB"), (0.5, "sliding")):
        assert layered_measures(graphite([0.0, shift]), "Li", "C")["stacking"][0] == expected


def test_replicas_choose_other_ions_and_the_first_is_the_same(tmp_path):
    host = host_of(rock_salt(), "Li", repeats=(2, 1, 1))
    found = {}
    for replicas in (1, 2):
        (folder := tmp_path / str(replicas)).mkdir()
        settings = QUICK | {"cycle_replicas": replicas, "ions_per_step": 4}
        found[replicas] = run_cycles(host, BondedHost(), ends=(4, 8), metal_eV=-1.0, settings=settings, folder=folder)
    assert found[2]["steps"] == found[1]["steps"]
    assert [each["status"] for each in found[2]["replicas"]] == ["ok", "ok"]
    first, second = (ase.io.read(tmp_path / f"2/cycles{end}.extxyz", index=1) for end in ("", "_2"))
    assert not np.allclose(np.sort(first.positions[8:], axis=0), np.sort(second.positions[8:], axis=0), atol=0.3)
    (row,) = [row for row in found[2]["asymmetry"] if row["measure"] == "voltage_V"]
    assert (row["x"], row["replicas"]) == (0.75, 2)
    assert row["difference"] == pytest.approx(row["charge"] - row["discharge"])


def test_stress_of_a_step_is_that_of_finite_strains_and_is_released(tmp_path):
    """xx of the changed state: the energy of the cell stretched along a, less that of the cell pressed."""
    host = host_of(rock_salt(), "Li", repeats=(1, 1, 1))
    potential = BondedHost()
    record = run_cycles(host, potential, ends=(2, 4), metal_eV=-1.0, settings=QUICK, folder=tmp_path)
    start, changed = ase.io.read(tmp_path / "cycles.extxyz", index=":")[0], record["steps"][1]
    gone = _stress_GPa(start, potential, number=2, wanted=changed["stress_changed_GPa"])
    assert gone == pytest.approx(changed["stress_changed_GPa"][0], abs=1e-3)
    assert np.abs(changed["stress_changed_GPa"]).max() > 1.0
    assert np.abs(changed["stress_relaxed_GPa"]).max() < 0.1


def _stress_GPa(start: Atoms, potential: BondedHost, *, number: int, wanted: list[float]) -> float:
    """xx by central differences, of the pair of ions whose removal gives the wanted stress best."""
    found = []
    for first in range(4, 8):
        for second in range(first + 1, 8):
            left = start[[index for index in range(8) if index not in (first, second)]]
            energies = []
            for strain in (1e-4, -1e-4):
                each = left.copy()
                each.set_cell(each.cell.array @ np.diag([1 + strain, 1, 1]), scale_atoms=True)
                energies.append(BatchedEvaluation(potential).of_cells([each])[0][0])
            found.append((energies[0] - energies[1]) / 2e-4 / left.get_volume() / GPa)
    return min(found, key=lambda each: abs(each - wanted[0]))


def distances_A(host) -> np.ndarray:
    """From each site to the nearest vacancy, by ASE."""
    both = Atoms("X" * len(host.vacancies_A), host.vacancies_A, cell=host.framework.cell, pbc=True)
    both += Atoms([host.ion] * host.sites, host.sites_A)
    vacancies = len(host.vacancies_A)
    return both.get_all_distances(mic=True)[:vacancies, vacancies:].min(axis=0)


def test_ions_next_to_a_vacancy_are_counted_against_an_even_spread():
    host = host_of(graphite([0.0, 0.0], filled=[0, 1]), "Li", repeats=(1, 1, 1))
    host = with_vacancies(host, "C", 2, seed=1)
    near = distances_A(host) < 3.0
    assert 0 < near.sum() < host.sites
    held, free = host.filled(near), host.filled(~near)
    assert trapped_ions(host, held)["trapping"] == pytest.approx(host.sites / near.sum())
    assert trapped_ions(host, free)["trapping"] == 0
    assert trapped_ions(host, host.filled(np.ones(host.sites, bool)))["trapping"] == pytest.approx(1)
    assert trapped_ions(host, host.framework)["trapping"] is None


def test_the_energy_of_a_trap_is_that_of_both_relaxed_ends(tmp_path):
    host = with_vacancies(host_of(rock_salt(), "Li", repeats=(2, 2, 1)), "Ti", 1, seed=1)
    evaluation = BatchedEvaluation(BondedHost())
    configurations = Configurations(host, evaluation, settings=QUICK, folder=tmp_path)
    found = trap_of(host, configurations)
    assert found["status"] == "ok"
    apart = distances_A(host)
    assert (found["nearest_A"], found["farthest_A"]) == pytest.approx((apart.min(), apart.max()))
    sites = [int(apart.argmin()), int(apart.argmax())]
    states = [host.filled(np.arange(host.sites) == site) for site in sites]
    near, far = relax_cells(states, BatchedEvaluation(BondedHost()), force_eV_A=0.02, steps=300)
    assert found["trap_eV"] == pytest.approx(near.energy_eV - far.energy_eV, abs=2e-3)
    assert found["trap_eV"] > 0.1  # a bond to Ti is missing there
