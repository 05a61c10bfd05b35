"""VASP labels: inputs against an expectation, outputs with known numbers, licensed files in no product.

VASP cannot run here. The program of these tests copies an output that the test wrote: it shows that runs, crashes and
time limits are handled, and nothing about VASP.
"""

import hashlib
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from ase import Atoms
from ase.build import bulk
from pydantic import ValidationError
from vasp_files import potcar_text, vasp, vasprun_text

from saltflow.base.errors import InputError, SaltflowError
from saltflow.campaign.settings.references import VaspReference
from saltflow.labels.frames import read_frames, write_frames
from saltflow.labels.reference.label import Processes
from saltflow.labels.reference.labelling import check_elements, label_frames
from saltflow.labels.reference.ledger import label_chunk
from saltflow.labels.reference.store import LabelStore
from saltflow.labels.reference.vasp import start_backend
from saltflow.labels.reference.vasp_input import COLD, write_inputs

MATPES_PBE_D3 = """\
ALGO = Normal
EDIFF = 1e-05
ENCUT = 680.0
GGA = Pe
IBRION = -1
ICHARG = 2
ISIF = 2
ISMEAR = 0
ISPIN = 2
ISTART = 0
ISYM = 0
IVDW = 12
KGAMMA = True
KSPACING = 0.3
LAECHG = False
LASPH = True
LCHARG = False
LMAXMIX = 6
LMIXTAU = True
LORBIT = 11
LREAL = False
LVHAR = False
LVTOT = False
LWAVE = True
MAGMOM = 8*0.6
NCORE = 4
NELM = 100
NSW = 0
PREC = Accurate
SIGMA = 0.05
VDW_A1 = 0.4289
VDW_A2 = 4.4407
VDW_S8 = 0.7875
"""
POSCAR = """\
Li4 Cl4
1.0
   5.1299999999999999    0.0000000000000000    0.0000000000000000
   0.0000000000000000    5.1299999999999999    0.0000000000000000
   0.0000000000000000    0.0000000000000000    5.1299999999999999
Li Cl
4 4
direct
   0.0000000000000000    0.0000000000000000    0.0000000000000000 Li
   0.0000000000000000    0.5000000000000000    0.5000000000000000 Li
   0.5000000000000000    0.0000000000000000    0.5000000000000000 Li
   0.5000000000000000    0.5000000000000000    0.0000000000000000 Li
   0.5000000000000000    0.0000000000000000    0.0000000000000000 Cl
   0.5000000000000000    0.5000000000000000    0.5000000000000000 Cl
   0.0000000000000000    0.0000000000000000    0.5000000000000000 Cl
   0.0000000000000000    0.5000000000000000    0.0000000000000000 Cl
"""
GPA_EV_A3 = 1e9 * 1e-30 / 1.602176634e-19


def lithium_chloride() -> Atoms:
    atoms = bulk("LiCl", "rocksalt", a=5.13, cubic=True)
    atoms.info.update(composition="LiCl", lineage="LiCl/0", origin="test")
    return atoms


def incar(**changes) -> dict[str, str]:
    text = write_inputs(vasp(**changes), lithium_chloride(), unpaired=0, scf=COLD).incar
    return dict(line.split(" = ") for line in text.splitlines())


@pytest.fixture
def library(tmp_path) -> Path:
    """A POTCAR library as VASP's archive unpacks, of files that only look like POTCARs."""
    for symbol, valence in (("Li_sv", 3.0), ("Cl", 7.0), ("Ni_pv", 16.0)):
        folder = tmp_path / "library" / "POT_PAW_PBE_64" / symbol
        folder.mkdir(parents=True)
        (folder / "POTCAR").write_text(potcar_text(symbol, valence=valence))
    return tmp_path / "library"


class Program:
    """A program that leaves an output of the test's choosing where it runs, and what became of it."""

    def __init__(self, folder: Path, library: Path):
        self.folder, self.library = folder, library
        self.workdir = folder / "work"
        self.seen = folder / "seen"

    def reference(self, script: str, **changes) -> VaspReference:
        program = self.folder / "vasp_std"
        keep = f"grep ISTART INCAR >> {self.seen}; ls -m >> {self.seen}; cp POTCAR {self.folder / 'used'}"
        program.write_text(f"#!/bin/sh\n{keep}\necho $1 $2 $OMP_NUM_THREADS\n{script}\n")
        program.chmod(0o755)
        command = f"{program} {{ranks}} {{threads}}"
        return vasp(**{"command": command, "potcar_path": str(self.library), **changes})

    def output(self, atoms: Atoms, name: str = "vasprun.xml", **changes) -> Path:
        order = np.argsort(atoms.numbers, kind="stable")
        forces = np.array([[0.1 * index, -0.05 * index, 0.01] for index in range(len(atoms))])
        forces -= forces.mean(axis=0)
        numbers = {"free_energy_eV": -28.5, "forces_eV_A": forces, "stress_kBar": np.diag([10.0, 20.0, -5.0])}
        path = self.folder / name
        path.write_text(vasprun_text(atoms[order], **{**numbers, **changes}))
        return path

    def label(self, script: str, frames=None, *, limit_eV_A: float = 50.0, **changes):
        frames = frames or [lithium_chloride()]
        reference = self.reference(script, **changes)
        return list(label_frames(frames, reference, max_force_eV_A=limit_eV_A, workdir=self.workdir))


@pytest.fixture
def program(tmp_path, library) -> Program:
    return Program(tmp_path, library)


# ── inputs ─────────────────────────────────────────────────────────────────────────────────────


def test_inputs_are_those_of_the_set_and_nothing_else():
    inputs = write_inputs(vasp(), lithium_chloride(), unpaired=0, scf=COLD)
    assert inputs.incar == MATPES_PBE_D3
    assert inputs.poscar == POSCAR
    assert inputs.symbols == ("Li_sv", "Cl")
    np.testing.assert_array_equal(inputs.order, [0, 2, 4, 6, 1, 3, 5, 7])


def test_functional_and_dispersion_are_one_switch_each():
    assert "IVDW" not in incar(dispersion="none")
    scan = incar(functional="r2SCAN")
    assert (scan["METAGGA"], scan["IVDW"], scan["VDW_A1"]) == ("R2scan", "12", "0.49484001")
    assert "GGA" not in scan
    assert incar(input_set="MPStaticSet", potcar_family="PBE_54")["ENCUT"] == "520.0"
    with pytest.raises(ValidationError, match="MPStaticSet is for PBE"):
        vasp(input_set="MPStaticSet", functional="r2SCAN")


def test_fermi_smearing_is_in_electronvolt():
    smeared = incar(smearing_temperature_K=300.0)
    assert smeared["ISMEAR"] == "-1"
    assert float(smeared["SIGMA"]) == pytest.approx(0.025852, abs=1e-6)


@pytest.mark.parametrize(
    ("additions", "sentence"),
    [
        ({"PSTRESS": 10.0}, "PSTRESS must be 0"),
        ({"ISYM": 2}, "ISYM must be 0 or -1"),
        ({"ivdw": 11}, "IVDW follows from dispersion"),
        ({"NSW": 10}, "NSW is what makes a run a single point"),
        ({"NCORE": 1, "ncore": 2}, "a key twice"),
    ],
)
def test_additions_that_change_what_a_label_is_are_refused(additions, sentence):
    with pytest.raises(ValidationError, match=sentence):
        vasp(incar=additions)


def test_additions_reach_the_input_and_invalidate_labels():
    assert incar(incar={"encut": 800, "PSTRESS": 0})["ENCUT"] == "800.0"
    assert vasp(incar={"ENCUT": 800}).digest() != vasp().digest()
    assert vasp(command="other", potcar_path="elsewhere", frame_timeout_s=1.0).digest() == vasp().digest()


# ── the licensed library ───────────────────────────────────────────────────────────────────────


def test_missing_potcars_are_named_together(library):
    with pytest.raises(InputError) as refusal:
        check_elements(vasp(potcar_path=str(library)), ["Li", "Zr", "Ni", "Og"])
    assert len(refusal.value.problems) == 3
    assert "no Zr_sv of PBE_64" in str(refusal.value)
    assert "Ni is open-shell" in str(refusal.value)
    assert "MatPESStaticSet has no POTCAR for Og" in str(refusal.value)


def test_missing_or_wrong_library_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.delenv("PMG_VASP_PSP_DIR", raising=False)
    with pytest.raises(SaltflowError, match="No POTCAR library is named"):
        check_elements(vasp(), ["Li"])
    monkeypatch.setenv("PMG_VASP_PSP_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(SaltflowError, match="nowhere does not exist"):
        check_elements(vasp(), ["Li"])
    (tmp_path / "POTCAR.Li_sv").write_text(potcar_text("Li_sv", valence=3.0, exchange="CA"))
    with pytest.raises(InputError, match="LEXCH = CA, not for PBE"):
        check_elements(vasp(potcar_path=str(tmp_path)), ["Li"])


def test_no_product_holds_the_potcar(program, tmp_path):
    atoms = lithium_chloride()
    frames, labelled, ledger = (tmp_path / name for name in ("frames.extxyz", "labelled.extxyz", "ledger.tsv"))
    write_frames(frames, [atoms])
    reference = program.reference(f"cp {program.output(atoms)} vasprun.xml")
    label_chunk(
        frames,
        labelled,
        ledger,
        reference,
        reference_name="vasp",
        max_force_eV_A=50.0,
        store=LabelStore(tmp_path / "store", reference, protocol=1),
        workdir=program.workdir,
    )
    (frame,) = read_frames(labelled)
    texts = [(program.library / "POT_PAW_PBE_64" / symbol / "POTCAR").read_text() for symbol in ("Li_sv", "Cl")]
    assert (tmp_path / "used").read_text() == "".join(texts)
    digest = hashlib.sha256(texts[0].encode()).hexdigest()
    assert f"PAW_PBE Li_sv 01Jan2001 sha256:{digest}" in frame.info["potcars"]
    written = (*program.workdir.rglob("*"), *(tmp_path / "store").rglob("*"), labelled, ledger)
    everything = [path.read_text() for path in written if path.is_file()]
    assert not [text for text in everything if "VRHFIN" in text]


def test_the_potcar_of_a_killed_job_is_removed(program):
    left = program.workdir / "vasp-killed" / "POTCAR"
    left.parent.mkdir(parents=True)
    left.write_text("licensed")
    start_backend(program.reference("true"), program.workdir, Processes()).close()
    assert not left.exists()


# ── outputs ────────────────────────────────────────────────────────────────────────────────────


def test_labels_have_the_units_order_and_signs_of_ase(program):
    atoms = lithium_chloride()
    # 10 kBar = 1 GPa; VASP's positive stress is a compressed cell, whose stress is negative here.
    (label,) = program.label(f"cp {program.output(atoms, scf_energy_eV=-28.0)} vasprun.xml")
    assert label.status == "ok"
    assert label.energy_eV == -28.5
    np.testing.assert_allclose(np.diag(label.stress_eV_A3) / GPA_EV_A3, [-1.0, -2.0, 0.5], rtol=1e-6)
    in_poscar = label.forces_eV_A[[0, 2, 4, 6, 1, 3, 5, 7]]
    np.testing.assert_allclose(np.diff(in_poscar, axis=0), [[0.1, -0.05, 0.0]] * 7, atol=1e-9)
    assert label.details["code"] == "VASP 6.4.2"
    assert label.details["scf_steps"] == 3


def test_stress_keeps_its_shear(program):
    stress = np.array([[10.0, 3.0, 1.0], [3.0, 5.0, -2.0], [1.0, -2.0, 0.0]])
    (label,) = program.label(f"cp {program.output(lithium_chloride(), stress_kBar=stress)} vasprun.xml")
    np.testing.assert_allclose(label.stress_eV_A3, -0.1 * GPA_EV_A3 * stress, rtol=1e-6)


def test_unconverged_run_tries_the_fallbacks(program):
    # The first attempt uses all its steps; the second, by conjugate gradients, ends.
    stuck = program.output(lithium_chloride(), "stuck.xml", scf_steps=100)
    fine = program.output(lithium_chloride())
    script = f"if grep -q 'ALGO = All' INCAR; then cp {fine} vasprun.xml; else cp {stuck} vasprun.xml; fi"
    (label,) = program.label(script)
    assert (label.status, label.attempts) == ("ok", 2)
    outcomes = [(each["settings"], each["outcome"]) for each in label.details["scf_attempts"]]
    assert outcomes == [("cold, as the input set", "not_converged"), ("cold, ALGO All", "ok")]
    (label,) = program.label(f"cp {stuck} vasprun.xml")
    assert (label.status, label.attempts) == ("not_converged", 3)


def test_wavefunction_is_handed_on_to_the_same_atoms_alone(program):
    program.output(lithium_chloride())
    small = lithium_chloride()[:2]
    program.output(small, "small.xml")
    script = f"touch WAVECAR; if grep -q Li4 POSCAR; then cp {program.folder}/vasprun.xml .; "
    script += f"else cp {program.folder}/small.xml vasprun.xml; fi"
    labels = program.label(script, [lithium_chloride(), lithium_chloride(), small])
    assert [label.status for label in labels] == ["ok"] * 3
    seen = program.seen.read_text().splitlines()
    assert seen[::2] == ["ISTART = 0", "ISTART = 1", "ISTART = 0"]
    assert ["WAVECAR" in files for files in seen[1::2]] == [False, True, False]


def test_wrong_spin_is_refused(program):
    output = program.output(lithium_chloride())
    oszicar = "   1 F= -.28500000E+02 E0= -.28490000E+02  d E =0.0  mag=     1.9987"
    (label,) = program.label(f"cp {output} vasprun.xml; echo '{oszicar}' > OSZICAR")
    assert label.status == "wrong_spin"
    assert "1.9987 μB where 0 electrons" in label.reason
    assert label.attempts == 1


def test_odd_electrons_are_refused_before_a_run(program):
    (label,) = program.label("true", [lithium_chloride()[:1]])
    assert (label.status, label.attempts) == ("wrong_spin", 0)
    assert not program.seen.exists()


# ── the program ────────────────────────────────────────────────────────────────────────────────


def test_crash_garbage_and_silence_are_reasons(program):
    (label,) = program.label("echo 'LAPACK: Routine ZPOTRF failed!'; exit 3")
    assert (label.status, label.attempts) == ("crashed", 3)
    assert "exit code 3: LAPACK: Routine ZPOTRF failed!" in label.reason
    (label,) = program.label("echo garbage > vasprun.xml")
    assert label.status == "crashed"
    assert "vasprun.xml cannot be read" in label.reason
    (label,) = program.label("true")
    assert "left no vasprun.xml" in label.reason
    (label,) = program.label(f"head -c 2500 {program.output(lithium_chloride())} > vasprun.xml")
    assert label.status == "crashed"


def test_time_limit_ends_the_program_and_what_it_started(program):
    (label,) = program.label("sleep 60 & echo $! > ../child; wait", frame_timeout_s=0.5)
    assert (label.status, label.attempts) == ("timeout", 1)
    child = int((program.workdir / "child").read_text())
    end = time.monotonic() + 30
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < end
        time.sleep(0.02)


def test_missing_program_is_an_error(program):
    reference = vasp(command="no-such-vasp", potcar_path=str(program.library))
    labels = label_frames([lithium_chloride()], reference, max_force_eV_A=50.0, workdir=program.workdir)
    with pytest.raises(SaltflowError, match="'no-such-vasp' is not installed"):
        next(labels)


def test_ranks_and_threads_are_filled_in(program):
    reference = program.reference(f"cp {program.output(lithium_chloride())} vasprun.xml; cp program.out ../ranks")
    (label,) = label_frames(
        [lithium_chloride()],
        reference,
        max_force_eV_A=50.0,
        workdir=program.workdir,
        processes=Processes(ranks=8, threads=2),
    )
    assert label.status == "ok"
    assert (program.workdir / "ranks").read_text() == "8 2 2\n"
