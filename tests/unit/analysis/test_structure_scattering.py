import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from structure_cases import TRICLINIC_A, gas, snapshot

from saltflow.analysis.structure.frame_averages import scattering_averages
from saltflow.analysis.structure.scattering import (
    first_sharp_peak,
    observe_scattering,
    scattering_quantities,
    wave_vectors,
)
from saltflow.analysis.structure.scattering_powers import scattering_powers
from saltflow.statistics.block_averages import estimate_averages


def test_wave_vectors_are_all_of_the_sphere_once():
    found = wave_vectors(TRICLINIC_A, q_max_per_A=2.0, width_per_A=0.1, per_shell=10**6)
    reciprocal = 2 * np.pi * np.linalg.inv(TRICLINIC_A).T
    grid = np.stack(np.meshgrid(*[np.arange(-12, 13)] * 3), axis=-1).reshape(-1, 3)
    lengths = np.linalg.norm(grid @ reciprocal, axis=1)
    assert len(found.indices) == ((lengths > 0) & (lengths < 2.0)).sum() / 2
    pairs = np.vstack([found.indices, -found.indices])
    assert len(np.unique(pairs, axis=0)) == len(pairs)
    assert np.all(
        np.abs(np.linalg.norm(found.indices @ reciprocal, axis=1) - found.q_per_A[found.shells]) <= 0.05 + 1e-9
    )


def test_many_vectors_are_thinned_and_few_are_kept():
    whole, thinned = (
        wave_vectors(TRICLINIC_A, q_max_per_A=3.0, width_per_A=0.1, per_shell=most) for most in (10**6, 20)
    )
    all_of, kept = (np.bincount(each.shells, minlength=30) for each in (whole, thinned))
    np.testing.assert_array_equal(kept, np.minimum(all_of, 20))


def test_an_ideal_gas_scatters_evenly():
    runs = [gas(seed, atoms={"Li": 30, "Cl": 20}, frames=20) for seed in range(3)]
    vectors = wave_vectors(TRICLINIC_A, q_max_per_A=3.0, width_per_A=0.1, per_shell=30)
    powers = scattering_powers(("Cl", "Li"), vectors.q_per_A)
    found = estimate_averages(
        scattering_averages(runs, vectors, ("Cl", "Li"), frames_per_replica=20),
        lambda means: scattering_quantities(
            means,
            fractions=np.array([0.4, 0.6]),
            powers=powers,
            q_per_A=vectors.q_per_A,
            anions=np.array([True, False]),
            cell_width_A=20.0,
        ),
    )
    filled = np.bincount(vectors.shells, minlength=len(vectors.q_per_A)) > 0
    for weighting in powers:
        total = found["total", weighting]
        z = (total.value[filled] - 1) / total.error[filled]
        assert np.std(z) == pytest.approx(1.0, abs=0.45)
        assert np.mean(total.value[filled]) == pytest.approx(1.0, abs=0.02)
    partial = found["partial"].value[filled].mean(axis=0)
    np.testing.assert_allclose(partial, np.eye(2), atol=0.03)


def test_lattices_scatter_into_their_reciprocal_lattice():
    """Rock salt: S_ab = ±√(N_a N_b) where h, k, l are all even (+) or all odd (− between unlike), else 0."""
    atoms = bulk("LiCl", "rocksalt", a=5.0, cubic=True).repeat(2)
    frame = snapshot(atoms.get_chemical_symbols(), atoms.positions, atoms.cell.array)
    vectors = wave_vectors(frame.cell_A, q_max_per_A=4.5, width_per_A=1e-4, per_shell=10**6)
    partial = observe_scattering(frame, vectors, ("Cl", "Li"))["partial",]
    seen = 0
    for shell in np.unique(vectors.shells):
        values = np.zeros((2, 2))
        members = vectors.indices[vectors.shells == shell]
        for indices in members:
            even, odd = np.all(indices % 4 == 0), np.all(indices % 4 == 2)  # of the doubled cell
            values += 32 * (even or odd) * np.array([[1, 1 - 2 * odd], [1 - 2 * odd, 1]])
            seen += even or odd
        np.testing.assert_allclose(partial[shell], values / len(members), atol=1e-9)
    assert seen == (8 + 6 + 12 + 24 + 8) / 2  # {111}, {200}, {220}, {311}, {222}


def test_partial_structure_factors_are_dynasors(tmp_path):
    from ase.io import write
    from dynasor import Trajectory, compute_static_structure_factors

    run = gas(11, atoms={"Li": 25, "Cl": 15}, frames=6)
    images = [Atoms(run.symbols, positions=positions_A, cell=TRICLINIC_A, pbc=True) for positions_A in run.positions_A]
    write(tmp_path / "run.xyz", images, format="extxyz", columns=["symbols", "positions"])
    vectors = wave_vectors(TRICLINIC_A, q_max_per_A=1.6, width_per_A=1e-5, per_shell=10**6)
    q_points = vectors.indices @ (2 * np.pi * np.linalg.inv(TRICLINIC_A).T)
    indices = {element: np.flatnonzero(np.array(run.symbols) == element) for element in ("Cl", "Li")}
    expected = compute_static_structure_factors(
        Trajectory(str(tmp_path / "run.xyz"), trajectory_format="extxyz", atomic_indices=indices), q_points
    )
    frames = [snapshot(run.symbols, positions_A, TRICLINIC_A) for positions_A in run.positions_A]
    found = np.mean([observe_scattering(frame, vectors, ("Cl", "Li"))["partial",] for frame in frames], axis=0)
    counts = np.bincount(vectors.shells)
    alone = np.flatnonzero(counts[vectors.shells] == 1)
    assert len(alone) > 100
    found = found[vectors.shells[alone]]
    for pair, (one, other) in {"Cl_Cl": (0, 0), "Li_Li": (1, 1), "Cl_Li": (0, 1)}.items():
        # dynasor divides by the number of all atoms, and counts both orders of unlike pairs.
        scale = np.sqrt(indices[pair[:2]].size * indices[pair[3:]].size) / len(run.symbols) * (1 + (one != other))
        np.testing.assert_allclose(found[:, one, other] * scale, expected[f"Sq_{pair}"].ravel()[alone], atol=2e-5)


def test_scattering_powers_are_those_of_the_tables():
    found = scattering_powers(("Cl", "H", "Li", "Ta"), np.array([0.0, 2.0]))
    np.testing.assert_allclose(found["neutron"][0], [9.577, -3.739, -1.90, 6.91], atol=0.02)  # Sears (1992), fm
    np.testing.assert_allclose(found["x-ray"][0], [17, 0, 3, 73], atol=0.1)  # the electrons of the atom
    assert np.all(found["x-ray"][1, [0, 2, 3]] < found["x-ray"][0, [0, 2, 3]])


def test_an_element_that_is_not_tabulated_has_no_weighting():
    found = scattering_powers(("Cl", "Po"), np.array([1.0]))
    assert np.isnan(found["neutron"][:, 1]).all()
    assert (found["number"] == 1).all()


def made_of(*peaks, q_per_A):
    """A structure factor that rises to 1, with Gaussians (position, height, full width at half maximum)."""
    total = 1 / (1 + np.exp(-(q_per_A - 1.9) / 0.1))
    for position, height, width in peaks:
        total = total + height * np.exp(-4 * np.log(2) * ((q_per_A - position) / width) ** 2)
    return total


def test_the_first_sharp_peak_is_found_where_it_was_put():
    q_per_A = 0.025 + 0.05 * np.arange(160)
    curve = made_of((1.12, 0.8, 0.35), (2.2, 1.5, 0.4), q_per_A=q_per_A)
    position, height, width = first_sharp_peak(q_per_A, curve, below_per_A=1.8)
    assert position == pytest.approx(1.12, abs=0.02)
    assert height == pytest.approx(0.8, abs=0.02)
    assert width == pytest.approx(0.35, abs=0.03)  # at half its prominence, which the valley behind it cuts
    gaps = curve.copy()
    gaps[[0, 1, 2, 3, 6, 9]] = 0.0  # shells without a wave vector
    assert first_sharp_peak(q_per_A, gaps, below_per_A=1.8)[0] == pytest.approx(1.12, abs=0.02)


def test_without_a_first_sharp_peak_there_is_none():
    q_per_A = 0.025 + 0.05 * np.arange(160)
    for curve in (made_of((2.2, 1.5, 0.4), q_per_A=q_per_A), made_of((1.1, 0.04, 0.3), q_per_A=q_per_A)):
        assert np.isnan(first_sharp_peak(q_per_A, curve, below_per_A=1.8)).all()
