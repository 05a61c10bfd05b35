"""Ions that cross an interface: exact counts, and the resistance of a layer of known conductivity."""

import numpy as np
import pytest
from ase.units import kB

from saltflow.studies.interfaces.ion_exchange import FEW, OK, ion_exchange
from saltflow.studies.interfaces.reactions import Solid
from saltflow.trajectory.memory import Trajectory

EDGE_A, PERIOD_A, MIDDLE_A = 20.0, 60.0, 30.0
COULOMB = 1.602176634e-19


def run_of(heights_A: np.ndarray, *, step_ps: float = 0.1, drift_A: float = 0.0) -> Trajectory:
    """Ions at heights (frames, ions) between two planes of a framework that drifts with them."""
    frames, ions = heights_A.shape
    positions = np.zeros((frames, ions + 2, 3))
    positions[:, :ions, 2] = heights_A
    positions[:, ions:, 2] = [5.0, 55.0]
    positions[..., 2] += np.linspace(0, drift_A, frames)[:, None]
    return Trajectory(
        positions_A=positions,
        cells_A=np.repeat(np.diag([EDGE_A, EDGE_A, PERIOD_A])[None], frames, axis=0),
        times_ps=step_ps * np.arange(frames),
        symbols=("Li",) * ions + ("P", "P"),
        masses_u=np.ones(ions + 2),
    )


def exchanged(run: Trajectory, **changes) -> dict:
    is_ion = np.array(run.symbols) == "Li"
    solid = Solid(~is_ion, (5.0, MIDDLE_A, 55.0))
    return ion_exchange([run], solid, is_ion, **({"charge_e": 1.0, "temperature_K": 600.0} | changes))


def test_planted_crossings_are_counted_and_recrossings_within_the_layer_are_none():
    way = [20, 29, 31, 28, 32, 34, 40, 31, 29, 26, 20, 32, 28, 20]  # up once, down once
    found = exchanged(run_of(np.array(way, dtype=float)[:, None], drift_A=8.0))
    assert (found["up"], found["down"], found["status"]) == (1, 1, FEW)
    assert found["resistance_ohm_cm2"] is None


@pytest.mark.parametrize(("charge_e", "layer_A"), [(1.0, 6.0), (2.0, 10.0)])
def test_a_homogeneous_conductor_has_the_resistance_of_its_layer(charge_e, layer_A):
    """Walkers of D between reflecting walls: R = w kT / (c q² D)."""
    random, ions, frames, step_A, step_ps = np.random.default_rng(4), 400, 4000, 0.25, 0.1
    heights_A = 10 + 40 * random.random(ions)
    path = np.empty((frames, ions))
    for frame in range(frames):
        path[frame] = heights_A
        heights_A = heights_A + step_A * random.standard_normal(ions)
        heights_A = 10 + np.abs(heights_A - 10)
        heights_A = 50 - np.abs(50 - heights_A)
    found = exchanged(run_of(path, step_ps=step_ps), charge_e=charge_e, layer_A=layer_A)
    diffusion_cm2_s = step_A**2 / (2 * step_ps) * 1e-4
    per_cm3 = ions / (EDGE_A**2 * 40.0) * 1e24
    kT_J = kB * 600.0 * COULOMB
    expected_ohm_cm2 = layer_A * 1e-8 * kT_J / (per_cm3 * (charge_e * COULOMB) ** 2 * diffusion_cm2_s)
    assert found["status"] == OK
    expected_ohm_cm2 *= 1 + 0.5826 * step_A / layer_A  # a walker oversteps the far face by that part of a step
    z = (found["resistance_ohm_cm2"] - expected_ohm_cm2) / found["resistance_error_ohm_cm2"]
    assert abs(z) < 3
    assert found["resistance_error_ohm_cm2"] < 0.12 * expected_ohm_cm2
    assert found["up"] == pytest.approx(found["down"], abs=ions)
