"""Universal potentials as teachers: labels are the calculator's own, and whatever is wrong with one is a sentence."""

import hashlib
import json
import subprocess
import sys
from contextlib import closing

import numpy as np
import pytest
from ase.calculators import emt
from mace.calculators import MACECalculator
from mace_models import rock_salt, save_models
from reference_cases import EMT, UNIVERSAL, copper_gold, displaced, lithium_chloride, shipped, strained, unit_strain

from saltflow.base.errors import InputError, SaltflowError
from saltflow.base.provenance import sha256_of_file
from saltflow.campaign.settings.references import UniversalReference
from saltflow.labels.frames import read_frames, write_frames
from saltflow.labels.reference.label import Processes
from saltflow.labels.reference.labelling import check_elements, label_frames, label_isolated_atoms
from saltflow.labels.reference.ledger import label_chunk, read_ledger
from saltflow.labels.reference.store import LabelStore
from saltflow.labels.reference.universal import start_backend
from saltflow.potentials.universal.atomic_energies import fitted_energy_eV
from saltflow.potentials.universal.calculators import weights_hash
from saltflow.potentials.universal.environment import find_python

# What each package itself says of a frame, by the calls of its own documentation.
BY_THE_PACKAGE = """
import json, sys, warnings
warnings.simplefilter("ignore")
import ase.io
from chgnet.model.dynamics import CHGNetCalculator
from diep.pretrained import make_calculator
from sevenn.calculator import SevenNetCalculator
own = {"chgnet-pbe": CHGNetCalculator(), "sevennet-l3i5": SevenNetCalculator("7net-l3i5"),
       "diep-r2scan": make_calculator()}
found = {}
for name, calculator in own.items():
    atoms = ase.io.read(sys.argv[1])
    atoms.calc = calculator
    found[name] = [float(atoms.get_potential_energy()), atoms.get_forces().tolist(),
                   atoms.get_stress(voigt=False).tolist()]
json.dump(found, open(sys.argv[2], "w"))
"""
SHEAR = unit_strain(2, 2) - unit_strain(0, 0) + unit_strain(0, 1)


def changed(reference, **keys):
    """The reference with other keys, checked."""
    return UniversalReference(**reference.model_dump() | keys)


def label(atoms, reference, workdir):
    (found,) = label_frames([atoms], reference, max_force_eV_A=50.0, workdir=workdir)
    return found


def refusal(reference, workdir, atoms=None):
    with pytest.raises(SaltflowError) as refused:
        label(atoms or copper_gold(), reference, workdir)
    return str(refused.value)


# ── any calculator ─────────────────────────────────────────────────────────────────────────────


def test_labels_are_those_of_the_calculator_and_derivatives_of_its_energy(tmp_path):
    atoms, step = copper_gold(), 1e-4
    move = np.zeros((4, 3))
    move[2, 1] = step
    frames = [atoms, *(strained(atoms, sign * step * SHEAR) for sign in (1, -1))]
    frames += [displaced(atoms, sign * move) for sign in (1, -1)]
    base, *ends = label_frames(frames, EMT, max_force_eV_A=50.0, workdir=tmp_path)
    own = atoms.copy()
    own.calc = emt.EMT()
    assert base.energy_eV == own.get_potential_energy()
    np.testing.assert_array_equal(base.forces_eV_A, own.get_forces())
    np.testing.assert_array_equal(base.stress_eV_A3, own.get_stress(voigt=False))
    energies_eV = [end.energy_eV for end in ends]
    stress = (energies_eV[0] - energies_eV[1]) / (2 * step) / atoms.cell.volume
    assert abs(stress) > 0.01
    assert (base.stress_eV_A3 * SHEAR).sum() == pytest.approx(stress, rel=1e-5)
    assert base.forces_eV_A[2, 1] == pytest.approx(-(energies_eV[2] - energies_eV[3]) / (2 * step), abs=1e-6)


def test_a_teacher_that_gives_no_number_or_fails_is_in_the_ledger_and_the_chunk_goes_on(tmp_path):
    reference = changed(EMT, calculator="odd_calculators.Undefined")
    wide, wider = (strained(copper_gold(), size * np.eye(3)) for size in (0.02, 0.08))
    torn = copper_gold()
    torn.positions[1] = torn.positions[0] + [0.5, 0, 0]
    write_frames(tmp_path / "in.extxyz", [wide, wider, torn, copper_gold()])
    label_chunk(
        *(tmp_path / name for name in ("in.extxyz", "out.extxyz", "ledger.tsv")),
        reference,
        reference_name="odd",
        max_force_eV_A=20.0,
        store=LabelStore(tmp_path / "store", reference, protocol=1),
        workdir=tmp_path / "work",
    )
    rows = read_ledger(tmp_path / "ledger.tsv")
    assert [row["status"] for row in rows] == ["nan", "crashed", "force_limit", "ok"]
    assert rows[1]["reason"] == "FloatingPointError: the descriptors overflow"
    (labelled,) = read_frames(tmp_path / "out.extxyz")
    assert labelled.info["reference_code"] == f"ase {EMT.version}"


def test_a_mace_file_is_a_teacher_with_its_own_energies_of_elements(tmp_path):
    (path,) = save_models(tmp_path)
    reference = changed(
        EMT,
        elements=["Li", "Cl", "Zr"],
        package="mace-torch",
        version="0.3.16",
        calculator="mace.calculators.MACECalculator",
        arguments={"model_paths": "{weights}", "default_dtype": "float64"},
        weights=str(path),
        sha256=sha256_of_file(path),
        device_argument="device",
        atomic_energies="own",
    )
    atoms = rock_salt(repeats=(1, 1, 1))
    with closing(start_backend(reference, tmp_path, Processes())) as backend:
        result = backend.compute(atoms)
        assert [backend.isolated_atom(element) for element in ("Li", "Cl", "Zr")] == [-1.0, -2.0, -3.0]
    atoms.calc = MACECalculator(model_paths=str(path), device="cpu", default_dtype="float64")
    assert result.energy_eV == pytest.approx(atoms.get_potential_energy(), abs=1e-10)
    np.testing.assert_allclose(result.stress_eV_A3, atoms.get_stress(voigt=False), atol=1e-10)


# ── energies of elements ───────────────────────────────────────────────────────────────────────


def test_fitted_energies_are_the_mean_of_loose_crystals(tmp_path):
    def by_nearest_neighbours(crystal):
        """0.5 eV per atom and −1 eV per bond at 2.6 Å, rising on both sides."""
        distances_A = crystal.repeat(3).get_all_distances(mic=True)[0]
        shell_A = distances_A[distances_A > 1e-6].min()
        bonds = (np.abs(distances_A - shell_A) < 1e-6).sum() / 2
        return len(crystal) * (0.5 - bonds * (1 - (shell_A - 2.6) ** 2))

    distances_A = np.array([1.7 * 2 * 1.32, 4.9])  # copper; 1.9 diameters are too long
    expected_eV = 0.5 - np.mean([3, 4, 6, 2]) * (1 - (distances_A - 2.6) ** 2).mean()
    assert fitted_energy_eV(by_nearest_neighbours, "Cu") == pytest.approx(expected_eV, abs=1e-9)
    fitted_eV = label_isolated_atoms(["Cu"], EMT, workdir=tmp_path)["Cu"]
    assert 0.0 < fitted_eV < 3.52  # between EMT's crystal and its single atoms


def test_given_energies_need_no_calculator_and_must_be_complete(tmp_path):
    given = {"Cu": -3.5, "Ag": -2.5, "Au": -3.8}
    reference = changed(EMT, calculator="no_such.calculator", atomic_energies=given)
    assert label_isolated_atoms(["Cu", "Au"], reference, workdir=tmp_path) == {"Cu": -3.5, "Au": -3.8}
    assert reference.identity()["atomic_energies"].startswith("given (")
    assert reference.digest() != changed(reference, atomic_energies=given | {"Cu": -3.6}).digest()
    with pytest.raises(ValueError, match="atomic_energies lacks Ag, Au of elements; add it, or write fitted"):
        changed(EMT, atomic_energies={"Cu": -3.5})


def test_energies_of_elements_that_nobody_can_read_are_refused(tmp_path):
    with pytest.raises(SaltflowError, match="EMT has no energies of elements .*; write atomic_energies: fitted"):
        label_isolated_atoms(["Cu"], changed(EMT, atomic_energies="own"), workdir=tmp_path)


# ── what is wrong with a teacher ───────────────────────────────────────────────────────────────


def test_an_element_that_it_has_not_learned_is_refused_before_anything_runs():
    with pytest.raises(InputError, match="EMT of ASE has not learned Li; choose another reference for it"):
        check_elements(changed(EMT, calculator="no_such.calculator"), ["Cu", "Li"])
    assert changed(EMT, elements=["H-Bi", "Ac-Pu"]).lacks(["Po", "Li", "Am", "U"]) == ["Am", "Po"]
    with pytest.raises(ValueError, match="'Xx' in 'H-Xx' is not an element; write elements or ranges such as H-Bi"):
        changed(EMT, elements=["H-Xx"])


def test_a_calculator_without_stress_is_refused(tmp_path):
    sentence = refusal(changed(EMT, calculator="odd_calculators.WithoutStress"), tmp_path)
    assert sentence.startswith("EMT of ASE: odd_calculators.WithoutStress gives no stress, which labels need; choose")


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (
            {"package": "no-such"},
            "the package no-such {version} is not installed; run `{python} -m pip install no-such==",
        ),
        (
            {"version": "3.0"},
            "ase {version} is installed where ase 3.0 is pinned; run `{python} -m pip install ase==3.0`.",
        ),
        ({"calculator": "ase.calculators.emt.Emt"}, "ase.calculators.emt.Emt cannot be made (AttributeError: "),
        (
            {"weights": "absent.pt", "sha256": "0" * 64, "arguments": {"path": "{weights}"}},
            "there are no weights absent.pt; correct the path.",
        ),
    ],
)
def test_what_cannot_be_made_is_a_sentence(tmp_path, keys, expected):
    sentence = refusal(changed(EMT, **keys), tmp_path)
    assert sentence.startswith("EMT of ASE: " + expected.format(version=EMT.version, python=sys.executable))


def test_weights_of_another_hash_are_not_loaded(tmp_path):
    weights = tmp_path / "model.pt"
    weights.write_bytes(b"weights")
    pinned = hashlib.sha256(b"weights").hexdigest()
    reference = changed(
        EMT,
        calculator="odd_calculators.Loading",
        arguments={"weights": "{weights}"},
        weights=str(weights),
        sha256=pinned,
    )
    assert label(copper_gold(), reference, tmp_path).status == "ok"
    mark = weights.with_suffix(".loaded")
    mark.unlink()
    weights.write_bytes(b"others")
    sentence = refusal(reference, tmp_path)
    assert f"{hashlib.sha256(b'others').hexdigest()} where {pinned} is pinned; they were not loaded" in sentence
    assert not mark.exists()


def test_the_hash_of_a_folder_is_what_a_shell_prints(tmp_path):
    for name in ("b.pt", "a.json"):
        (tmp_path / name).write_text(name)
    printed = subprocess.run("sha256sum * | sha256sum", shell=True, cwd=tmp_path, capture_output=True, text=True).stdout
    assert weights_hash(tmp_path) == printed.split()[0]


def test_a_gpu_is_refused_where_the_calculator_or_the_machine_has_none(tmp_path):
    with pytest.raises(ValueError, match=r"ase.calculators.emt.EMT runs on CPUs only .*; write device: cpu"):
        changed(EMT, device="cuda")
    blind = changed(EMT, device="cuda", device_argument="device")
    assert refusal(blind, tmp_path).endswith("sees no GPU; write device: cpu.")


@pytest.mark.parametrize(("calculator", "host"), [("Fetching", "weights.example.org"), ("FetchingLate", "192.0.2.1")])
def test_a_package_that_wants_the_network_is_stopped(tmp_path, calculator, host):
    sentence = refusal(changed(EMT, calculator=f"odd_calculators.{calculator}"), tmp_path)
    assert sentence == (
        f"EMT of ASE wants to fetch something from {host}, and nothing is fetched while jobs run: put the file on this "
        "machine and name it in weights of the reference."
    )


def test_an_environment_that_is_not_there_names_the_command_that_makes_it(tmp_path):
    with pytest.raises(SaltflowError, match=r"there is no Python .*/absent/bin/python; run `make universal` in"):
        check_elements(changed(EMT, python="absent/bin/python"), ["Cu"])


# ── the shipped potentials ─────────────────────────────────────────────────────────────────────


def crooked():
    """Lithium chloride off every symmetry and its volume."""
    return strained(lithium_chloride(rattle_A=0.15), 0.05 * SHEAR + 0.02 * np.eye(3))


@pytest.fixture(scope="module")
def by_the_packages(tmp_path_factory):
    """Energy, forces and stress of a frame by each package alone."""
    folder = tmp_path_factory.mktemp("packages")
    python = find_python(shipped(UNIVERSAL[0]))
    write_frames(folder / "frame.extxyz", [crooked()])
    command = [python, "-c", BY_THE_PACKAGE, folder / "frame.extxyz", folder / "found.json"]
    subprocess.run(command, check=True, capture_output=True)
    return json.loads((folder / "found.json").read_text())


@pytest.mark.parametrize("name", UNIVERSAL)
def test_labels_are_those_of_the_package_and_derivatives_of_its_energy(name, by_the_packages, tmp_path):
    reference, atoms, size = shipped(name), crooked(), 0.004
    with closing(start_backend(changed(reference, atomic_energies="own"), tmp_path, Processes())) as backend:
        base = backend.compute(atoms)
        along_A = 0.03 * base.forces_eV_A / np.linalg.norm(base.forces_eV_A)
        frames = [displaced(atoms, along_A), displaced(atoms, -along_A)]
        frames += [strained(atoms, size * SHEAR), strained(atoms, -size * SHEAR)]
        forth, back, sheared, sheared_back = (backend.compute(frame).energy_eV for frame in frames)
        own_eV = {element: backend.isolated_atom(element) for element in ("H", "Cl", "Zr", "Pu")}
    energy_eV, forces_eV_A, stress_eV_A3 = by_the_packages[name]
    assert base.energy_eV == pytest.approx(energy_eV, abs=1e-3)
    np.testing.assert_allclose(base.forces_eV_A, forces_eV_A, atol=2e-3)
    np.testing.assert_allclose(base.stress_eV_A3, stress_eV_A3, atol=1e-4)
    assert forth - back < -0.02
    assert -2 * (base.forces_eV_A * along_A).sum() == pytest.approx(forth - back, rel=0.02)
    assert sheared - sheared_back > 0.01
    strain_eV = 2 * size * atoms.cell.volume * (base.stress_eV_A3 * SHEAR).sum()
    assert strain_eV == pytest.approx(sheared - sheared_back, rel=0.02)
    assert own_eV == pytest.approx({element: reference.atomic_energies[element] for element in own_eV}, abs=6e-5)
    assert base.details["method"].endswith("(universal potential)")


def test_weights_that_the_wheel_lacks_are_not_fetched(tmp_path):
    reference = changed(shipped("sevennet-l3i5"), weights=None, sha256=None, arguments={"model": "7net-omni"})
    assert "wants to fetch something from github.com, and nothing is fetched" in refusal(
        reference, tmp_path, lithium_chloride()
    )
