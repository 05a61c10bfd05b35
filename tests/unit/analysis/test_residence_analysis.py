"""Residence of ions in trajectories: planted classes, errors, flags, activation energies, an independent program."""

import numpy as np
import pytest
from residence_models import NEAR_A, beside_metals, follow, telegraph

from saltflow.analysis.residence.activation import fit_residence
from saltflow.analysis.residence.analysis import analyse_residence, no_residence
from saltflow.analysis.residence.correlation_recorder import CorrelationPlan
from saltflow.analysis.residence.figures import plot_residence, plot_residence_activation
from saltflow.analysis.residence.intermittent import IntermittentCorrelation
from saltflow.analysis.residence.residence_times import ShellSums
from saltflow.analysis.residence.survival import Survival
from saltflow.analysis.structure.first_minima import first_minima_A
from saltflow.analysis.structure.rdf import pair_distributions
from saltflow.base.errors import SaltflowError
from saltflow.statistics.blocked_sums import BlockedSums
from saltflow.statistics.lags_and_origins import spaced_origins

CHARGES = {"Li": 1, "Al": 3, "Cl": -1, "O": -2}
SETTINGS = {
    "frames_per_replica": 50_000,
    "origins_per_replica": 300,
    "allowed_absences_ps": [0.0, 2.0],
    "max_lag_fraction": 0.5,
    "min_class_fraction": 0.02,
}
INTERVAL_PS = 0.5
K_OUT = {"X4": 0.05, "X3O1": 0.02}  # per frame
K_IN = 0.01


def analyse(runs, **changes) -> dict:
    point = {"charges": CHARGES, "mobile_ion": "Li", "temperature_K": 600.0}
    structure = pair_distributions(runs, r_max_A=8.0, bin_width_A=0.05, frames_per_replica=20)
    return analyse_residence(runs, **point, first_minima_A=first_minima_A(structure), **(SETTINGS | changes))


def two_classes(seed: int, *, frames: int = 2500, speed: float = 1.0):
    """Ions beside AlCl4 and AlCl3O, which leave at different rates."""
    rng = np.random.default_rng(seed)
    oxygens = np.arange(27) % 2
    k_out = speed * np.where(oxygens == 0, K_OUT["X4"], K_OUT["X3O1"])
    present = telegraph(rng, frames=frames, pairs=27, k_out=k_out, k_in=K_IN * speed)
    return beside_metals(present, oxygens=oxygens, interval_ps=INTERVAL_PS, rng=rng), present


def true_tau_ps(k_out: float, k_in: float, *, interval_ps: float = INTERVAL_PS) -> float:
    """τ of the process in continuous time that these chances per frame come from."""
    return -interval_ps * (k_out + k_in) / (k_out * np.log1p(-k_out - k_in))


@pytest.fixture(scope="module")
def result() -> dict:
    return analyse([two_classes(seed)[0] for seed in (1, 2, 3)])


def test_planted_classes_are_found_with_their_times(result):
    classes = result["shells"]["Li-Al"]["classes"]
    assert {"X4", "X3O1", "all"} <= set(classes)
    assert classes["X4"]["population"]["value"] == pytest.approx(14 / 27, abs=0.01)
    for name, k_out in K_OUT.items():
        row = classes[name]["continuous 0 ps"]
        for quantity in ("tau_ps", "tau_stretched_ps"):
            found = row[quantity]
            assert abs(found["value"] - true_tau_ps(k_out, K_IN)) < 3.5 * found["error"]
            assert found["error"] < 0.15 * found["value"]
        assert row["status"] == "ok"
        assert row["beta"]["value"] == pytest.approx(1.0, abs=0.1)
        assert classes[name]["relabelling_rate_per_ps"]["value"] < 1e-3


def test_what_is_written_is_finite_and_named(result):
    assert result["status"] == "ok"
    assert result["replicas"] == 3
    assert result["shells"]["Li-Al"]["cutoff_A"] == pytest.approx((NEAR_A + 6.0) / 2, abs=1.6)
    curve = result["shells"]["Li-Al"]["curves"]["continuous 2 ps"]
    assert curve["P"]["X4"][0] == 1.0
    assert len(curve["P"]["X4"]) == len(curve["lags_ps"]) == len(curve["error"]["X4"])
    assert list(result["shells"]["Li-Cl"]["classes"]) == ["all"]


def test_short_runs_and_coarse_frames_are_flagged():
    short = analyse([two_classes(4, frames=40)[0]], origins_per_replica=20)
    assert short["status"] != "ok"
    row = short["shells"]["Li-Al"]["classes"]["all"]["continuous 2 ps"]
    assert {"run shorter than the residence", "too few departures"} & set(row["flags"])
    coarse = analyse([two_classes(5, speed=12.0)[0]], allowed_absences_ps=[0.0])
    row = coarse["shells"]["Li-Al"]["classes"]["X4"]["continuous 0 ps"]
    assert "frames too far apart" in row["flags"]


def test_bad_input_is_refused_in_a_sentence():
    run, _ = two_classes(6, frames=60)
    known = {"charges": CHARGES, "mobile_ion": "Li", "temperature_K": 600.0, "first_minima_A": {}} | SETTINGS
    for changes, words in (
        ({"mobile_ion": "Na"}, "mobile ion Na is not among the atoms"),
        ({"charges": {"Li": 1, "Al": 3, "Cl": -1}}, "No charge is given for O"),
        ({}, "No first minimum of g.r. is given for Al-Al"),
    ):
        with pytest.raises(SaltflowError, match=words):
            analyse_residence([run], **(known | changes))


def replica(rng: np.random.Generator, *, frames: int = 1500, pairs: int = 20) -> ShellSums:
    """Sums of independent telegraphs, as a recorder makes them."""
    plan = CorrelationPlan(interval_ps=1.0, longest_lag=frames // 2, origins_wanted=250, absences_ps=(0.0,))
    origins = spaced_origins(frames, wanted=plan.origins_wanted, multiple=2)
    sizes = {"n_pairs": pairs, "blocks": 20, "classes": 1}
    functions = {
        name: Survival(n_frames=frames, lags=plan.lags(name), stride=stride, absence=0, **sizes)
        for name, (_, stride) in plan.continuous.items()
    }
    functions["intermittent"] = IntermittentCorrelation(
        n_centres=pairs, origins=origins, lags=plan.lags("intermittent"), **sizes
    )
    present = telegraph(rng, frames=frames, pairs=pairs, k_out=1 / 20, k_in=1 / 20)
    found = follow(list(functions.values()), present, origins=origins, blocks=20)
    sums = {f"{name}/{what}": each for name, part in zip(functions, found, strict=True)
            for what, each in part.sums.items()}  # fmt: skip
    sums |= {f"labels/{name}": np.ones((20, 1)) for name in
             ("centres", "neighbours", "labelled", "labelled_ps", "kept")}  # fmt: skip
    zeros = np.zeros(20, dtype=int)
    return ShellSums(plan, BlockedSums(sums), zeros, zeros, np.full(20, float(frames)))


def test_errors_are_as_large_as_the_deviations():
    """Standard deviation of (estimate − truth)/error over replicas; with 40 of them it is known to 11 %."""
    rng = np.random.default_rng(8)
    truths = {"continuous 0 ps|tau_uncorrected_ps": -1 / np.log(1 - 1 / 20), "continuous 0 ps|tau_ps": true_tau_ps(
        1 / 20, 1 / 20, interval_ps=1.0), "intermittent|tau_ps": -1 / np.log(1 - 1 / 10)}  # fmt: skip
    z = {name: [] for name in truths}
    for _ in range(40):
        estimates = replica(rng).estimates()
        for name, truth in truths.items():
            z[name].append((estimates[name].value[0] - truth) / estimates[name].error[0])
    for name, values in z.items():
        assert 0.7 < np.std(values) < 1.35, name
        # The plateau of C(t) comes from the same short run, which makes its time a little low.
        assert abs(np.mean(values)) < (0.9 if name.startswith("intermittent") else 0.5), name


def test_activation_energies_of_classes_stand_beside_that_of_diffusion(tmp_path):
    kelvin = (500.0, 600.0, 700.0, 900.0)
    boltzmann = 8.617333e-5
    results = []
    for temperature_K in kelvin:
        classes = {}
        for name, energy_eV in (("X4", 0.25), ("X3O1", 0.40)):
            tau_ps = 0.05 * np.exp(energy_eV / (boltzmann * temperature_K))
            row = {
                "tau_ps": {"value": tau_ps, "error": 0.03 * tau_ps},
                "status": "ok",
                "tau_per_replica_ps": [tau_ps] * 3,
            }
            classes[name] = {"continuous 2 ps": row}
        shell = {"classes": classes, "curves": {"continuous 2 ps": {}}}
        results.append({"temperature_K": temperature_K, "shells": {"Li-Al": shell}})
    results[0]["shells"]["Li-Al"]["classes"]["X4"]["continuous 2 ps"]["status"] = "run shorter than the residence"
    diffusion = {"status": "ok", "Ea_eV": {"value": 0.3, "low": 0.28, "high": 0.32}}
    settings = {"target_temperature_K": 300.0, "bootstrap_samples": 50, "seed": 1}
    fitted = fit_residence(results, diffusion=diffusion, **settings)
    fits = fitted["fits"]["Li-Al"]
    assert fits["X4"]["continuous 2 ps"]["Ea_eV"]["value"] == pytest.approx(0.25, abs=1e-6)
    assert fits["X3O1"]["continuous 2 ps"]["Ea_eV"]["value"] == pytest.approx(0.40, abs=1e-6)
    assert fits["X4"]["continuous 2 ps"]["temperatures_used_K"] == [600.0, 700.0, 900.0]
    assert fits["X4"]["continuous 2 ps"]["fitted"] == "ln(1/tau)"
    assert fits["X4"]["continuous 2 ps"]["prediction"]["unit"] == "1/ps"
    plot_residence_activation(fitted, tmp_path / "figure.svg", title="x")
    assert "Li-Al X3O1" in (tmp_path / "figure.svg").read_text()


def test_figures_of_state_points_with_and_without_replicas(result, tmp_path):
    plot_residence(result, tmp_path / "accepted.svg", title="x")
    text = (tmp_path / "accepted.svg").read_text()
    assert "Li-Al X4" in text
    assert "residence time τ (ps)" in text
    plot_residence(no_residence(["gas"], temperature_K=600.0), tmp_path / "missing.svg", title="x")
    assert "replica 1: gas" in (tmp_path / "missing.svg").read_text()


def test_mdanalysis_finds_the_same_survival():
    """One ion and one metal: there the mean of ratios that it takes is the ratio of sums."""
    from MDAnalysis import Universe
    from MDAnalysis.lib.correlations import autocorrelation, correct_intermittency

    rng = np.random.default_rng(9)
    present = telegraph(rng, frames=400, pairs=1, k_out=0.05, k_in=0.1)
    run = beside_metals(present, oxygens=[0], interval_ps=1.0, rng=rng)
    shell = analyse([run], origins_per_replica=400)["shells"]["Li-Al"]
    universe = Universe.empty(len(run.symbols), trajectory=True)
    universe.add_TopologyAttr("name", list(run.symbols))
    universe.load_new(run.positions_A, dimensions=np.tile([14.0, 14.0, 14.0, 90.0, 90.0, 90.0], (400, 1)))
    near = universe.select_atoms(f"name Li and around {shell['cutoff_A']} name Al", updating=True)
    members = [set(near.ix) for _ in universe.trajectory]
    for absence, function in ((0, "continuous 0 ps"), (2, "continuous 2 ps")):
        # It takes ions that are briefly away for present at origins, too: a few per cent of the origins.
        _, expected, _ = autocorrelation(correct_intermittency(members, intermittency=absence), 12, window_step=2)
        found = shell["curves"][function]["P"]["all"][:13]
        assert found == pytest.approx(expected, abs=0.04 if absence else 1e-6), function
