"""Spectra of motions whose spectra are known."""

import json

import numpy as np
import pytest
from ase import Atoms
from ase.units import kB
from click.testing import CliRunner

from saltflow.analysis.spectra.analysis import analyse_spectra, no_spectra
from saltflow.analysis.spectra.command import command
from saltflow.analysis.spectra.correlation import autocorrelation, frequencies_THz, integral, spectrum
from saltflow.analysis.spectra.figures import plot_spectra
from saltflow.analysis.spectra.orientation import decay_time, orientation_correlation, read_bonds
from saltflow.analysis.spectra.polyanion_groups import find_polyanions
from saltflow.analysis.spectra.rigid import decompose, degrees_of_freedom
from saltflow.analysis.spectra.vibrations import EV_PER_U_A2_PS2
from saltflow.base.errors import SaltflowError
from saltflow.trajectory.h5md import H5MDWriter, open_trajectory, open_velocities
from saltflow.trajectory.memory import Trajectory

KELVIN = 600.0
CELL_A = 14.0 * np.eye(3)
SETTINGS = {
    "correlation_ps": 1.0, "frames": 1000, "max_lag_fraction": 0.2, "q_max_per_A": 1.5, "q_points": 40, "q_shells": 6,
    "self_q_per_A": [0.5, 1.0],
}  # fmt: skip
LI_THZ, CL_THZ = 10.0, 4.0
MASSES_U = {"Li": 7.0, "Cl": 35.5, "S": 32.0, "O": 16.0}


def write(path, symbols, positions_A, velocities_A_ps=None, *, interval_ps=1.0, fine_interval_ps=0.005, fine_A=None):
    """A file with frames and, where velocities are given, with the finer series."""
    atoms = Atoms(symbols, pbc=True)
    atoms.set_masses([MASSES_U[symbol] for symbol in symbols])
    with H5MDWriter(path, atoms, metadata={}) as writer:
        for number, frame_A in enumerate(positions_A):
            writer.append_positions(step=number, time_ps=number * interval_ps, positions_A=frame_A, cell_A=CELL_A)
        for number, velocity in enumerate(velocities_A_ps if velocities_A_ps is not None else ()):
            writer.append_velocities(
                step=number, time_ps=number * fine_interval_ps, positions_A=fine_A[number], cell_A=CELL_A,
                velocities_A_ps=velocity,
            )  # fmt: skip
    return path


def oscillators(rng, symbols, *, frames, interval_ps):
    """Positions and velocities of harmonic oscillators in thermal equilibrium, around random places."""
    masses_u = np.array([MASSES_U[symbol] for symbol in symbols])
    omega = 2 * np.pi * np.where(np.array(symbols) == "Li", LI_THZ, CL_THZ)[:, None]
    speed = np.sqrt(kB * KELVIN / (masses_u * EV_PER_U_A2_PS2))[:, None]
    # The energy of each mode is exponential: the sum of two squares of Gaussians.
    amplitude = speed * np.hypot(*rng.normal(size=(2, len(symbols), 3))) / omega
    phase = 2 * np.pi * rng.random((len(symbols), 3))
    times_ps = interval_ps * np.arange(frames)[:, None, None]
    centres_A = rng.random((len(symbols), 3)) * 14
    angle = omega * times_ps + phase
    return centres_A + amplitude * np.cos(angle), -amplitude * omega * np.sin(angle)


def test_units_of_kinetic_energy():
    from ase import units

    assert pytest.approx((units.Ang / (1000 * units.fs)) ** 2, rel=1e-12) == EV_PER_U_A2_PS2


@pytest.fixture(scope="module")
def vibrating(tmp_path_factory):
    """Two replicas of oscillators: 60 Li at 10 THz, 60 Cl at 4 THz."""
    folder, symbols = tmp_path_factory.mktemp("vibrating"), ["Li"] * 60 + ["Cl"] * 60
    paths = []
    for seed in (1, 2):
        rng = np.random.default_rng(seed)
        fine_A, velocities = oscillators(rng, symbols, frames=800, interval_ps=0.005)
        paths.append(write(folder / f"{seed}.h5md", symbols, fine_A[:80], velocities, fine_A=fine_A, interval_ps=0.1))
    return paths


def analysed(paths, **changes):
    runs, fine = [open_trajectory(path) for path in paths], [open_velocities(path) for path in paths]
    return analyse_spectra(runs, fine, mobile_ion="Li", temperature_K=KELVIN, **(SETTINGS | changes))


@pytest.fixture(scope="module")
def spectra(vibrating):
    return analysed(vibrating)


def test_oscillators_peak_at_their_frequency_and_integrate_to_3N(spectra):
    part = spectra["vibrations"]
    frequencies = np.array(part["frequencies_THz"])
    assert part["resolution_THz"] == pytest.approx(1.0)
    for name, expected in (("Li", LI_THZ), ("Cl", CL_THZ)):
        row = part["species"][name]
        states = np.array(row["states_1_THz"])
        assert frequencies[states.argmax()] == pytest.approx(expected, abs=0.5)
        assert states[np.abs(frequencies - expected) < 1.2].sum() > 0.97 * states.sum()
        # 2 × 180 modes whose energies are exponential: the mean is known to 1/√360.
        assert row["modes"]["value"] == pytest.approx(3 * 60, rel=3 / np.sqrt(360))
        assert row["modes"]["expected"] == pytest.approx(3 * 60, rel=0.02)
        assert row["mean_frequency_THz"] == pytest.approx(expected, abs=0.3)


def test_the_integral_is_the_kinetic_energy_to_rounding(vibrating, spectra):
    run = open_velocities(vibrating[0])
    velocities = run.read_velocities_A_ps(slice(0, 800), slice(0, 120)).astype(float)
    energies = (MASSES_U["Li"] * velocities[:, :60] ** 2).sum(axis=(1, 2)).mean() * EV_PER_U_A2_PS2
    other = open_velocities(vibrating[1]).read_velocities_A_ps(slice(0, 800), slice(0, 60)).astype(float)
    energies = (energies + (MASSES_U["Li"] * other**2).sum(axis=(1, 2)).mean() * EV_PER_U_A2_PS2) / 2
    assert spectra["vibrations"]["species"]["Li"]["modes"]["value"] == pytest.approx(energies / (kB * KELVIN), rel=1e-4)


def test_an_autocorrelation_is_the_mean_over_all_origins():
    series = np.random.default_rng(0).normal(size=(50, 7, 3))
    direct = [(series[: 50 - lag] * series[lag:]).sum(axis=(1, 2)).mean() for lag in range(20)]
    np.testing.assert_allclose(autocorrelation(series, lags=20), direct, atol=1e-10)


def test_a_spectrum_integrates_to_its_value_at_zero_and_is_even_for_a_damped_line():
    interval_ps, lags = 0.01, 2000
    times = interval_ps * np.arange(lags)
    correlation = 2.5 * np.exp(-times / 0.5) * np.cos(2 * np.pi * 7.0 * times)
    frequencies = frequencies_THz(lags, interval_ps=interval_ps)
    values = spectrum(correlation, interval_ps=interval_ps)
    assert integral(values, frequencies[1]) == pytest.approx(2.5, rel=1e-10)
    rate = 1 / 0.5
    lorentz = [rate / (rate**2 + (2 * np.pi * (frequencies + shift)) ** 2) for shift in (-7.0, 7.0)]
    np.testing.assert_allclose(values, 2.5 * 2 * sum(lorentz), atol=0.03 * values.max())


def test_a_window_too_short_for_the_resolution_and_too_coarse_is_flagged(tmp_path):
    rng, symbols = np.random.default_rng(5), ["Li"] * 20 + ["Cl"] * 20
    fine_A, velocities = oscillators(rng, symbols, frames=30, interval_ps=0.049)
    path = write(
        tmp_path / "x.h5md", symbols, fine_A, velocities, fine_A=fine_A, fine_interval_ps=0.049, interval_ps=0.1
    )
    flags = " ".join(analysed([path])["flags"])
    assert "resolve" in flags
    assert "instead of 1" in flags
    assert "highest tenth" in flags  # 10 THz is close to the end of the band at 10.2
    assert "too few for S(q, ω)" in flags
    assert "too few for F_s" in flags


def test_velocities_of_the_wrong_temperature_are_flagged(vibrating):
    runs, fine = [open_trajectory(path) for path in vibrating], [open_velocities(path) for path in vibrating]
    result = analyse_spectra(runs, fine, mobile_ion="Li", temperature_K=2 * KELVIN, **SETTINGS)
    assert any("Li has" in flag and "equipartition" in flag for flag in result["flags"])


def test_without_velocities_there_are_no_vibrations(tmp_path, vibrating):
    run = open_trajectory(vibrating[0])
    positions_A = run.read_positions_A(slice(0, 80), slice(0, 120))
    path = write(tmp_path / "x.h5md", run.symbols, positions_A)
    result = analysed([path])
    assert result["vibrations"] is result["scattering"] is None
    assert any("No velocities" in flag for flag in result["flags"])
    assert result["self"]["F_s"][0][0] == 1.0


# ── scattering ─────────────────────────────────────────────────────────────────────────────────


def test_brownian_ions_scatter_as_a_gaussian_packet(tmp_path):
    rng, symbols = np.random.default_rng(7), ["Li"] * 60 + ["Cl"] * 4
    diffusion = 0.04  # Å²/ps
    steps_A = rng.normal(0, np.sqrt(2 * diffusion), (1500, 64, 3))
    steps_A[:, 60:] = 0
    path = write(tmp_path / "x.h5md", symbols, rng.random((64, 3)) * 14 + np.cumsum(steps_A, axis=0))
    part = analysed([path], max_lag_fraction=0.04)["self"]
    times_ps = np.array(part["times_ps"])
    for q_1_A, values, decay_ps in zip(part["q_1_A"], part["F_s"], part["decay_ps"], strict=True):
        # Over 60 × 1500/τ independent walks.
        np.testing.assert_allclose(values, np.exp(-(q_1_A**2) * diffusion * times_ps), atol=0.06)
        if decay_ps is not None:
            assert decay_ps == pytest.approx(1 / (q_1_A**2 * diffusion), rel=0.15)
    assert part["decay_ps"][1] is not None
    assert part["q_1_A"] == pytest.approx([0.5, 1.0], abs=0.15)


def brownian_run(*, diffusion_A2_ps, interval_ps, frames, drift_A_ps=0.0, breathing=0.0):
    """Li on Brownian walks in a framework of Cl; both may drift, and their cell may breathe."""
    rng = np.random.default_rng(9)
    steps_A = rng.normal(0, np.sqrt(2 * diffusion_A2_ps * interval_ps), (frames, 44, 3))
    steps_A[:, 40:] = 0
    times_ps = interval_ps * np.arange(frames)
    positions_A = rng.random((44, 3)) * 14 + np.cumsum(steps_A, axis=0)
    positions_A += drift_A_ps * times_ps[:, None, None] * np.array([1.0, 0.5, -0.3])
    scale = (1 + breathing * np.sin(np.arange(frames) / 3.0))[:, None, None]
    symbols = ("Li",) * 40 + ("Cl",) * 4
    return Trajectory(positions_A * scale, scale * CELL_A, times_ps, symbols, np.array([7.0] * 40 + [35.5] * 4))


def self_part(run, **changes):
    settings = SETTINGS | {"max_lag_fraction": 0.2, "self_q_per_A": [0.5, 1.0, 2.0]} | changes
    result = analyse_spectra([run], [None], mobile_ion="Li", temperature_K=KELVIN, **settings)
    return result["self"], result["flags"]


def test_a_decay_much_shorter_than_the_longest_lag_is_resolved():
    """Lags are dense where they are short: 1/(q²D) of 2.5 ps in a run of 2,000 ps."""
    part, flags = self_part(brownian_run(diffusion_A2_ps=0.1, interval_ps=0.4, frames=5000))
    for q_1_A, decay_ps in zip(part["q_1_A"], part["decay_ps"], strict=True):
        assert decay_ps == pytest.approx(1 / (q_1_A**2 * 0.1), rel=0.06)
    assert not any("F_s" in flag for flag in flags)


def test_a_decay_within_two_frames_is_flagged():
    _, flags = self_part(brownian_run(diffusion_A2_ps=0.1, interval_ps=4.0, frames=1000))
    assert any("F_s falls to 1/e within two frames (8 ps) at q = 2 1/Å" in flag for flag in flags)


def test_drift_and_a_breathing_cell_change_nothing_in_the_frame_of_the_framework():
    walk = {"diffusion_A2_ps": 0.05, "interval_ps": 1.0, "frames": 600}
    still, moved = (self_part(brownian_run(**walk, **extra))[0] for extra in (
        {}, {"drift_A_ps": 0.2, "breathing": 0.03}
    ))  # fmt: skip
    np.testing.assert_allclose(moved["F_s"], still["F_s"], atol=2e-3)
    assert still["frame"] == "framework"


def test_errors_of_f_s_are_those_of_its_ions():
    """One run of 40 ions: (F_s − exp(−q²Dt))/error over lags and lengths stays within reason, and is known."""
    part, _ = self_part(brownian_run(diffusion_A2_ps=0.05, interval_ps=1.0, frames=1500))
    truth = np.exp(-np.outer(np.square(part["q_1_A"]), 0.05 * np.array(part["times_ps"])))
    deviations = (np.array(part["F_s"]) - truth)[:, 1:] / np.array(part["F_s_error"], dtype=float)[:, 1:]
    assert 0.4 < deviations.std() < 1.8
    assert np.abs(deviations).max() < 5


def test_the_structure_factor_of_an_ideal_gas_is_one_and_lies_where_its_ions_go(tmp_path):
    """Free flight with Maxwell velocities: F(q, t) = exp(−q²v²t²/2), so S(q, ν) is a Gaussian of width qv/2π."""
    rng, symbols, speed = np.random.default_rng(8), ["Li"] * 150, 20.0
    start_A, velocities = rng.random((150, 3)) * 14, rng.normal(0, speed, (150, 3))
    times_ps = 0.005 * np.arange(800)[:, None, None]
    fine_A = start_A + velocities * times_ps
    moving = np.broadcast_to(velocities, fine_A.shape)
    path = write(tmp_path / "x.h5md", symbols, fine_A[:80], moving, fine_A=fine_A, interval_ps=0.1)
    part = analysed([path], correlation_ps=0.6, q_points=400)["scattering"]
    q_1_A, frequencies = np.array(part["q_1_A"]), np.array(part["frequencies_THz"])
    total = np.array(part["total_ps"], dtype=float)
    step = frequencies[1]
    static = step * (2 * total.sum(axis=1) - total[:, 0])
    np.testing.assert_allclose(static, 1.0, atol=0.25)
    width = q_1_A[-1] * speed / (2 * np.pi)
    gaussian = np.exp(-(frequencies**2) / (2 * width**2)) / (np.sqrt(2 * np.pi) * width)
    assert np.abs(total[-1] - gaussian).mean() < 0.1 * gaussian[0]  # over six periods of the window
    np.testing.assert_allclose(part["mobile_ps"][-1], part["total_ps"][-1], rtol=1e-4)


# ── polyanions ─────────────────────────────────────────────────────────────────────────────────

SULFATE_A = 1.47 * np.array([[0, 0, 0], [1, 1, 1], [-1, -1, 1], [1, -1, -1], [-1, 1, -1]]) / np.sqrt([[1], *[[3]] * 4])
SULFATE = ["S", "O", "O", "O", "O"]


def rotations(rng, *, frames, groups, step_rad):
    """Rotational random walks: (frames, groups, 3, 3)."""
    from scipy.spatial.transform import Rotation

    turn, found = Rotation.random(groups, random_state=1), []
    for _ in range(frames):
        found.append(turn.as_matrix())
        turn = Rotation.from_rotvec(rng.normal(0, step_rad, (groups, 3))) * turn
    return np.array(found)


def turning_sulfates(seed, *, frames, diffusion_rad2_ps, interval_ps):
    """Rigid sulfates that turn at random around fixed centres near the borders of the cell, and eight Li."""
    rng = np.random.default_rng(seed)
    turns = rotations(rng, frames=frames, groups=8, step_rad=np.sqrt(2 * diffusion_rad2_ps * interval_ps))
    centres_A = np.array([[i, j, k] for i in (0.2, 7.0) for j in (0.2, 7.0) for k in (0.2, 7.0)])
    positions_A = centres_A[:, None] + np.einsum("tgij,aj->tgai", turns, SULFATE_A)
    lithium_A = np.broadcast_to(centres_A + 3.5, (frames, 8, 3))
    return np.concatenate([positions_A.reshape(frames, 40, 3), lithium_A], axis=1)


def as_run(positions_A, symbols, *, interval_ps=1.0):
    frames = len(positions_A)
    return Trajectory(
        positions_A, np.broadcast_to(CELL_A, (frames, 3, 3)), interval_ps * np.arange(frames), tuple(symbols),
        np.array([MASSES_U[symbol] for symbol in symbols]),
    )  # fmt: skip


def test_rotational_diffusion_decays_with_2D_and_6D():
    diffusion, interval_ps = 0.05, 0.1
    positions_A = turning_sulfates(3, frames=6000, diffusion_rad2_ps=diffusion, interval_ps=interval_ps)
    run = as_run(positions_A, SULFATE * 8 + ["Li"] * 8, interval_ps=interval_ps)
    groups, broken = find_polyanions(run, mobile_ion="Li")
    assert (len(groups), broken) == (8, {})
    first, second = orientation_correlation(read_bonds(run, groups, stride=1), lags=150)
    times_ps = interval_ps * np.arange(150)
    # 8 rotors over 600 ps hold about 8 × 600/10 independent turns.
    np.testing.assert_allclose(first, np.exp(-2 * diffusion * times_ps), atol=0.1)
    np.testing.assert_allclose(second, np.exp(-6 * diffusion * times_ps), atol=0.1)
    assert (first[0], second[0]) == pytest.approx((1.0, 1.0), abs=1e-6)
    assert decay_time(times_ps, first) == pytest.approx(1 / (2 * diffusion), rel=0.25)


def test_groups_are_found_across_the_border_and_lost_when_they_exchange(tmp_path):
    positions_A = turning_sulfates(3, frames=40, diffusion_rad2_ps=0.05, interval_ps=0.1)
    symbols = SULFATE * 8 + ["Li"] * 8
    wrapped_A = positions_A - 14 * np.floor(positions_A[:1] / 14)  # as an unwrapped run that began wrapped
    groups, _ = find_polyanions(as_run(wrapped_A, symbols), mobile_ion="Li")
    for group in groups:
        whole_A = wrapped_A[:, group.atoms] + group.shifts_A
        assert np.linalg.norm(whole_A[:, 1:] - whole_A[:, :1], axis=-1) == pytest.approx(1.47, abs=1e-6)
    positions_A[20:, 1] += 4.0
    groups, broken = find_polyanions(as_run(positions_A, symbols), mobile_ion="Li")
    assert (len(groups), broken) == (7, {"SO4": 1})


def test_octahedra_of_halides_are_polyanions_but_not_those_that_share_corners():
    octahedron_A = 2.35 * np.vstack([np.zeros(3), np.eye(3), -np.eye(3)])
    symbols = ["Ta", *["Cl"] * 6]
    apart_A = np.concatenate([octahedron_A + 3, octahedron_A + 10])
    shared_A = np.concatenate([octahedron_A + 5, octahedron_A[[0, 1, 2, 3, 5, 6]] + 5 + [4.7, 0, 0]])
    for positions_A, names, expected in ((apart_A, symbols * 2, 2), (shared_A, [*symbols, *symbols[:-1]], 0)):
        frames_A = np.repeat(positions_A[None], 3, axis=0)
        run = Trajectory(
            frames_A, np.broadcast_to(CELL_A, (3, 3, 3)), np.arange(3.0), tuple(names), np.ones(len(names))
        )
        groups, _ = find_polyanions(run, mobile_ion="Na")
        assert [group.name for group in groups] == ["TaCl6"] * expected


def test_a_tumbling_rigid_group_has_no_vibration():
    rng = np.random.default_rng(2)
    masses_u = np.array([32.0, 16, 16, 16, 16])
    centre, angular = rng.normal(size=(30, 1, 3)), rng.normal(size=(30, 1, 3))
    positions_A = np.einsum("tij,aj->tai", rotations(rng, frames=30, groups=1, step_rad=0.3)[:, 0], SULFATE_A)
    velocities = centre + np.cross(angular, positions_A)
    motion = decompose(positions_A + 5.0, velocities, masses_u)
    np.testing.assert_allclose(motion.vibration, 0, atol=1e-12)
    np.testing.assert_allclose(motion.angular_velocity, angular[:, 0], atol=1e-12)
    np.testing.assert_allclose(motion.translation, np.broadcast_to(centre, velocities.shape), atol=1e-12)


def test_the_parts_add_up_and_share_no_kinetic_energy():
    rng = np.random.default_rng(4)
    masses_u = rng.uniform(1, 40, 6)
    positions_A, velocities = rng.normal(size=(20, 6, 3)), rng.normal(size=(20, 6, 3))
    motion = decompose(positions_A, velocities, masses_u)
    parts = [motion.translation, motion.rotation, motion.vibration]
    np.testing.assert_allclose(sum(parts), velocities, atol=1e-12)
    for first, second in ((0, 1), (0, 2), (1, 2)):
        np.testing.assert_allclose(np.einsum("a,taj,taj->t", masses_u, parts[first], parts[second]), 0, atol=1e-10)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (SULFATE_A, (3, 3, 9)),
        (np.array([[0, 0, 0], [0.97, 0, 0]]), (3, 2, 1)),
        (np.array([[0, 0, 0], [1.2, 0, 0], [-1.2, 0, 0]]), (3, 2, 4)),
    ],
)
def test_degrees_of_freedom_of_a_shape(shape, expected):
    assert tuple(degrees_of_freedom(shape, np.arange(1.0, len(shape) + 1)).values()) == expected


def test_a_linear_group_turns_without_vibrating():
    positions_A = np.array([[[0.0, 0, 0], [0.97, 0, 0]]])
    velocities = np.cross([0.0, 0.3, 0.8], positions_A)
    motion = decompose(positions_A, velocities, np.array([16.0, 1.0]))
    np.testing.assert_allclose(motion.vibration, 0, atol=1e-12)


def test_thermal_velocities_of_sulfates_share_energy_as_their_degrees_of_freedom(tmp_path):
    rng, symbols = np.random.default_rng(6), SULFATE * 8 + ["Li"] * 8
    masses_u = np.array([MASSES_U[symbol] for symbol in symbols])
    fine_A = turning_sulfates(3, frames=400, diffusion_rad2_ps=0.05, interval_ps=0.005)
    speed = np.sqrt(kB * KELVIN / (masses_u * EV_PER_U_A2_PS2))[:, None]
    velocities = rng.normal(size=fine_A.shape) * speed
    path = write(tmp_path / "x.h5md", symbols, fine_A[:60], velocities, fine_A=fine_A)
    result = analysed([path], correlation_ps=0.5)
    assert result["polyanions"] == {"SO4": [8]}
    motions = result["vibrations"]["polyanions"]["SO4"]["motions"]
    for name, expected in (("translation", 3), ("rotation", 3), ("vibration", 9)):
        assert motions[name]["modes"]["expected"] == expected
        assert motions[name]["modes"]["value"] == pytest.approx(expected, rel=0.06)
    assert set(result["orientation"]) == {"SO4"}


# ── mistakes, figures, command ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("runs", "changes", "words"),
    [
        ([], {}, "at least one trajectory"),
        ([40], {"mobile_ion": "Na"}, "Na is not among the atoms Li, O, S"),
        ([40], {"temperature_K": 0.0}, "above 0 K"),
        ([5], {}, "at least 8 are needed"),
    ],
)
def test_mistakes_are_explained(runs, changes, words):
    positions_A = turning_sulfates(3, frames=40, diffusion_rad2_ps=0.05, interval_ps=0.1)
    trajectories = [as_run(positions_A[:frames], SULFATE * 8 + ["Li"] * 8) for frames in runs]
    arguments = {"mobile_ion": "Li", "temperature_K": KELVIN} | changes
    with pytest.raises(SaltflowError, match=words):
        analyse_spectra(trajectories, [None] * len(runs), **arguments, **SETTINGS)


def test_figures_are_drawn_also_of_nothing(spectra, tmp_path):
    for number, result in enumerate((spectra, no_spectra(["gas"], temperature_K=KELVIN))):
        json.dumps(result)
        paths = [tmp_path / f"{name}{number}.svg" for name in ("vibrations", "dynamic_structure", "orientation")]
        plot_spectra(result, paths, title="LiCl at 600 K")
    assert "by species" in (tmp_path / "vibrations0.svg").read_text()
    assert "self part" in (tmp_path / "dynamic_structure0.svg").read_text()
    assert "polyanions" in (tmp_path / "orientation0.svg").read_text()
    assert "gas" in (tmp_path / "vibrations1.svg").read_text()


def test_the_command_writes_everything(vibrating, tmp_path):
    out = tmp_path / "out"
    arguments = [str(vibrating[0]), "--temperature", "600", "--out", str(out), "--name", "LiCl"]
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 0
    names = {"spectra.json", "vibrations.svg", "dynamic_structure.svg", "orientation.svg"}
    assert {path.name for path in out.iterdir()} == names
    assert json.loads((out / "spectra.json").read_text())["vibrations"]["species"].keys() == {"Li", "Cl"}
    assert "LiCl, 600 K" in done.stdout
