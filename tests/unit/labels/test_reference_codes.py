"""What Quantum ESPRESSO and GPAW do when a frame, an atom or an installation is not as it should be."""

import importlib.util
import shutil
from pathlib import Path

import pytest
from ase.build import bulk
from reference_cases import DRAFT_GPAW, DRAFT_PWSCF, borane

from saltflow.base.errors import InputError
from saltflow.labels.reference.labelling import check_elements, label_frames, label_isolated_atoms

pwscf = pytest.mark.skipif(not shutil.which("pw.x"), reason="pw.x is not installed")
gpaw = pytest.mark.skipif(not importlib.util.find_spec("gpaw"), reason="gpaw is not installed")
BOTH = [pytest.param(DRAFT_PWSCF, marks=pwscf, id="pw.x"), pytest.param(DRAFT_GPAW, marks=gpaw, id="GPAW")]


def label(atoms, reference, workdir):
    (found,) = label_frames([atoms], reference, max_force_eV_A=50.0, workdir=workdir)
    return found


@pytest.mark.parametrize("reference", BOTH)
def test_unconverged_frame_is_a_failure_after_all_fallbacks(reference, tmp_path):
    found = label(borane(), reference.model_copy(update={"max_scf": 2}), tmp_path)
    assert (found.status, found.attempts) == ("not_converged", 3)
    assert "2 steps" in found.reason


@pytest.mark.parametrize("reference", BOTH)
def test_time_limit_ends_a_frame(reference, tmp_path):
    found = label(borane(), reference.model_copy(update={"frame_timeout_s": 0.2}), tmp_path)
    assert found.status == "timeout"


@pytest.mark.parametrize("reference", BOTH)
def test_odd_electrons_are_a_wrong_spin(reference, tmp_path):
    atoms = borane()
    del atoms[1]
    assert label(atoms, reference, tmp_path).status == "wrong_spin"


@pwscf
def test_the_error_message_of_pw_x_is_the_reason(tmp_path):
    absurd = DRAFT_PWSCF.model_copy(update={"density_cutoff_Ry": 20.0})
    found = label(borane(), absurd, tmp_path)
    assert found.status == "crashed"
    assert found.reason.startswith("pw.x stopped: Error in routine ")


@pytest.mark.skipif(not Path(DRAFT_PWSCF.pseudopotential_path).is_dir(), reason="quantum-espresso-data is missing")
def test_a_program_that_prints_garbage_is_a_crash(tmp_path):
    program = tmp_path / "pw-garbage"
    program.write_text("#!/bin/sh\necho garbage\n")
    program.chmod(0o755)
    found = label(borane(), DRAFT_PWSCF.model_copy(update={"command": str(program)}), tmp_path)
    assert found.status == "crashed"
    assert "cannot be read" in found.reason


@gpaw
def test_elements_without_a_setup_or_a_spin_are_refused_together():
    with pytest.raises(InputError) as refusal:
        check_elements(DRAFT_GPAW, ["Li", "U", "Mn"])
    assert len(refusal.value.problems) == 2
    assert "GPAW has no PBE setup for U" in str(refusal.value)
    assert "Mn is open-shell" in str(refusal.value)


@gpaw
def test_a_generated_dataset_is_the_one_that_is_used(tmp_path):
    hydride = bulk("LiH", "rocksalt", a=4.0)
    generated = DRAFT_GPAW.model_copy(update={"generated_datasets": {"Li": 3}, "cutoff_eV": 250.0})
    assert generated.digest() != generated.model_copy(update={"generated_datasets": {}}).digest()
    frozen, whole = (
        label(hydride, generated.model_copy(update={"generated_datasets": each}), tmp_path) for each in ({}, {"Li": 3})
    )
    assert [each.details["valence_electrons"]["Li"] for each in (frozen, whole)] == [1, 3]
    # Each counts from its own free atoms, so that the crystal is bound almost alike.
    assert 1e-3 < abs(whole.energy_eV - frozen.energy_eV) < 0.1


@gpaw
def test_a_dataset_that_the_generator_lacks_is_refused():
    settings = DRAFT_GPAW.model_copy(update={"generated_datasets": {"Li": 2}})
    with pytest.raises(InputError, match=r"no dataset of Li with 2 valence electrons \(1, 3\); correct generated_dat"):
        check_elements(settings, ["Li", "H"])


@gpaw
def test_hydrogen_atom_of_gpaw_is_spin_polarised(tmp_path):
    # GPAW counts from the atom without spin; polarisation lowers hydrogen by 1.1 eV in PBE.
    assert label_isolated_atoms(["H"], DRAFT_GPAW, workdir=tmp_path)["H"] == pytest.approx(-1.1, abs=0.1)


@pwscf
def test_hydrogen_atom_of_pw_x_is_spin_polarised(tmp_path):
    # PBE with the right spin: -13.60 eV; without it 1 eV higher.
    assert label_isolated_atoms(["H"], DRAFT_PWSCF, workdir=tmp_path)["H"] == pytest.approx(-13.60, abs=0.2)
