"""Labelled sets in and out: numbers survive every format, and what does not belong is refused in a sentence."""

import ase.db
import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.morse import MorsePotential
from ase.calculators.singlepoint import SinglePointCalculator
from ase.units import GPa
from called import called
from reference_cases import EMT, GFN1, strained, unit_strain
from vasp_files import outcar_text, vasp, vasprun_text

from saltflow.base.errors import InputError, SaltflowError
from saltflow.base.provenance import sha256_of_file
from saltflow.labels.dataset.command import command
from saltflow.labels.dataset.consistency import energy_and_work, find_inconsistency
from saltflow.labels.dataset.duplicates import unique
from saltflow.labels.dataset.exporting import export
from saltflow.labels.dataset.importing import import_set, read_imported
from saltflow.labels.dataset.other_formats import read_labelled
from saltflow.labels.frames import read_frames, write_frames
from saltflow.materials.frame_info import FrameInfo

MORSE = {"epsilon": 0.4, "r0": 2.6, "rho0": 5.0, "rcut1": 5.0, "rcut2": 6.0}


def crystal() -> Atoms:
    return bulk("LiCl", "rocksalt", a=5.2, cubic=True)


def labelled(atoms: Atoms) -> Atoms:
    """The frame with labels of a pair potential, as ASE's calculators give them."""
    frame = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)
    frame.calc = MorsePotential(**MORSE)
    results = {"energy": frame.get_potential_energy(), "forces": frame.get_forces(), "stress": frame.get_stress()}
    frame.calc = SinglePointCalculator(frame, **results)
    return frame


@pytest.fixture(scope="module")
def walk() -> list[Atoms]:
    """Neighbouring frames, moved and strained: a walk through configurations."""
    random, frames, atoms = np.random.default_rng(1), [], crystal()
    atoms.rattle(0.2, seed=1)
    for _ in range(12):
        atoms = atoms.copy()
        atoms.positions += random.normal(scale=0.03, size=(8, 3))
        atoms = strained(
            atoms, 0.004 * random.normal() * unit_strain(0, 0) + 0.004 * random.normal() * unit_strain(1, 2)
        )
        frames.append(labelled(atoms))
    return frames


def bring_in(path, reference=GFN1, limit_eV_A=50.0):
    return import_set(path, reference, reference_name="mine", composition="LiCl", max_force_eV_A=limit_eV_A)


def same_labels(frame: Atoms, original: Atoms) -> None:
    assert frame.info["REF_energy"] == pytest.approx(original.get_potential_energy(), abs=1e-7)
    np.testing.assert_allclose(frame.arrays["REF_forces"], original.get_forces(), atol=1e-7)
    np.testing.assert_allclose(frame.info["REF_stress"], original.get_stress(voigt=False), atol=1e-8)
    np.testing.assert_allclose(frame.positions, original.positions, atol=1e-7)


# ── in ─────────────────────────────────────────────────────────────────────────────────────────


def test_extended_xyz_and_databases_give_the_same_frames(tmp_path, walk):
    ase.io.write(tmp_path / "set.extxyz", walk)
    with ase.db.connect(tmp_path / "set.db") as database:
        for frame in walk:
            database.write(frame)
    for path in (tmp_path / "set.extxyz", tmp_path / "set.db"):
        frames = bring_in(path)
        assert len(frames) == 12
        for frame, original in zip(frames, walk, strict=True):
            same_labels(frame, original)
        assert frames[0].info["dispersion"] == "D3(BJ)"
        assert frames[0].info["reference_digest"] == GFN1.digest()
        assert {frame.info["split"] for frame in frames} == {"train"}
        assert len({frame.info["lineage"] for frame in frames}) == 1


def test_stress_of_a_vasprun_has_the_sign_of_ase(tmp_path):
    atoms, forces = crystal(), np.zeros((8, 3))
    forces[0, 1], forces[3, 1] = 0.4, -0.4
    text = vasprun_text(atoms, free_energy_eV=-30.25, forces_eV_A=forces, stress_kBar=np.diag([10.0, 0.0, -10.0]))
    (tmp_path / "vasprun.xml").write_text(text)
    plain = vasp(dispersion="none")
    (frame,) = bring_in(tmp_path / "vasprun.xml", plain)
    assert frame.info["REF_energy"] == -30.25
    np.testing.assert_allclose(frame.arrays["REF_forces"], forces, atol=1e-9)
    np.testing.assert_allclose(np.diag(frame.info["REF_stress"]), [-1.0 * GPa, 0.0, 1.0 * GPa], atol=1e-9)
    with pytest.raises(SaltflowError, match="labels of PBE with dispersion none, but is declared as PBE with D3"):
        bring_in(tmp_path / "vasprun.xml", vasp())
    with pytest.raises(SaltflowError, match="labels of PBE with .*, but is declared as EMT of ASE with none"):
        bring_in(tmp_path / "vasprun.xml", EMT.model_copy(update={"functional": "PBE"}))
    unconverged = vasprun_text(
        atoms, free_energy_eV=-30.0, forces_eV_A=forces, stress_kBar=np.eye(3), scf_steps=9, most_steps=9
    )
    (tmp_path / "vasprun.xml").write_text(unconverged)
    with pytest.raises(SaltflowError, match="SCF of step 1 did not converge"):
        bring_in(tmp_path / "vasprun.xml", plain)


def ml_ab_text(frames, forces, *, stress_kbar):
    """VASP's training data, as VASP lays them out."""
    stars, equals, dashes = ("*" * 50 + "\n", "=" * 50 + "\n", "-" * 50 + "\n")

    def section(title, *lines):
        return f"     {title}\n{dashes}" + "".join(f"  {line}\n" for line in lines)

    text = " 1.0 Version\n" + stars + section("The number of configurations", len(frames))
    for number, (atoms, rows) in enumerate(zip(frames, forces, strict=True), start=1):
        kinds = dict.fromkeys(atoms.symbols)
        text += stars + f"     Configuration num. {number:6d}\n" + equals + section("System name", "LiCl") + equals
        text += section("The number of atoms", len(atoms)) + stars
        text += section("Atom types and atom numbers", *(f"{kind} {list(atoms.symbols).count(kind)}" for kind in kinds))
        text += equals + section("CTIFOR", "0.002") + equals
        for title, values in (
            ("Primitive lattice vectors (ang.)", atoms.cell.array),
            ("Atomic positions (ang.)", atoms.positions),
            ("Total energy (eV)", [[-30.25 - number]]),
            ("Forces (eV ang.^-1)", rows),
        ):
            text += section(title, *(" ".join(f"{part:.9f}" for part in row) for row in values)) + equals
        shown = [" ".join(f"{part:.6f}" for part in half) for half in (stress_kbar[:3], stress_kbar[3:])]
        text += "     Stress (kbar)\n" + dashes + section("XX YY ZZ", shown[0]) + dashes + section("XY YZ ZX", shown[1])
    return text


@pytest.mark.parametrize("name", ["ML_AB", "ML_ABN", "training data"])
def test_training_data_of_vasp_have_the_sign_of_ase(tmp_path, name):
    atoms = crystal()[[0, 2, 4, 6, 1, 3, 5, 7]]
    forces = np.round(np.random.default_rng(1).normal(size=(2, 8, 3)) * 1e-3, 9)
    text = ml_ab_text([atoms, atoms], forces, stress_kbar=[10.0, 20.0, -30.0, 1.0, 2.0, 3.0])
    (tmp_path / name).write_text(text)
    frames = read_labelled(tmp_path / name, vasp())
    assert [FrameInfo.of(frame).reference_energy_eV for frame in frames] == [-31.25, -32.25]
    expected = -0.1 * GPa * np.array([[10.0, 1.0, 3.0], [1.0, 20.0, 2.0], [3.0, 2.0, -30.0]])
    for frame, rows in zip(frames, forces, strict=True):
        np.testing.assert_allclose(FrameInfo.of(frame).reference_stress_eV_A3, expected, atol=1e-9)
        np.testing.assert_allclose(FrameInfo.of(frame).reference_forces_eV_A, rows, atol=1e-9)
        np.testing.assert_allclose(frame.positions, atoms.positions, atol=1e-8)
        assert list(frame.symbols) == list(atoms.symbols)
    (tmp_path / name).write_text(text[: int(0.8 * len(text))])
    with pytest.raises(SaltflowError, match="configuration 2 is cut or damaged"):
        read_labelled(tmp_path / name, vasp())


def test_an_outcar_gives_the_free_energy_and_the_sign_of_ase(tmp_path):
    atoms = crystal()[[0, 2, 4, 6, 1, 3, 5, 7]]
    forces = np.round(np.random.default_rng(1).normal(size=(8, 3)), 5)
    labels = {"free_energy_eV": -30.25, "forces_eV_A": forces, "stress_kBar": [10.0, 20.0, -30.0, 1.0, 2.0, 3.0]}
    tags = "   GGA     =    PE    GGA type\n   METAGGA =    --\n   IVDW = 12"
    (tmp_path / "OUTCAR").write_text(outcar_text(atoms, **labels, tags=tags))
    (frame,) = bring_in(tmp_path / "OUTCAR", vasp())
    assert frame.info["REF_energy"] == -30.25
    np.testing.assert_allclose(frame.arrays["REF_forces"], forces, atol=1e-9)
    expected = -0.1 * GPa * np.array([[10.0, 1.0, 3.0], [1.0, 20.0, 2.0], [3.0, 2.0, -30.0]])
    np.testing.assert_allclose(frame.info["REF_stress"], expected, atol=1e-9)
    np.testing.assert_allclose(frame.positions, atoms.positions, atol=1e-5)
    for others, sentence in (
        (tags.replace("PE", "PS"), "labels of GGA = PS with dispersion"),
        (tags.replace("--", "R2SCA"), "labels of r2SCAN with"),
        (f"{tags}\n   LDAU = T", r"labels of PBE \+ U with"),
        ("", "PBE with dispersion none, but is declared as PBE with D3"),
    ):
        (tmp_path / "OUTCAR").write_text(outcar_text(atoms, **labels, tags=others))
        with pytest.raises(SaltflowError, match=sentence):
            bring_in(tmp_path / "OUTCAR", vasp())
    text = outcar_text(atoms, **labels, tags=tags).replace("EDIFF is reached", "NELM is reached")
    (tmp_path / "OUTCAR").write_text(text)
    with pytest.raises(SaltflowError, match="SCF of 1 of 1 steps did not converge"):
        bring_in(tmp_path / "OUTCAR", vasp())


def test_pstress_is_refused(tmp_path):
    text = vasprun_text(crystal(), free_energy_eV=-30.0, forces_eV_A=np.zeros((8, 3)), stress_kBar=np.eye(3))
    text = text.replace('<i type="int" name="NELM">', '<i name="PSTRESS">50.0</i><i type="int" name="NELM">', 1)
    (tmp_path / "vasprun.xml").write_text(text)
    with pytest.raises(SaltflowError, match="PSTRESS = 50"):
        bring_in(tmp_path / "vasprun.xml", vasp(dispersion="none"))


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda results: results.pop("stress"), "12 of 12 frames cannot be used; the first: REF_stress is missing"),
        (lambda results: results.update(stress=results["stress"] / GPa * 10 + 9), "it may be in GPa or kBar"),
        (lambda results: results.update(forces=results["forces"] * np.nan), "not a number"),
        (lambda results: results.update(forces=results["forces"] + [500.0, 0, 0]), "above labels.max_force_eV_A"),
        (lambda results: results.update(forces=results["forces"] * 27.2114 / 0.529177), "above labels.max_force"),
        (lambda results: results.update(forces=-results["forces"]), "a unit .* or a sign is wrong"),
        (lambda results: results.update(forces=results["forces"] / 25.7), "a unit .* or a sign is wrong"),
        (lambda results: results.update(energy=results["energy"] / 27.2114), "a unit .* or a sign is wrong"),
    ],
)
def test_wrong_fields_units_and_signs_are_refused(tmp_path, walk, spoil, sentence):
    frames = []
    for frame in walk:
        results = dict(frame.calc.results)
        spoil(results)
        spoiled = frame.copy()
        spoiled.calc = SinglePointCalculator(spoiled, **results)
        frames.append(spoiled)
    ase.io.write(tmp_path / "set.extxyz", frames)
    with pytest.raises(SaltflowError, match=sentence):
        bring_in(tmp_path / "set.extxyz", limit_eV_A=40.0)


def test_energy_is_the_work_of_forces_and_stress(tmp_path, walk):
    ase.io.write(tmp_path / "set.extxyz", walk)
    frames = bring_in(tmp_path / "set.extxyz")
    pairs = energy_and_work(frames)
    assert len(pairs) == 11
    assert pairs[:, 0] @ pairs[:, 1] / (pairs[:, 1] @ pairs[:, 1]) == pytest.approx(1.0, abs=0.01)
    breathing = [labelled(strained(crystal(), 0.004 * step * np.eye(3))) for step in range(-4, 5)]
    ase.io.write(tmp_path / "breathing.extxyz", breathing)
    frames = bring_in(tmp_path / "breathing.extxyz")
    for frame in frames:
        frame.info["REF_stress"] = -frame.info["REF_stress"]
    assert "-1" in find_inconsistency(frames)


def test_a_set_of_another_method_or_other_elements_is_refused(tmp_path, walk):
    path = tmp_path / "set.extxyz"
    ase.io.write(path, walk)
    entry = {"path": str(path), "sha256": sha256_of_file(path), "reference": "mine", "composition": "LiCl"}
    common = {"reference_name": "mine", "elements": ["Cl", "Li"], "max_force_eV_A": 50.0}
    assert len(read_imported([entry], GFN1, **common)) == 12
    assert not any("temperature_K" in frame.info for frame in read_imported([entry], GFN1, **common))
    dynamics = read_imported([entry | {"md_temperature_K": 600}], GFN1, **common)
    assert {frame.info["temperature_K"] for frame in dynamics} == {600.0}
    with pytest.raises(InputError, match="declared to come from 'mine', but the potential learns from 'pbe-d3'"):
        read_imported([entry], GFN1, **common | {"reference_name": "pbe-d3"})
    with pytest.raises(SaltflowError, match="holds Cl, which no composition"):
        read_imported([entry], GFN1, **common | {"elements": ["Li"]})
    with pytest.raises(SaltflowError, match="is pinned; restore the file"):
        read_imported([entry | {"sha256": "0" * 64}], GFN1, **common)
    imported = bring_in(path)
    write_frames(path, imported)
    hotter = GFN1.model_copy(update={"electronic_temperature_K": 1000.0})
    with pytest.raises(SaltflowError, match="its own record says reference mine"):
        bring_in(path, hotter)


def test_unreadable_files_are_sentences(tmp_path):
    (tmp_path / "set.cif").write_text("data_x")
    (tmp_path / "set.xml").write_text("garbage")
    for name, sentence in (("set.cif", "can be imported"), ("set.xml", "cannot be read"), ("no.db", "does not exist")):
        with pytest.raises(SaltflowError, match=sentence):
            bring_in(tmp_path / name)


# ── duplicates ─────────────────────────────────────────────────────────────────────────────────


def test_shifted_and_wrapped_copies_are_duplicates():
    first = crystal()
    first.rattle(0.1, seed=3)
    shifted, wrapped, moved = first.copy(), first.copy(), first.copy()
    shifted.positions += [0.7, -0.3, 11.1]
    wrapped.wrap()
    moved.positions[3] += [0.0, 0.05, 0.0]
    larger = strained(first, 0.01 * np.eye(3))
    assert unique([first, shifted, moved, wrapped, larger], tolerance_A=0.01) == [0, 2, 4]
    assert unique([first, moved], tolerance_A=0.1) == [0]


def test_two_labels_of_one_structure_are_a_contradiction():
    first, second = crystal(), crystal()
    first.info["REF_energy"], second.info["REF_energy"] = -30.0, -30.0 + 8 * 0.001
    assert unique([first, second], tolerance_A=0.01) == [0]
    second.info["REF_energy"] = -29.0
    with pytest.raises(SaltflowError, match="energies differ by 0.125 eV per atom"):
        unique([first, second], tolerance_A=0.01)


# ── out ────────────────────────────────────────────────────────────────────────────────────────


def test_mace_reads_the_exported_database(tmp_path, walk):
    from mace.data.lmdb_dataset import LMDBDataset
    from mace.tools import AtomicNumberTable

    ase.io.write(tmp_path / "set.extxyz", walk)
    frames = bring_in(tmp_path / "set.extxyz")
    export(tmp_path / "set.aselmdb", frames)
    dataset = LMDBDataset(str(tmp_path / "set.aselmdb"), r_max=4.0, z_table=AtomicNumberTable([3, 17]))
    assert len(dataset) == 12
    for index in (0, 5, 11):
        found = dataset[index]
        assert float(found.energy) == pytest.approx(frames[index].info["REF_energy"], abs=1e-5)
        np.testing.assert_allclose(found.forces.numpy(), frames[index].arrays["REF_forces"], atol=1e-5)
        np.testing.assert_allclose(found.stress.numpy()[0], frames[index].info["REF_stress"], atol=1e-6)
        np.testing.assert_allclose(found.positions.numpy(), frames[index].positions, atol=1e-5)
    row = dataset.AseDB.get_atoms(dataset.AseDB.ids[3])
    assert row.info["reference"] == "mine"


def test_the_commands_import_deduplicate_and_export(tmp_path, walk):
    ase.io.write(tmp_path / "set.extxyz", [*walk, walk[0]])
    mine, sifted = tmp_path / "mine.extxyz", tmp_path / "sifted.extxyz"
    options = ["--composition", "LiCl", "--out", mine]
    imported = called(command, "import", tmp_path / "set.extxyz", "--reference", "gfn1-xtb", *options)
    assert imported.exit_code == 0
    assert f"sha256: {sha256_of_file(mine)}" in imported.stdout
    assert called(command, "deduplicate", mine, "--out", sifted).exit_code == 0
    assert len(read_frames(sifted)) == 12
    assert called(command, "export", sifted, "--out", tmp_path / "out.aselmdb").exit_code == 0
    assert called(command, "export", sifted, "--out", tmp_path / "out.zip").exit_code == 1
    unknown = called(command, "import", tmp_path / "set.extxyz", "--reference", "no", *options)
    assert unknown.exit_code == 1
    assert "name one of chgnet-pbe" in unknown.stderr


def test_frames_without_labels_are_refused(tmp_path, walk):
    write_frames(tmp_path / "bare.extxyz", [Atoms(frame.symbols, frame.positions, cell=frame.cell) for frame in walk])
    refused = called(command, "export", tmp_path / "bare.extxyz", "--out", tmp_path / "out.extxyz")
    assert refused.exit_code == 1
    assert "12 of 12 frames have no labels" in refused.stderr
