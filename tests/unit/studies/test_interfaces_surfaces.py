"""Surfaces: energies beside sums over parted pairs and ASE's relaxation; which faces are alike; what is refused."""

import json

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc100
from ase.optimize import BFGS
from called import called
from interface_models import METAL, SALT, SETTINGS, ForASE, Pairs, cut_energy_J_m2, rock_salt

from saltflow.base.errors import InputError
from saltflow.base.repository import REPOSITORY
from saltflow.studies.interfaces.crystal_slabs import Slab, area_A2, conventional, cut_slabs, thickness_A, widened
from saltflow.studies.interfaces.interface_command import command as interface
from saltflow.studies.interfaces.slab_faces import are_alike, face_signature
from saltflow.studies.interfaces.surface_command import command as surface
from saltflow.studies.interfaces.surface_energies import J_PER_M2, OK, REBUILT, rank_surfaces
from saltflow.studies.interfaces.surface_study import slabs_of, study_surface
from saltflow.studies.relaxation.batched_evaluation import BatchedEvaluation
from saltflow.studies.relaxation.relaxed_cells import relax_cells


def ranked(crystal, bonds, millers, folder, **changes):
    """Surfaces of the crystal at rest, and the crystal."""
    potential, settings = Pairs(bonds), SETTINGS | changes
    evaluation = BatchedEvaluation(potential)
    (rest,) = relax_cells([conventional(crystal)], evaluation, force_eV_A=1e-4, steps=300)
    slabs = slabs_of(rest.atoms, millers, potential, settings=settings)
    return rank_surfaces(slabs, rest, evaluation, settings=settings, folder=folder), rest.atoms


@pytest.mark.parametrize(
    ("crystal", "bonds", "millers"),
    [(bulk("Al"), METAL, [(1, 1, 1), (1, 0, 0), (2, 1, 0)]), (rock_salt(), SALT, [(1, 0, 0), (1, 1, 1)])],
    ids=["fcc", "rock salt"],
)
def test_a_cut_costs_half_of_the_pairs_that_it_parts(crystal, bonds, millers, tmp_path):
    surfaces, rest = ranked(crystal, bonds, millers, tmp_path)
    assert {each.slab.miller for each in surfaces} == set(millers)
    for each in surfaces:
        expected = cut_energy_J_m2(rest, Pairs(bonds), each.slab.miller)
        assert each.as_cut_J_m2 == pytest.approx(expected, rel=1e-4)
        assert each.energy_J_m2 < each.as_cut_J_m2
    assert [each.energy_J_m2 for each in surfaces] == sorted(each.energy_J_m2 for each in surfaces)


def test_a_relaxed_surface_has_the_energy_that_ase_finds(tmp_path):
    (surface,), rest = ranked(bulk("Al"), METAL, [(1, 0, 0)], tmp_path, force_eV_A=0.001)
    layers = len(surface.slab.atoms)
    pairs = Pairs(METAL)
    slab = fcc100("Al", (1, 1, layers), a=rest.cell[0, 0], vacuum=8.0, periodic=True)
    slab.calc = ForASE(pairs)
    BFGS(slab, logfile=None).run(fmax=0.001)
    per_atom_eV = pairs.of(rest)[0] / len(rest)
    expected = J_PER_M2 * (slab.get_potential_energy() - layers * per_atom_eV) / (2 * area_A2(slab))
    assert surface.status == OK
    assert surface.energy_J_m2 == pytest.approx(expected, abs=1e-4)


def test_faces_say_whether_a_slab_is_symmetric():
    salt, blende = conventional(rock_salt()), conventional(bulk("ZnS", "zincblende", a=5.41))

    def found(crystal, miller):
        return [slab.is_symmetric for slab in cut_slabs(crystal, miller, thickness_A=10, vacuum_A=12)]

    assert found(salt, (1, 0, 0)) == [True]
    assert found(salt, (1, 1, 0)) == [True]
    assert found(salt, (1, 1, 1)) == [False]  # one face of Li, one of Cl
    assert found(blende, (1, 1, 0)) == [True]
    assert found(blende, (1, 0, 0)) == [False]
    polar = cut_slabs(blende, (1, 1, 1), thickness_A=10, vacuum_A=12)
    assert [slab.is_symmetric for slab in polar] == [False, False]
    assert [slab.broken_bonds for slab in polar] == [1, 3]  # Zn has one bond up and three down


def test_a_polar_slab_has_the_dipole_of_its_charged_planes():
    crystal = conventional(rock_salt())
    (flat,) = cut_slabs(crystal, (1, 0, 0), thickness_A=10, vacuum_A=12)
    (polar,) = cut_slabs(crystal, (1, 1, 1), thickness_A=10, vacuum_A=12)
    assert flat.dipole_e_A == pytest.approx(0, abs=1e-9)
    assert not flat.is_polar
    # Each pair of planes has one charge on a²√3/4 over a/2√3.
    pairs = len(polar.atoms) / 2
    assert abs(polar.dipole_e_A) == pytest.approx(pairs * (5.0 / 12**0.5) / (25.0 * 3**0.5 / 4))
    assert polar.is_polar
    (metal,) = cut_slabs(conventional(bulk("Al")), (1, 0, 0), thickness_A=10, vacuum_A=12)
    assert metal.dipole_e_A is None


def test_a_face_stays_itself_when_it_is_turned_and_shifted_and_not_when_it_is_reversed():
    (slab,) = cut_slabs(conventional(rock_salt()), (1, 1, 1), thickness_A=10, vacuum_A=12)
    turned = widened(slab.atoms, width_A=1.0)
    turned.rotate(25, "z", rotate_cell=True)
    turned.positions[:, :2] += [0.7, 1.1]
    assert are_alike(face_signature(slab.atoms, top=True), face_signature(turned, top=True))
    upside_down = slab.atoms.copy()
    upside_down.positions[:, 2] *= -1
    assert not are_alike(face_signature(slab.atoms, top=True), face_signature(upside_down, top=True))
    assert are_alike(face_signature(slab.atoms, top=True), face_signature(upside_down, top=False))


def test_a_slab_lies_flat_with_the_density_of_its_crystal():
    crystal = conventional(bulk("Ti", "hcp", a=2.95, c=4.68))
    for miller in ((1, 0, 1), (2, 1, 3)):
        (slab, *_) = cut_slabs(crystal, miller, thickness_A=12, vacuum_A=15)
        cell = slab.atoms.cell.array
        assert cell[[0, 0, 1, 2, 2], [1, 2, 2, 0, 1]] == pytest.approx(np.zeros(5), abs=1e-9)
        assert slab.atoms.positions[:, 2].min() == pytest.approx(0, abs=1e-9)
        assert cell[2, 2] - thickness_A(slab.atoms) == pytest.approx(15)
        planes = thickness_A(slab.atoms) * slab.area_A2 * len(crystal) / crystal.get_volume()
        assert len(slab.atoms) * 0.75 < planes < len(slab.atoms)  # the last distance between planes is missing
        wide = widened(slab.atoms, width_A=9.0)
        edges = np.linalg.norm(wide.cell.array[:2], axis=1)
        assert min(area_A2(wide) / edges) >= 9.0 - 1e-6


def test_a_face_that_moves_far_is_called_rebuilt(tmp_path):
    """Two layers of a square lattice that are far from the crystal's own distance."""
    (surface,), rest = ranked(bulk("Al"), METAL, [(1, 0, 0)], tmp_path)
    moved = surface.slab.atoms.copy()
    moved.positions[moved.positions[:, 2].argmax(), 2] += 1.3
    slab = Slab(moved, (1, 0, 0), 0.9, False, 0)
    evaluation = BatchedEvaluation(Pairs(METAL))
    (given,) = relax_cells([rest], evaluation, force_eV_A=1e-3, steps=200)
    (found,) = rank_surfaces([slab], given, evaluation, settings=SETTINGS, folder=tmp_path)
    assert found.status == REBUILT
    assert found.row()["meaning"] == "mean of two unlike faces"
    assert found.energy_J_m2 == pytest.approx(surface.energy_J_m2, abs=1e-3)


def test_slabs_that_are_kept_are_not_relaxed_again(tmp_path):
    first = study_surface(rock_salt(), Pairs(SALT), settings=SETTINGS, folder=tmp_path)
    again = Pairs(SALT)
    assert study_surface(rock_salt(), again, settings=SETTINGS, folder=tmp_path) == first
    assert again.evaluations == 0
    assert json.dumps(first)
    assert first["surfaces"][0]["status"] == OK
    assert first["surfaces"][0]["symmetric"]


def test_a_crystal_that_the_potential_does_not_keep_is_flagged(tmp_path):
    kept, far = (
        study_surface(rock_salt(edge_A), Pairs(SALT), settings=SETTINGS, folder=tmp_path) for edge_A in (5.0, 5.5)
    )
    assert kept["flags"] == []
    volumes_A3 = [record["volume_change"] + 1 for record in (kept, far)] * np.array([5.0**3, 5.5**3])
    assert volumes_A3[1] == pytest.approx(volumes_A3[0], rel=1e-3)
    assert far["flags"] == [f"volume out of range: LiCl changes by {far['volume_change']:+.0%} when it is relaxed"]


@pytest.mark.parametrize(
    ("crystal", "changes", "sentence"),
    [
        (rock_salt(), {"millers": [[0, 0, 0]]}, r"^--miller 0,0,0 is no plane; give such as 1,0,0\.$"),
        (rock_salt(), {"thickness_A": 4.0}, r"^A slab of 2\.\d Å is thinner than the cutoff of 6 Å: its faces"),
        (rock_salt(), {"vacuum_A": 5.0}, r"^--vacuum 5 is thinner than the cutoff of 6 Å; raise it\.$"),
        (Atoms("CO", [[0, 0, 0], [0, 0, 1.1]], cell=[20, 20, 20], pbc=True), {}, "^CO is a molecule or a slab, and no"),
        (Atoms("CO", [[0, 0, 0], [0, 0, 1.1]]), {}, "^CO is a molecule or a slab, and no crystal"),
        (bulk("Es", "fcc", a=5.0), {}, "^The covalent radius of Es is unknown; take these elements out.$"),
        (rock_salt(), {"duration_ps": -1.0}, "^--duration cannot be negative; 0 runs no dynamics.$"),
        (rock_salt(), {"duration_ps": 0.006}, "^--duration holds fewer than two frames"),
        (rock_salt(), {"replicas": 0}, "^--steps, --replicas and --terminations have to be above 0"),
        (rock_salt(), {"temperatures_K": [300.0, 0.0]}, "^--temperature has to be above 0 over the whole --ramp"),
        (rock_salt(), {"temperatures_K": [300.0, 300.0]}, "^--temperature names one twice; --replicas repeats"),
        (rock_salt(), {"ramp_K": -300.0}, "^--temperature has to be above 0 over the whole --ramp"),
        (rock_salt(), {"made": 2.0}, "^--made has to be above 0 and below --broken"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence(crystal, changes, sentence, tmp_path):
    with pytest.raises(InputError, match=sentence):
        study_surface(crystal, Pairs(SALT), settings=SETTINGS | changes, folder=tmp_path)


@pytest.mark.parametrize(
    ("command", "words", "sentence"),
    [
        (surface, ["LiCl.cif", "--gas", "CO2:-1"], "--gas: CO2:-1 cannot be"),
        (surface, ["LiCl.cif", "--gas", "Xy7:1"], "--gas: the molecule 'Xy7' is unknown"),
        (surface, ["LiCl.cif", "--miller", "0,0,0"], "--miller 0,0,0 is no plane; give three whole numbers"),
        (surface, ["LiCl.cif", "--miller", "1,0"], "--miller 1,0 is no plane"),
        (surface, ["LiCl.cif"], "--potential: 'none' is no file, and none of"),
        (surface, ["absent.cif"], "absent.cif"),
        (interface, ["LiCl.cif", "LiCl.cif", "--miller-upper", "a,b,c"], "--miller-upper a,b,c is no plane"),
        (interface, ["LiCl.cif", "LiCl.cif"], "--potential: 'none' is no file, and none of"),
    ],
)
def test_commands_refuse_in_a_sentence(command, words, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rock_salt().write("LiCl.cif")
    said = called(command, *words, "--potential", "none")
    assert said.exit_code == 1
    assert sentence in said.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["LiCl.cif"]


def test_the_command_ranks_surfaces_by_a_model_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rock_salt(5.13).write("LiCl.cif")
    demo = REPOSITORY / "config/presets/demo"
    sha256 = (demo / "potentials.tsv").read_text().splitlines()[1].split("\t")[2]
    options = ["--potential", demo / "distilled.model", "--sha256", sha256, "--thickness", 10, "--duration", 0]
    said = called(surface, "LiCl.cif", *options)
    assert said.exit_code == 0, said.output
    (row,) = json.loads((tmp_path / "surface/surface.json").read_text())["surfaces"]
    assert row["status"] == OK
    assert f"(1 0 0) cut 0.250: {row['surface_energy_J_m2']:.3f} J/m², of each face, ok" in said.output
