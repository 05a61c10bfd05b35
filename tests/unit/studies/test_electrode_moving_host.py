"""Grand-canonical Monte Carlo of ions in a host that moves, beside sites whose filling is known in closed form."""

from math import pi

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk
from ase.units import kB
from electrode_models import SETTINGS, BondedHost, rock_salt

from saltflow.potentials.protocol import Evaluation
from saltflow.studies.electrodes.electrode_study import study_electrode
from saltflow.studies.electrodes.host import host_of
from saltflow.studies.electrodes.ion_tries import Reservoir, Spheres
from saltflow.studies.electrodes.metal import vibrational_volume_A3
from saltflow.studies.electrodes.moving_host import fill_moving_host
from saltflow.studies.relaxation.batched_evaluation import BatchedEvaluation

KELVIN, DEPTH_EV, SPRING_EV_A2, APART_A = 600.0, 0.4, 4.0, 1.4
RUN = {
    "sweeps": 120, "seed": 3, "temperature_K": KELVIN, "md_ps": 0.02, "ensemble": "nvt", "potential": "wells",
    "potential_sha256": "-",
}  # fmt: skip
METAL = Reservoir(energy_eV=-1.0, volume_A3=0.02, temperature_K=KELVIN)
WELL_A3 = (2 * pi * kB * KELVIN / SPRING_EV_A2) ** 1.5


class Wells:
    """Ti are held where they are; each Li is in the nearest of fixed wells, and two Li repel within 1.4 Å."""

    device = torch.device("cpu")
    evaluated_by = "wells"

    def __init__(self, host):
        self.wells = torch.as_tensor(host.sites_A)
        self.edge_A = float(host.framework.cell[0, 0])
        self.held = torch.as_tensor(host.framework.positions)
        self.evaluations = 0

    def check_elements(self, numbers, *, composition):
        pass

    def on(self, numbers, system):
        return BoundWells(self, torch.as_tensor(np.asarray(numbers)), np.asarray(system))


class BoundWells:
    def __init__(self, wells, numbers, system):
        self.of, self.system = wells, torch.as_tensor(system)
        self.cells = int(system.max()) + 1
        self.ions, self.framework = torch.nonzero(numbers == 3)[:, 0], torch.nonzero(numbers == 22)[:, 0]
        of_ions = self.system[self.ions]
        pairs = torch.triu_indices(len(self.ions), len(self.ions), 1)
        self.first, self.second = pairs[:, of_ions[pairs[0]] == of_ions[pairs[1]]]
        self.listed_at = (torch.zeros(len(numbers), 3), torch.zeros(self.cells, 3, 3))

    def list_neighbours(self, positions, cells):
        pass

    def evaluate(self, positions, cells, *, isolate=True):
        self.of.evaluations += self.cells
        place = positions.detach().double().clone().requires_grad_(True)
        energies = self._energies(place)
        (forces,) = torch.autograd.grad(energies.sum(), place)
        return Evaluation(energies.detach(), -forces, torch.zeros(self.cells, 3, 3), torch.zeros(len(place)))

    def _near(self, between):
        return between - self.of.edge_A * torch.round(between.detach() / self.of.edge_A)

    def _energies(self, place):
        ions, held = place[self.ions], place[self.framework].reshape(self.cells, -1, 3)
        tethers = 5.0 * self._near(held - self.of.held).square().sum(dim=(1, 2))
        from_wells = self._near(ions[:, None] - self.of.wells).square().sum(-1).min(dim=1).values
        apart = torch.sqrt(self._near(ions[self.first] - ions[self.second]).square().sum(-1) + 1e-12)
        repulsion = 40.0 * torch.clamp(1 - apart / APART_A, min=0).square()
        of_ions = self.system[self.ions]
        energies = tethers.index_add(0, of_ions, 0.5 * SPRING_EV_A2 * from_wells - DEPTH_EV)
        return energies.index_add(0, of_ions[self.first], repulsion)


@pytest.fixture(scope="module")
def host():
    return host_of(rock_salt(), "Li", repeats=(1, 1, 1))


def voltage_at(x):
    """x/(1 − x) = v/v_A exp(−β(−depth − E_A + eV))."""
    ln = np.log(x / (1 - x) * METAL.volume_A3 / WELL_A3)
    return METAL.energy_eV + DEPTH_EV - kB * KELVIN * ln


@pytest.fixture(scope="module")
def filled(host, tmp_path_factory):
    folder, potential = tmp_path_factory.mktemp("wells"), Wells(host)
    voltages = [voltage_at(0.35)]
    return (
        folder,
        voltages,
        fill_moving_host(host, potential, METAL, settings=RUN | {"voltages": voltages}, folder=folder),
    )


def test_wells_fill_as_nernst_says(filled):
    _, _, (row,) = filled
    assert row["status"] == "ok", row
    assert row["x"] == pytest.approx(0.35, abs=3.5 * row["x_error"])
    assert row["x_error"] < 0.05
    assert 0.01 < row["accepted"] < 0.9


def test_what_was_sampled_is_not_sampled_again(host, filled):
    folder, voltages, rows = filled
    potential = Wells(host)
    assert fill_moving_host(host, potential, METAL, settings=RUN | {"voltages": voltages}, folder=folder) == rows
    assert potential.evaluations == 0


class Killed(Wells):
    """Ends its process in the middle of a sweep."""

    def on(self, numbers, system):
        if self.evaluations > 300:
            raise KeyboardInterrupt
        return super().on(numbers, system)


def test_a_run_that_was_killed_ends_as_an_undisturbed_one(host, tmp_path):
    settings = RUN | {"voltages": [voltage_at(0.5)], "sweeps": 8}
    whole = fill_moving_host(host, Wells(host), METAL, settings=settings, folder=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        fill_moving_host(host, Killed(host), METAL, settings=settings, folder=tmp_path / "killed")
    again = Wells(host)
    assert fill_moving_host(host, again, METAL, settings=settings, folder=tmp_path / "killed") == whole
    assert again.evaluations > 0


def test_a_try_and_the_way_back_have_opposite_weights(host):
    random = np.random.default_rng(5)
    atoms = host.filled(np.array([True, False, True, False]))
    spheres = Spheres.of(host, atoms)
    for _ in range(200):
        there = spheres.try_ion(atoms, METAL, random)
        assert len(there.atoms) == len(atoms) + there.added
        backs = (spheres.try_ion(there.atoms, METAL, random) for _ in range(50))
        back = next(each for each in backs if each and each.added == -there.added)
        assert back.ln_weight == pytest.approx(-there.ln_weight)


def test_ions_enter_uniformly_within_the_spheres(host):
    random, empty = np.random.default_rng(1), host.filled(np.zeros(4, dtype=bool))
    spheres = Spheres.of(host, empty)
    trials = [each for _ in range(4000) if (each := spheres.try_ion(empty, METAL, random))]
    shifts = np.array([each.atoms.positions[-1] for each in trials])[:, None] - host.sites_A
    shifts -= empty.cell[0, 0] * np.round(shifts / empty.cell[0, 0])
    apart_A = np.linalg.norm(shifts, axis=2).min(axis=1)
    assert apart_A.max() <= spheres.radius_A + 1e-9
    assert np.mean((apart_A / spheres.radius_A) ** 3) == pytest.approx(0.5, abs=4 / np.sqrt(12 * len(trials)))


class Einstein(BondedHost):
    """Every atom on a spring of its own."""

    def on(self, numbers, system):
        return Springs(system)


class Springs:
    def __init__(self, system):
        self.system, self.start = torch.as_tensor(system), None

    def evaluate(self, positions, cells, *, isolate=True):
        places = positions.double().reshape(len(cells), -1, 3)
        forces = -SPRING_EV_A2 * (places - places.median(dim=0).values)
        return Evaluation(
            torch.zeros(len(cells)), forces.reshape(-1, 3), torch.zeros(len(cells), 3, 3), torch.zeros(len(positions))
        )


def test_an_einstein_crystal_has_its_vibrational_volume():
    metal: Atoms = bulk("Li", "bcc", a=3.5, cubic=True)
    found = vibrational_volume_A3(metal, 20.0, BatchedEvaluation(Einstein()), KELVIN)
    assert found == pytest.approx(WELL_A3)


def test_a_study_with_dynamics_says_so(tmp_path):
    settings = SETTINGS | {
        "points": 2,
        "candidates": 1,
        "voltages": [1.7],
        "energies": "dynamics",
        "sweeps": 10,
        "md_ps": 0.01,
    }
    record = study_electrode(rock_salt(), BondedHost(), ion="Li", settings=settings, folder=tmp_path)
    assert record["monte_carlo"]["energies"] == "dynamics"
    (row,) = record["monte_carlo"]["rows"]
    assert row["voltage_V"] == 1.7
    assert 0 <= row["x"] <= 1.5
