"""Replay structures labelled by the foundation: its forces, its energies on the reference's zero, refused sets."""

import logging
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.stress import voigt_6_to_full_3x3_stress
from dispersion_cases import by_library_at_cutoff
from mace_models import make_model, rock_salt, save_models

from saltflow.base.errors import SaltflowError
from saltflow.base.provenance import sha256_of_file
from saltflow.learning.foundations import Foundation, FoundationBaseline, read_foundation
from saltflow.learning.pseudolabels import (
    ReplaySet,
    check_elements,
    label_structures,
    load_teacher,
    read_structures,
)
from saltflow.learning.train_check import TrainingRequest

ISOLATED_EV = {3: -4.0, 17: -6.5}  # of the reference; the foundation has -1 and -2


def crystal(*, lithium: int = 4, seed: int = 0, **changed: str) -> Atoms:
    """Eight atoms on displaced sites of rock salt; `lithium` of them are Li, other symbols stand at given sites."""
    atoms = rock_salt(repeats=(2, 2, 1), rattle_A=0.15, seed=seed)
    atoms.symbols = "Li" * lithium + "Cl" * (8 - lithium)
    for site, symbol in changed.items():
        atoms.symbols[int(site.removeprefix("site"))] = symbol
    return atoms


def numbered(cells: list[Atoms]) -> list[Atoms]:
    for number, cell in enumerate(cells, start=1):
        cell.info = {"structure_number": number}
    return cells


@pytest.fixture(scope="module")
def foundation(tmp_path_factory) -> Path:
    return save_models(tmp_path_factory.mktemp("foundation"))[0]


def teacher(foundation: Path, *, dispersion: str = "none"):
    return load_teacher(
        foundation,
        sha256=sha256_of_file(foundation),
        isolated_atoms_eV=ISOLATED_EV,
        dispersion=dispersion,
        device="cpu",
    )


def named(path: Path, cells: list[Atoms], **changes: str) -> dict:
    """The entry of the settings that names these structures."""
    ase.io.write(path, cells)
    return {"path": str(path), "sha256": sha256_of_file(path), "dispersion": "none"} | changes


def read(folder: Path, cells: list[Atoms], *, elements: tuple[str, ...] = ("Li", "Cl")) -> ReplaySet:
    return read_structures(named(folder / "set.extxyz", cells), elements=elements)


# ── labels ─────────────────────────────────────────────────────────────────────────────────────


def test_forces_and_stresses_are_those_of_the_foundation_and_energies_have_the_zero_of_the_reference(foundation):
    """Compare with mace's own calculator, which takes powers of its repulsion in torch's default precision."""
    from mace.calculators import MACECalculator

    cells = numbered([crystal(seed=1), crystal(seed=2), crystal(lithium=6, seed=3)])
    calculator = MACECalculator(models=[make_model(seed=1)], device="cpu", default_dtype="float64")
    labels = label_structures(cells, teacher(foundation))
    differences = []
    for cell, label in zip(cells, labels, strict=True):
        cell.calc = calculator
        zero = {"Li": -4.0 + 1.0, "Cl": -6.5 + 2.0}
        assert label.arrays["REF_forces"] == pytest.approx(cell.get_forces(), abs=1e-8)
        assert np.abs(cell.get_forces()).max() > 0.01
        stress = voigt_6_to_full_3x3_stress(cell.get_stress())
        assert label.info["REF_stress"] == pytest.approx(stress, abs=1e-9)
        differences.append(label.info["REF_energy"] - cell.get_potential_energy())
        assert differences[-1] == pytest.approx(sum(zero[symbol] for symbol in cell.symbols), abs=1e-7)
    assert differences[0] == pytest.approx(differences[1], abs=1e-7), "same composition, same difference of energy"
    assert "REF_energy" not in cells[0].info


def test_dispersion_that_the_foundation_lacks_is_added(foundation):
    cells = numbered([crystal(seed=1)])
    (without,) = label_structures(cells, teacher(foundation))
    (with_it,) = label_structures(cells, teacher(foundation, dispersion="D3(BJ) of PBE"))
    energy, forces, stress = by_library_at_cutoff(cells[0])
    assert with_it.info["REF_energy"] - without.info["REF_energy"] == pytest.approx(energy, rel=1e-5)
    assert with_it.arrays["REF_forces"] - without.arrays["REF_forces"] == pytest.approx(forces, abs=1e-6)
    assert with_it.info["REF_stress"] - without.info["REF_stress"] == pytest.approx(stress, rel=1e-4, abs=1e-8)


def labelled_otherwise(seed: int, **changed: object) -> Atoms:
    """A frame as another reference labelled it: energy, forces and stress that must not be read."""
    frame = crystal(seed=seed, **changed)
    frame.info |= {"composition": "LiCl", "lineage": f"cell{seed}", "REF_energy": 1e4, "REF_stress": np.eye(3)}
    frame.arrays["REF_forces"] = np.full((8, 3), 1e4)
    return frame


def test_frames_of_another_reference_are_labelled_anew_by_the_foundation(foundation, tmp_path):
    files = {name: tmp_path / f"{name}.extxyz" for name in ("replayed", "foundation_heldout")}
    ase.io.write(files["replayed"], [labelled_otherwise(1), labelled_otherwise(2, site0="Na"), labelled_otherwise(3)])
    ase.io.write(files["foundation_heldout"], [labelled_otherwise(4)])
    start = {"kind": "file", "sha256": sha256_of_file(foundation)}
    files = {"foundation": str(foundation)} | {name: str(path) for name, path in files.items()}
    training = {"dtype": "float64", "relabelled_dispersion": "D3(BJ) of PBE"}
    found = read_foundation(start, files, training=training, elements=["Cl", "Li"])
    assert (len(found.train), len(found.heldout), found.structures.excluded) == (2, 1, 1)
    assert not {"REF_energy", "REF_stress"} & found.train[0].info.keys()
    assert "REF_forces" not in found.train[0].arrays
    assert found.train[1].info["composition"] == "LiCl", "so that a composition can be left out"
    request = TrainingRequest("licl", ISOLATED_EV, training, frames=2, batch=1, resumed_epoch=0)
    valid = label_structures(numbered([crystal(seed=9)]), teacher(foundation))
    again = FoundationBaseline(found, valid, request, device="cpu").with_labels(found.train, tmp_path)
    expected = label_structures(numbered([crystal(seed=1)]), teacher(foundation, dispersion="D3(BJ) of PBE"))
    assert again[0].info["REF_energy"] == pytest.approx(expected[0].info["REF_energy"], abs=1e-6)
    assert again[0].arrays["REF_forces"] == pytest.approx(expected[0].arrays["REF_forces"], abs=1e-6)


def test_frames_of_another_reference_without_a_known_one_are_refused(foundation, tmp_path):
    path = tmp_path / "train.extxyz"
    ase.io.write(path, [labelled_otherwise(1, site0="Na")])
    start = {"kind": "file", "sha256": sha256_of_file(foundation)}
    files = {"foundation": str(foundation), "replayed": str(path)}
    with pytest.raises(SaltflowError, match="no training frame of the foundation holds only Cl, Li; choose naive, fro"):
        read_foundation(start, files, training={"relabelled_dispersion": "none"}, elements=["Cl", "Li"])


def test_a_prediction_that_is_not_finite_is_refused(foundation):
    (cell,) = numbered([crystal()])
    cell.positions[1] = cell.positions[0]
    with pytest.raises(
        SaltflowError, match=r"replay_structures: .* no finite .* for structure 1, Cl4Li4, .* remove it"
    ):
        label_structures([cell], teacher(foundation))


def test_a_resumed_training_reads_its_labels_again(foundation, tmp_path):
    structures = read(tmp_path, [crystal(lithium=count, seed=count) for count in (2, 3, 4, 5)])
    request = TrainingRequest("licl", ISOLATED_EV, {"dtype": "float64"}, frames=2, batch=1, resumed_epoch=0)
    valid = label_structures(numbered([crystal(seed=9)]), teacher(foundation))
    start = FoundationBaseline(
        Foundation(foundation, structures.train, structures.heldout, structures), valid, request, device="cpu"
    )
    first = start.with_labels(structures.train[:2], tmp_path)
    (kept,) = tmp_path.glob("pseudolabels-*.extxyz")
    kept.write_text(kept.read_text().replace("REF_energy=-", "REF_energy=-1"))
    again = start.with_labels(structures.train[:2], tmp_path)
    assert again[0].info["REF_energy"] < first[0].info["REF_energy"] - 1, "read, not predicted"
    other = start.with_labels(structures.train[1:3], tmp_path)
    assert other[0].info["REF_energy"] == first[1].info["REF_energy"], "another draw is another file"


# ── structures ─────────────────────────────────────────────────────────────────────────────────


def test_a_tenth_is_held_out_by_formula_and_always_the_same(tmp_path):
    cells = [crystal(lithium=count, seed=seed) for count in (1, 2, 3, 5, 6, 7) for seed in range(4)]
    cells += [crystal(seed=seed).repeat((seed + 1, 1, 1)) for seed in range(2)]  # a cell and its supercell
    found = read(tmp_path, cells)
    assert len(found.train) + len(found.heldout) == 26
    assert {each.get_chemical_formula() for each in found.heldout} == {"Cl4Li4", "Cl8Li8"}
    turned = read(tmp_path, cells[::-1])
    assert {each.get_chemical_formula() for each in turned.heldout} == {"Cl4Li4", "Cl8Li8"}
    assert read(tmp_path, cells[:4]).heldout == []
    assert len(read(tmp_path, cells[:4]).train) == 4


def test_where_every_formula_is_more_than_a_tenth_the_rarest_is_held_out(tmp_path):
    found = read(tmp_path, [crystal(lithium=2), crystal(lithium=3), crystal(lithium=3, seed=1)])
    assert [each.get_chemical_formula() for each in found.heldout] == ["Cl6Li2"]


def test_structures_with_other_elements_are_excluded_and_counted(tmp_path, caplog):
    cells = [crystal(lithium=2), crystal(site0="Zr"), crystal(lithium=3), crystal(site5="Zr")]
    with caplog.at_level(logging.INFO, logger="saltflow"):
        found = read(tmp_path, cells)
    assert found.excluded == 2
    assert "2 of 4 structures to replay have other elements and are excluded" in caplog.text
    assert sorted(each.info["structure_number"] for each in (*found.train, *found.heldout)) == [1, 3]
    assert found.elements == {"Li", "Cl", "Zr"}
    check_elements(found, [3, 17, 40])
    with pytest.raises(SaltflowError, match=r"replay_structures: structures hold Zr, which the foundation does not kn"):
        check_elements(found, [3, 17])


def test_labels_in_the_file_of_structures_are_ignored(tmp_path):
    cell = crystal(lithium=2)
    cell.info |= {"REF_energy": 7.0, "config_type": "IsolatedAtom"}
    cell.arrays["REF_forces"] = np.ones((8, 3))
    path = tmp_path / "set.traj"
    (found,) = read_structures(named(path, [cell]), elements=["Li", "Cl"]).train
    assert found.info == {"structure_number": 1}
    assert set(found.arrays) == {"numbers", "positions"}
    assert found.positions == pytest.approx(cell.positions)


def surface() -> Atoms:
    atoms = crystal()
    atoms.pbc = (True, True, False)
    return atoms


def broken() -> Atoms:
    atoms = crystal()
    atoms.positions[0, 0] = np.nan
    return atoms


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        (
            [crystal(), surface()],
            r"structure 2 of \S+set\.xyz, Cl4Li4, is not periodic in three directions; remove it",
        ),
        ([broken()], r"structure 1 of \S+set\.xyz, Cl4Li4, has a position or an edge that is not a number; remove it"),
        ([crystal(site0="Zr")], r"none of the 1 structures of \S+ holds only Cl, Li, which the potential learns; name"),
    ],
)
def test_unusable_structures_are_refused(tmp_path, cells, sentence):
    with pytest.raises(SaltflowError, match=r"^learning\.training\.replay_structures: " + sentence):
        read_structures(named(tmp_path / "set.xyz", cells), elements=["Li", "Cl"])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, r"\S+set\.extxyz does not exist; correct its path\.$"),
        ("", r"\S+set\.extxyz holds no structures; name a set that does\.$"),
        ("no structures\n", r"\S+set\.extxyz cannot be read as structures \(.*\); give extended XYZ or another format"),
        ("other", r"\S+set\.extxyz has SHA-256 \w{64} where 0{64} is pinned; restore the file\.$"),
    ],
)
def test_a_file_that_is_missing_or_has_another_hash_is_refused(tmp_path, foundation, text, sentence):
    """As a training finds it, before it reads the foundation."""
    path = tmp_path / "set.extxyz"
    if text is not None:
        path.write_text(text)
    sha256 = "0" * 64 if text in (None, "other") else sha256_of_file(path)
    training = {"replay_structures": {"path": str(path), "sha256": sha256, "dispersion": "none"}}
    start = {"kind": "file", "path": str(foundation), "sha256": sha256_of_file(foundation)}
    with pytest.raises(SaltflowError, match=r"^learning\.training\.replay_structures: " + sentence):
        read_foundation(start, {"foundation": str(foundation)}, training=training, elements=["Li", "Cl"])


def test_a_foundation_of_another_hash_stops_before_anything_is_read(tmp_path, foundation):
    training = {"replay_structures": {"path": str(tmp_path / "gone.extxyz"), "sha256": "0" * 64, "dispersion": "none"}}
    start = {"kind": "file", "path": str(foundation), "sha256": "1" * 64}
    with pytest.raises(SaltflowError, match=r"has SHA-256 \w{64} where 1{64} is pinned; it was not loaded"):
        read_foundation(start, {"foundation": str(foundation)}, training=training, elements=["Li", "Cl"])
