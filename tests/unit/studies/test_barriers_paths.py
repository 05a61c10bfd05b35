"""Sites, hops and bands against potentials whose saddles are known."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.geometry import find_mic
from ase.mep import NEB
from ase.optimize import FIRE
from barrier_models import LATTICE_A, BARRIERS_eV, Washboard, crystal
from lennard_jones import ForASE, LennardJones

from saltflow.materials.structure_files import read_structure
from saltflow.studies.barriers.elastic_band import Band, relax_bands
from saltflow.studies.barriers.endpoints import end_states, interpolate, repeats_for
from saltflow.studies.barriers.hop_classes import find_hops, hop_vector
from saltflow.studies.mobile_sites import find_sites
from saltflow.studies.relaxation.batched_evaluation import BatchedEvaluation
from saltflow.studies.relaxation.relaxed_states import relax

CRYSTALS = Path(__file__).parents[3] / "benchmarks/barriers"


def band_along_a(model: Washboard, *, images: int, backwards: bool = False) -> Band:
    ends = [[0.0, 0, 0], [LATTICE_A[0], 0, 0]]
    start, end = ends[::-1] if backwards else ends
    initial, final = (Atoms("Li", [place], cell=LATTICE_A, pbc=False) for place in (start, end))
    positions = np.linspace(initial.positions, final.positions, images + 2)
    positions[1:-1] += 0.02
    energies, _ = BatchedEvaluation(model)([initial, final], [initial.positions, final.positions])
    return Band(initial, positions, np.array([energies[0], *[np.nan] * images, energies[1]]))


@pytest.mark.parametrize(("images", "bend_A"), [(5, 0.0), (5, 0.8), (4, 0.8)])
def test_the_climbing_image_finds_the_saddle(images, bend_A):
    band = band_along_a(Washboard(bend_A=bend_A), images=images)
    relax_bands([band], BatchedEvaluation(Washboard(bend_A=bend_A)), force_eV_A=0.005, steps=500)
    assert band.is_converged
    assert band.energies_eV.max() - band.energies_eV[0] == pytest.approx(BARRIERS_eV[0], abs=1e-3)
    saddle = band.positions[int(np.argmax(band.energies_eV))][0]
    assert saddle[:2] == pytest.approx([LATTICE_A[0] / 2, bend_A], abs=0.02)


def test_a_path_and_its_mirror_image_have_equal_barriers_and_a_batch_changes_nothing():
    model = Washboard(bend_A=0.6, tilt_eV=0.1)
    bands = [band_along_a(model, images=5, backwards=backwards) for backwards in (False, True)]
    alone = band_along_a(model, images=5)
    relax_bands(bands, BatchedEvaluation(model), force_eV_A=0.002, steps=1000)
    relax_bands([alone], BatchedEvaluation(model, most_atoms=2), force_eV_A=0.002, steps=1000)
    there, back = bands
    assert there.energies_eV[-1] - there.energies_eV[0] == pytest.approx(0.1, abs=1e-6)
    assert there.energies_eV.max() == pytest.approx(back.energies_eV.max(), abs=1e-4)
    assert alone.energies_eV == pytest.approx(there.energies_eV, abs=1e-9)
    assert alone.steps == there.steps


def test_states_relax_to_their_minimum_and_say_when_they_do_not():
    rattled = crystal().repeat(2)
    rattled.rattle(0.15, seed=1)
    evaluation = BatchedEvaluation(Washboard())
    done, short = (relax([rattled], evaluation, force_eV_A=0.01, steps=steps)[0] for steps in (300, 2))
    assert done.is_converged
    assert done.energy_eV == pytest.approx(0, abs=1e-3)
    assert not short.is_converged


def test_hops_are_those_of_the_lattice():
    sites = find_sites(crystal(), "Li", voids=False)
    hops = find_hops(sites, r_max_A=5.0)
    assert [hop.length_A for hop in hops] == pytest.approx([4.0, 4.5])
    assert [len(hop.members) for hop in hops] == [2, 1]
    vectors = [np.abs(hop_vector(sites, member)) for member in hops[0].members]
    assert sorted(map(tuple, np.round(vectors, 6))) == [(0, 4, 0), (4, 0, 0)]


def test_sites_of_a_supercell_have_the_same_classes_with_more_members():
    sites = find_sites(crystal().repeat((2, 2, 1)), "Li", voids=False)
    hops = find_hops(sites, r_max_A=5.0)
    assert [len(hop.members) for hop in hops] == [8, 4]


def test_voids_of_a_face_centred_lattice_are_its_tetrahedra():
    salt = bulk("LiCl", "rocksalt", a=5.14, cubic=True)
    sites = find_sites(salt, "Li", voids=True)
    assert len(sites.positions) == 8
    assert np.allclose(sites.positions * 4 % 2, 1)


@pytest.mark.parametrize("name", ["LiFePO4", "Li2O", "Li3N"])
def test_voids_are_closed_under_symmetry_and_apart(name):
    """Every operation takes every void onto a void; a class has as many members as operations, or a divisor."""
    sites = find_sites(read_structure(CRYSTALS / f"{name}.cif"), "Li", voids=True)
    for rotation, translation in zip(sites.rotations, sites.translations, strict=True):
        moved = sites.positions @ rotation.T + translation
        between = find_mic(((moved[:, None] - sites.positions) @ sites.cell).reshape(-1, 3), sites.cell)[1]
        nearest = between.reshape(len(moved), -1)
        assert nearest.min(axis=1).max() < 0.02
        assert len(set(nearest.argmin(axis=1))) == len(moved)
    for hop in find_hops(sites, r_max_A=4.0):
        assert len(sites.rotations) % len(hop.members) == 0


def test_a_vacancy_hop_moves_one_ion_and_keeps_all_others():
    sites = find_sites(crystal(), "Li", voids=False)
    for hop in find_hops(sites, r_max_A=5.0):
        ends = end_states(sites, hop, repeats=(2, 2, 2))
        assert len(ends.initial) == 15
        moved = np.linalg.norm(ends.final.positions - ends.initial.positions, axis=1)
        assert moved[list(ends.ions)] == pytest.approx(hop.length_A)
        assert np.count_nonzero(moved) == 1
        distances = ends.final.get_all_distances(mic=True)
        assert distances[distances > 0].min() > 3
        path = interpolate(ends.initial, ends.final, images=3)
        assert path.shape == (5, 15, 3)


@pytest.mark.parametrize("seed", range(4))
def test_a_hop_of_half_the_supercell_goes_its_own_way(seed):
    """Both ways are as long up to the noise of a relaxation; the path takes that of the hop, not the shorter one."""
    noisy = crystal().repeat((2, 2, 2))
    noisy.rattle(1e-3, seed=seed)
    sites = find_sites(noisy, "Li", voids=False)
    for hop in find_hops(sites, r_max_A=5.0):
        ends = end_states(sites, hop, repeats=(1, 1, 1))
        path = interpolate(ends.initial, ends.final, images=1)
        moved = (path[-1] - path[0])[list(ends.ions)]
        assert moved[0] == pytest.approx(hop_vector(sites, hop.representative))
        assert np.linalg.norm(path[1] - path[0], axis=1).max() < hop.length_A


@pytest.mark.parametrize("shift_A", [0.0, -0.3, 47.0])
def test_atoms_that_relax_to_just_outside_the_cell_stay_the_atoms_of_their_sites(shift_A):
    """The ion still moves to the vacancy, whichever of the sites at 0 are now at 1 − 1e-6."""
    noisy = crystal().repeat((2, 2, 1))
    noisy.rattle(1e-5, seed=3)
    noisy.positions += shift_A
    sites = find_sites(noisy, "Li", voids=False)
    hops = find_hops(sites, r_max_A=5.0)
    assert [len(hop.members) for hop in hops] == [8, 4]
    for hop in hops:
        ends = end_states(sites, hop, repeats=(2, 2, 2))
        distances = ends.final.get_all_distances(mic=True)
        assert np.count_nonzero(distances < 3) == len(ends.final)


def test_supercells_are_wide_enough():
    assert repeats_for(crystal().cell.array, smallest_edge_A=8.0) == (2, 2, 2)
    assert repeats_for(crystal().cell.array, smallest_edge_A=8.1) == (3, 3, 2)


def test_a_vacancy_of_argon_has_the_barrier_that_ase_finds():
    """The same end states, images and potential in ASE's nudged elastic band."""
    argon = bulk("Ar", "fcc", a=5.26, cubic=True).repeat(2)
    hop = argon.positions[1] - argon.positions[0]
    initial = argon[1:].copy()
    final = initial.copy()
    final.positions[0] -= hop
    evaluation = BatchedEvaluation(LennardJones(len(initial)))
    ends = relax([initial, final], evaluation, force_eV_A=0.001, steps=500)
    assert all(end.is_converged for end in ends)
    positions = interpolate(ends[0].atoms, ends[1].atoms, images=3)
    band = Band(ends[0].atoms, positions.copy(), np.array([ends[0].energy_eV, *[np.nan] * 3, ends[1].energy_eV]))
    relax_bands([band], evaluation, force_eV_A=0.003, steps=500)
    images = [Atoms(initial.symbols, place, cell=initial.cell, pbc=True, calculator=ForASE()) for place in positions]
    peer = NEB(images, climb=True, method="improvedtangent", k=2.0)
    FIRE(peer, logfile=None).run(fmax=0.003, steps=500)
    energies = [image.get_potential_energy() for image in images]
    assert band.is_converged
    assert band.energies_eV.max() - band.energies_eV[0] == pytest.approx(max(energies) - energies[0], abs=1e-3)
    assert band.energies_eV.max() - band.energies_eV[0] > 0.03
