"""The same numbers from other people's programs, from sums written out, and from a publication."""

import warnings

import numpy as np
import pytest

from saltflow.analysis.transport.conductivity import transport_quantities
from saltflow.analysis.transport.measurement import measure
from saltflow.analysis.transport.msd import displacement_curves
from saltflow.trajectory.memory import Trajectory
from saltflow.trajectory.segments import System, prepare_system

INTERVAL_PS = 0.1
EDGE_A = 20.0
SYMBOLS = ["Cl"] * 4 + ["Li"] * 6 + ["O"] * 3
MASSES_U = np.repeat([35.45, 6.94, 16.0], [4, 6, 3])
CHARGES = {"Cl": -1, "Li": 1, "O": -2}


def trajectory_of(positions_A, symbols, masses_u):
    frames = len(positions_A)
    cells_A = np.tile(np.eye(3) * EDGE_A, (frames, 1, 1))
    return Trajectory(positions_A, cells_A, INTERVAL_PS * np.arange(frames), tuple(symbols), np.asarray(masses_u))


@pytest.fixture(scope="module")
def walk_A():
    """Three species that walk on their own, together, and with a drift, (frames, atoms, 3)."""
    rng = np.random.default_rng(7)
    common = rng.normal(0.02, 0.1, (300, 1, 3))
    return np.cumsum(rng.normal(0, 0.3, (300, len(SYMBOLS), 3)) + common, axis=0)


@pytest.fixture(scope="module")
def barycentric_A(walk_A):
    """The same walk seen from its centre of mass."""
    return walk_A - (MASSES_U @ walk_A / MASSES_U.sum())[:, None]


@pytest.fixture(scope="module")
def analysed(walk_A):
    """System, MSD of each species at all lags, and ⟨ΔR_a·ΔR_b⟩, in the barycentric frame."""
    run = trajectory_of(walk_A, SYMBOLS, MASSES_U)
    system = prepare_system([run], charges=CHARGES, mobile_ion="Li", temperature_K=600.0)
    squared_A2, collective_A2 = displacement_curves(system, np.arange(len(walk_A))).means()
    return system, squared_A2 / system.counts, collective_A2


def members(system, kind):
    return np.array(SYMBOLS) == system.species[kind]


def test_curves_equal_the_sums_written_out(analysed, barycentric_A):
    system, msd_A2, collective_A2 = analysed
    for lag in range(1, len(barycentric_A)):
        moves_A = barycentric_A[lag:] - barycentric_A[:-lag]
        squares_A2 = np.sum(moves_A**2, axis=2).mean(axis=0)
        totals_A = np.stack([moves_A[:, members(system, kind)].sum(axis=1) for kind in range(3)], axis=1)
        products_A2 = np.mean(totals_A[:, :, None] * totals_A[:, None], axis=0).sum(axis=-1)
        expected = [squares_A2[members(system, kind)].mean() for kind in range(3)]
        np.testing.assert_allclose(msd_A2[lag], expected, rtol=1e-9)
        np.testing.assert_allclose(collective_A2[lag], products_A2, rtol=1e-8, atol=1e-8)


def test_msd_equals_tidynamics(analysed, barycentric_A):
    import tidynamics

    system, msd_A2, _ = analysed
    for kind in range(3):
        atoms = np.flatnonzero(members(system, kind))
        reference = np.mean([tidynamics.msd(barycentric_A[:, atom]) for atom in atoms], axis=0)
        np.testing.assert_allclose(msd_A2[1:, kind], reference[1:], rtol=1e-9)


@pytest.mark.parametrize("by_fft", [True, False])
def test_msd_equals_mdanalysis(analysed, barycentric_A, by_fft):
    from MDAnalysis import Universe
    from MDAnalysis.analysis.msd import EinsteinMSD

    system, msd_A2, _ = analysed
    for kind in range(3):
        chosen_A = barycentric_A[:, members(system, kind)].astype(np.float32)
        universe = Universe.empty(chosen_A.shape[1], trajectory=True)
        universe.load_new(chosen_A)
        reference = EinsteinMSD(universe, select="all", fft=by_fft).run().results.timeseries
        np.testing.assert_allclose(msd_A2[1:, kind], reference[1:], rtol=1e-4)


@pytest.fixture(scope="module")
def lithium_in_chlorine():
    """Ten Li that walk through Cl at rest, so heavy that every frame of reference is the same."""
    steps = np.random.default_rng(12).normal(0, np.sqrt(2 * 0.5 * INTERVAL_PS), (1500, 10, 3))
    positions_A = np.concatenate([np.cumsum(steps, axis=0), np.zeros((1500, 4, 3))], axis=1)
    return trajectory_of(positions_A, ["Li"] * 10 + ["Cl"] * 4, [6.94] * 10 + [1e9] * 4)


def kinisi_arguments(run):
    """A universe of MDAnalysis and what kinisi wants to know of it."""
    import scipp
    from MDAnalysis import Universe

    universe = Universe.empty(len(run.symbols), trajectory=True)
    universe.add_TopologyAttr("types", list(run.symbols))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        universe.load_new(run.positions_A.astype(np.float32), dimensions=[EDGE_A] * 3 + [90.0] * 3)
    lags_ps = INTERVAL_PS * np.unique(np.geomspace(10, 600, 20).astype(int))
    return {
        "trajectory": universe,
        "specie": "Li",
        "time_step": scipp.scalar(INTERVAL_PS, unit="ps"),
        "step_skip": scipp.scalar(1.0),
        "dt": scipp.array(dims=["time interval"], values=lags_ps, unit="ps"),
        "progress": False,
    }


SAMPLING = {"n_samples": 200, "n_walkers": 16, "n_burn": 100, "progress": False}


def agree(row, samples):
    """Whether two estimates of one thing from the same data differ by less than twice their common error."""
    return abs(row["value"] - samples.mean()) < 2 * np.hypot(row["error"], samples.std())


@pytest.fixture(scope="module")
def estimates(lithium_in_chlorine):
    measured = measure(
        [lithium_in_chlorine], charges={"Li": 1, "Cl": -1}, mobile_ion="Li", temperature_K=600.0, frame="framework",
        alpha_min=0.9, alpha_max=1.1, msd_min_A2=10.0, max_lag_fraction=0.4,
    )  # fmt: skip
    found, mobile = measured.estimates({}), measured.system.mobile
    D, sigma_E = found["D_cm2_s"], found["sigma_E_mS_cm"]
    return {
        "D": {"value": float(D.value[mobile]), "error": float(D.error[mobile])},
        "sigma_E": {"value": float(sigma_E.value), "error": float(sigma_E.error)},
    }


@pytest.mark.filterwarnings("ignore")
def test_diffusion_coefficient_agrees_with_kinisi(lithium_in_chlorine, estimates):
    import scipp
    from kinisi.analyze import DiffusionAnalyzer

    analyzer = DiffusionAnalyzer.from_universe(**kinisi_arguments(lithium_in_chlorine))
    np.random.seed(3)  # kinisi starts its walkers with the global generator
    analyzer.diffusion(scipp.scalar(1.0, unit="ps"), **SAMPLING)
    assert analyzer.D.unit == scipp.Unit("cm^2/s")
    assert agree(estimates["D"], analyzer.D.values)
    assert estimates["D"]["error"] < 0.1 * 0.5e-4, "an agreement within errors says something where they are small"


@pytest.mark.filterwarnings("ignore")
def test_conductivity_agrees_with_kinisi(lithium_in_chlorine, estimates):
    import scipp
    from kinisi.analyze import ConductivityAnalyzer

    analyzer = ConductivityAnalyzer.from_universe(
        ionic_charge=scipp.scalar(1.0, unit="e"), **kinisi_arguments(lithium_in_chlorine)
    )
    np.random.seed(3)
    analyzer.conductivity(scipp.scalar(1.0, unit="ps"), scipp.scalar(600.0, unit="K"), **SAMPLING)
    assert analyzer.sigma.unit == scipp.Unit("mS/cm")
    assert agree(estimates["sigma_E"], analyzer.sigma.values)


def test_haven_ratio_of_published_diffusion_coefficients():
    """48 Li with D* = 1.5706e-9 m²/s, whose centre of mass has D = 5.38169e-11 m²/s.

    Source: the test trajectory of GEMDAT; its own haven_ratio, D*/D of the centre of mass, is 48 times as large.
    """
    lithium, tracer_A2_ps, centre_A2_ps = 48, 1.5706e-9 * 1e8, 5.38169e-11 * 1e8
    system = System(
        species=("Cl", "Li"), counts=np.array([1, lithium]), charges=np.array([-1.0, 1.0]),
        masses_u=np.array([1e9, 6.94]), mobile=1, volume_A3=8000.0, temperature_K=600.0, interval_ps=0.1,
        collective_frame="barycentric", segments=(),
    )  # fmt: skip
    collective = np.zeros((2, 2))
    collective[1, 1] = 6 * lithium**2 * centre_A2_ps
    quantities = transport_quantities(
        system, self_slopes=np.array([0.0, 6 * lithium * tracer_A2_ps]), collective_slopes=collective, frame="framework"
    )
    assert quantities["haven_ratio"] == pytest.approx(0.608, abs=5e-4)
    assert quantities["D_cm2_s"][1] == pytest.approx(1.5706e-5)
