"""Elastic constants beside lattice sums and pymatgen's fit; moduli beside closed forms."""

import json

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.units import GPa
from click.testing import CliRunner
from lennard_jones import CUTOFF_A, SIGMA_A, EPSILON_eV, LennardJones
from pymatgen.analysis.elasticity import ElasticTensor as PymatgenTensor
from pymatgen.analysis.elasticity import Strain, Stress

from saltflow.base.errors import InputError, SaltflowError
from saltflow.studies.mechanics.elastic_tensor import fit_tensor, strained
from saltflow.studies.mechanics.glass_replicas import over_replicas
from saltflow.studies.mechanics.mechanics_study import _stresses, check_settings, study_mechanics
from saltflow.studies.mechanics.moduli import Moduli, bounds, hill, of_directions, universal_anisotropy

STRAINS = (0.005, 0.01)
SETTINGS = {"strains": list(STRAINS), "force_eV_A": 1e-3, "steps": 300, "glass": False, "potential": "argon"}
ALUMINIUM = {"C11": 107.3, "C12": 60.9, "C44": 28.3}  # GPa, as an example of a cubic crystal


class Argon(LennardJones):
    """What the engine asks of a potential, for as many cells of argon as come."""

    evaluated_by = "Lennard-Jones"

    def __init__(self):
        super().__init__(1)

    def check_elements(self, numbers, *, composition):
        pass

    def on(self, numbers, system):
        return LennardJones(int(np.bincount(system)[0]))


def cubic(C11: float, C12: float, C44: float) -> np.ndarray:
    tensor = np.diag([C11 - C12] * 3 + [C44] * 3)
    tensor[:3, :3] += C12
    return tensor


def stresses_of(tensor_GPa: np.ndarray, *, cubic_term: float = 0.0) -> dict[tuple[int, float], np.ndarray]:
    """Stresses of a solid of known constants, with a term even in the strain and one of the third order."""
    found = {}
    for direction in range(6):
        for strain in (*STRAINS, *(-each for each in STRAINS)):
            found[direction, strain] = tensor_GPa[:, direction] * (strain + cubic_term * strain**3) + 30 * strain**2
    return found


def test_known_constants_come_back_whatever_is_even_in_the_strain():
    random = np.random.default_rng(3)
    tensor = random.normal(size=(6, 6))
    tensor = tensor @ tensor.T + 5 * np.eye(6)
    fitted = fit_tensor(stresses_of(tensor), STRAINS)
    assert fitted.constants_GPa == pytest.approx(tensor, abs=1e-9)
    assert fitted.asymmetry_GPa < 1e-9
    assert fitted.is_linear
    assert fitted.is_stable
    assert not fit_tensor(stresses_of(tensor, cubic_term=-2000), STRAINS).is_linear
    assert not fit_tensor(stresses_of(tensor - 1.1 * np.linalg.eigvalsh(tensor)[0] * np.eye(6)), STRAINS).is_stable


def test_the_fit_is_pymatgens():
    tensor = cubic(**ALUMINIUM)
    stresses = stresses_of(tensor)
    cell = bulk("Al", cubic=True)
    strains = [Strain(strained(cell, *key).cell.array @ np.linalg.inv(cell.cell.array) - np.eye(3)) for key in stresses]
    matrices = [Stress(_full(stress)) for stress in stresses.values()]
    other = PymatgenTensor.from_independent_strains(strains, matrices, eq_stress=Stress(np.zeros((3, 3))), tol=1e-8)
    ours = fit_tensor(stresses, STRAINS)
    assert ours.constants_GPa == pytest.approx(np.asarray(other.voigt), abs=0.05)
    upper, lower = bounds(tensor)
    known = PymatgenTensor.from_voigt(tensor)
    assert (upper.bulk_GPa, upper.shear_GPa) == pytest.approx((known.k_voigt, known.g_voigt))
    assert (lower.bulk_GPa, lower.shear_GPa) == pytest.approx((known.k_reuss, known.g_reuss))
    assert (hill(tensor).bulk_GPa, hill(tensor).shear_GPa) == pytest.approx((known.k_vrh, known.g_vrh))
    assert universal_anisotropy(tensor) == pytest.approx(known.universal_anisotropy)
    assert hill(tensor).youngs_GPa * 1e9 == pytest.approx(known.y_mod)
    assert hill(tensor).poissons_ratio == pytest.approx(known.homogeneous_poisson)


def _full(voigt: np.ndarray) -> np.ndarray:
    xx, yy, zz, yz, xz, xy = voigt
    return np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])


def test_an_isotropic_solid_says_the_same_in_every_direction():
    bulk_GPa, shear_GPa = 20.0, 8.0
    tensor = cubic(bulk_GPa + 4 * shear_GPa / 3, bulk_GPa - 2 * shear_GPa / 3, shear_GPa)
    bulks, shears = of_directions(tensor)
    assert bulks == pytest.approx(np.full(3, bulk_GPa))
    assert shears == pytest.approx(np.full(6, shear_GPa))
    assert universal_anisotropy(tensor) == pytest.approx(0, abs=1e-12)
    assert Moduli(bulk_GPa, shear_GPa).youngs_GPa == pytest.approx(9 * 20 * 8 / 68)


def lattice_sums_GPa(edge_A: float) -> dict[str, float]:
    """C11, C12 and C44 of fcc atoms in pairs, at rest and without stress (Born and Huang, 1954)."""
    cell = bulk("Ar", "fcc", a=edge_A, cubic=True).repeat(5)
    apart = cell.positions - cell.positions[len(cell) // 2]
    apart -= edge_A * 5 * np.round(apart / (edge_A * 5))
    distance = np.linalg.norm(apart, axis=1)
    apart, distance = (each[(distance > 0) & (distance < CUTOFF_A)] for each in (apart, distance))
    sixth = (SIGMA_A / distance) ** 6
    first = 24 * EPSILON_eV * (sixth - 2 * sixth**2) / distance
    second = 24 * EPSILON_eV * (26 * sixth**2 - 7 * sixth) / distance**2
    weight = (second - first / distance) / distance**2 / (2 * edge_A**3 / 4)
    x, y = apart[:, 0], apart[:, 1]
    return {
        "C11": float((weight * x**4).sum() / GPa),
        "C12": float((weight * x**2 * y**2).sum() / GPa),
    }


def test_argon_has_the_constants_of_its_lattice_sums(tmp_path):
    cell = bulk("Ar", "fcc", a=5.3, cubic=True).repeat(3)
    cell.rattle(0.02, seed=1)
    record = study_mechanics(cell, Argon(), settings=SETTINGS, folder=tmp_path)
    assert record["status"] == "ok"
    relaxed = ase.io.read(tmp_path / "relaxed.extxyz")
    edge_A = relaxed.get_volume() ** (1 / 3) / 3
    expected, found = lattice_sums_GPa(edge_A), np.array(record["elastic_constants_GPa"])
    largest = expected["C11"]
    assert found[:3, :3].diagonal() == pytest.approx(np.full(3, expected["C11"]), abs=0.02 * largest)
    # By Cauchy's relation the shear constant of pairs is C12.
    others = [found[0, 1], found[0, 2], found[1, 2], *found[3:, 3:].diagonal()]
    assert others == pytest.approx(np.full(6, expected["C12"]), abs=0.02 * largest)
    assert (tmp_path / "mechanics.svg").stat().st_size > 0


def test_a_direction_that_is_kept_is_not_computed_again(tmp_path):
    cell = bulk("Ar", "fcc", a=5.25, cubic=True).repeat(3)
    first = study_mechanics(cell, Argon(), settings=SETTINGS | {"glass": True}, folder=tmp_path)
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("stresses_*.json")}
    assert len(kept) == 6
    again = study_mechanics(cell, Argon(), settings=SETTINGS | {"glass": True}, folder=tmp_path)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert again == first
    assert not first["isotropic"] or first["universal_anisotropy"] <= 0.5
    study_mechanics(cell, Argon(), settings=SETTINGS | {"strains": [0.002]}, folder=tmp_path)
    assert all(path.stat().st_mtime_ns > time for path, time in kept.items())


def test_another_solid_in_the_same_folder_is_another_study(tmp_path):
    """An atom at the origin stays there in every cell."""
    atom = Atoms("Ar", cell=np.diag([15.0, 15.0, 15.0]), pbc=True)
    other = Atoms("Kr", cell=np.diag([16.0, 15.0, 15.0]), pbc=True)
    keys = set()
    for each in (atom, other, Atoms("Ar", cell=other.cell, pbc=True)):
        _stresses(each, Argon(), SETTINGS, tmp_path, "X")
        keys.add(json.loads((tmp_path / "stresses_xx.json").read_text())["key"])
    assert len(keys) == 3


def test_replicas_of_one_glass_give_a_mean_with_an_error():
    def replica(shear_GPa: float, status: str = "ok") -> dict:
        moduli = Moduli(20.0, shear_GPa).record()
        return {"formula": "LiCl", "status": status, "density_g_cm3": 2.0, "moduli": moduli}

    found = over_replicas([replica(7.0), replica(9.0), replica(50.0, status="not relaxed")])
    assert (found["replicas"], found["left_out"]) == (2, 1)
    assert found["shear_GPa"]["value"] == pytest.approx(8.0)
    assert found["shear_GPa"]["error"] == pytest.approx(1.837, abs=1e-3)  # Student's factor of one degree of freedom
    with pytest.raises(SaltflowError, match=r"^1 of 2 replicas of LiCl are ok; a mean needs two\.$"):
        over_replicas([replica(7.0), replica(9.0, status="unstable")])
    with pytest.raises(SaltflowError, match=r"are no replicas of one glass"):
        over_replicas([replica(7.0), replica(9.0) | {"formula": "NaCl"}])


@pytest.mark.parametrize("strains", [[], [0.0], [0.2], [0.01, 0.01], [-0.01]])
def test_strains_that_no_solid_bears_are_refused(strains):
    with pytest.raises(InputError, match=r"--strains has to list different values in \(0, 0\.05\]"):
        check_settings(SETTINGS | {"strains": strains})


def test_bad_input_is_one_sentence(tmp_path, monkeypatch):
    from saltflow.studies.mechanics.command import command

    monkeypatch.chdir(tmp_path)
    Atoms("Ar", cell=[5, 5, 5], pbc=True).write("argon.cif")
    for options, sentence in (
        (["--strains", "a"], "--strains is no list of numbers; give such as 0.005,0.01."),
        (["--potential", "no-such"], "--potential: 'no-such' is no file, and none of"),
    ):
        said = CliRunner().invoke(command, ["argon.cif", "--potential", "x", *options])
        assert said.exit_code != 0
        assert sentence in str(said.exception) + said.output
