"""Bounds that every trajectory obeys: harmonic and Brownian motion keep them, wrong units and options do not."""

import re

import numpy as np
import pytest
from ase import units
from ase.build import bulk
from ase.io import write
from scipy.linalg import expm

from saltflow.trajectory.h5md import H5MDWriter, open_trajectory
from saltflow.trajectory.memory import Trajectory
from saltflow.trajectory.other_programs import convert
from saltflow.trajectory.physical_bounds import beyond_bounds

TEMPERATURE_K = 600.0
CHARGES = {"Li": 1.0, "Cl": -1.0}
CRYSTAL = bulk("LiCl", "rocksalt", a=5.14, cubic=True) * (2, 2, 2)
MASSES_U = CRYSTAL.get_masses()
EV_PER_U_A2_PS2 = 1.0364269e-4


def harmonic(interval_ps, *, frames=200, stretch=1.0, time_stretch=1.0, thz=6.0, damping_per_ps=2.0, hops_A=0.0):
    """Damped oscillators of a crystal at 600 K in a heat bath, propagated exactly; lithium hops as well."""
    rng = np.random.default_rng(5)
    omega = 2 * np.pi * thz
    passed = expm(np.array([[0.0, 1.0], [-(omega**2), -damping_per_ps]]) * interval_ps)
    variance = units.kB * TEMPERATURE_K / (EV_PER_U_A2_PS2 * MASSES_U)
    unit = np.diag([1 / omega**2, 1.0])  # of position and velocity, per kT/m
    kick = np.linalg.cholesky(unit - passed @ unit @ passed.T + 1e-14 * unit)
    state = np.linalg.cholesky(unit) @ rng.normal(size=(len(MASSES_U), 2, 3))
    moved_A = np.empty((frames, len(MASSES_U), 3))
    for frame in range(frames):
        moved_A[frame] = state[:, 0] * np.sqrt(variance)[:, None]
        state = passed @ state + kick @ rng.normal(size=state.shape)
    walk_A = np.cumsum(rng.normal(0, hops_A, moved_A.shape), axis=0) * (CRYSTAL.numbers == 3)[:, None]
    return Trajectory(
        positions_A=(CRYSTAL.positions + moved_A + walk_A) * stretch,
        cells_A=np.repeat(CRYSTAL.cell.array[None] * stretch, frames, 0),
        times_ps=interval_ps * time_stretch * np.arange(frames),
        symbols=tuple(CRYSTAL.symbols),
        masses_u=MASSES_U,
    )


def reasons(run, **changes):
    return "; ".join(beyond_bounds([run], **{"temperature_K": TEMPERATURE_K, "charges": CHARGES} | changes))


@pytest.mark.parametrize("interval_ps", [0.0005, 0.002, 0.01, 0.1, 1.0, 3.0, 10.0, 17.0])
def test_vibrations_keep_the_bounds_at_every_interval(interval_ps):
    assert not reasons(harmonic(interval_ps))


@pytest.mark.parametrize("interval_ps", [0.05, 0.1, 1.0])
def test_diffusion_keeps_the_bounds(interval_ps):
    assert not reasons(harmonic(interval_ps, hops_A=0.4 * np.sqrt(interval_ps)))


@pytest.mark.parametrize("interval_ps", [0.0005, 0.001, 0.002, 0.004, 0.01, 0.02, 0.04, 0.08])
def test_fs_for_ps_are_noticed_while_atoms_still_swing(interval_ps):
    assert "is the interval in fs" in reasons(harmonic(interval_ps, time_stretch=1000))
    hops_A = 0.2 * np.sqrt(interval_ps) if interval_ps >= 0.01 else 0.0
    assert "is the interval in fs" in reasons(harmonic(interval_ps, time_stretch=1000, hops_A=hops_A))


@pytest.mark.parametrize(
    ("run", "changes", "words"),
    [
        (harmonic(0.002, time_stretch=0.01), {}, "thermal velocity at 600 K"),
        (harmonic(0.001), {"temperature_K": 25.0}, "thermal velocity at 25 K"),
        (harmonic(0.1, stretch=0.1), {}, "no condensed matter"),
        (harmonic(0.1, stretch=10.0), {}, "no condensed matter|of a bond"),
        (harmonic(0.1), {"charges": {"Li": 1.0, "Cl": -2.0}}, "add up to -32 e"),
    ],
)
def test_what_is_beyond_a_bound_is_said(run, changes, words):
    assert re.search(words, reasons(run, **changes))


def test_atoms_listed_twice_are_said():
    run = harmonic(0.1)
    twice = Trajectory(
        positions_A=np.concatenate([run.positions_A, run.positions_A[:, :3] + run.cells_A[0, 0]], axis=1),
        cells_A=run.cells_A,
        times_ps=run.times_ps,
        symbols=(*run.symbols, *run.symbols[:3]),
        masses_u=np.concatenate([run.masses_u, run.masses_u[:3]]),
    )
    assert "atom 0 lies on another atom all the time (6 do)" in reasons(twice)


@pytest.mark.parametrize(("found_K", "said"), [(590.0, False), (298.0, True)])
def test_velocities_must_have_the_temperature_that_is_given(tmp_path, found_K, said):
    run = harmonic(0.1)
    with H5MDWriter(tmp_path / "run.h5md", CRYSTAL, metadata={}) as writer:
        for number, (positions_A, cell_A) in enumerate(zip(run.positions_A, run.cells_A, strict=True)):
            writer.append_positions(
                step=number, time_ps=0.1 * number, positions_A=positions_A, cell_A=cell_A, temperature_K=found_K
            )
    assert ("velocities are those of" in reasons(open_trajectory(tmp_path / "run.h5md"))) == said


def test_atoms_that_change_rows_outrun_the_thermal_velocity(tmp_path):
    run = harmonic(0.02)
    positions_A = run.positions_A.copy()
    lithium = np.flatnonzero(CRYSTAL.numbers == 3)
    neighbour = lithium[1 + CRYSTAL.get_distances(lithium[0], lithium[1:], mic=True).argmin()]
    positions_A[90:, [lithium[0], neighbour]] = positions_A[90:, [neighbour, lithium[0]]]
    frames = [CRYSTAL.copy() for _ in positions_A]
    for frame, places_A in zip(frames, positions_A, strict=True):
        frame.positions = places_A
    write(tmp_path / "run.extxyz", frames, format="extxyz")
    options = {"topology": None, "species": {}, "cell": None}
    convert(tmp_path / "run.extxyz", tmp_path / "run.h5md", interval_ps=0.02, **options)
    found = reasons(open_trajectory(tmp_path / "run.h5md"))
    assert re.search(r"Li, atom \d+, moves by [34]\.\d Å up to frame 90, .* were atoms exchanged", found)


def test_a_reason_names_its_replica():
    sound = harmonic(0.1)
    found = beyond_bounds([sound, harmonic(0.1, stretch=0.1)], temperature_K=TEMPERATURE_K, charges=CHARGES)
    assert found
    assert all(reason.startswith("replica 2: ") for reason in found)
