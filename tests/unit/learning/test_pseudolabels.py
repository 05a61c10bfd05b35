"""Structures that a foundation labels itself: its own forces, its energies on another zero, and what is refused."""

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
from saltflow.learning.foundations import Foundation, Start, started_from
from saltflow.learning.pseudolabels import Structures, check_known, labelled, load_teacher, read_structures
from saltflow.learning.train_check import Asked

ISOLATED_EV = {3: -4.0, 17: -6.5}  # of the reference; the foundation has -1 and -2


def crystal(*, lithium: int = 4, seed: int = 0, **changed: str) -> Atoms:
    """Eight atoms on the sites of rock salt, displaced; as many lithium as asked, and other symbols at given sites."""
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


def read(folder: Path, cells: list[Atoms], *, elements: tuple[str, ...] = ("Li", "Cl")) -> Structures:
    return read_structures(named(folder / "set.extxyz", cells), elements=elements)


# ── labels ─────────────────────────────────────────────────────────────────────────────────────


def test_forces_and_stresses_are_the_foundations_and_energies_its_on_the_zero_of_the_reference(foundation):
    """Beside mace's own calculator."""
    from mace.calculators import MACECalculator

    cells = numbered([crystal(seed=1), crystal(seed=2), crystal(lithium=6, seed=3)])
    calculator = MACECalculator(models=[make_model(seed=1)], device="cpu", default_dtype="float64")
    labels = labelled(cells, teacher(foundation))
    differences = []
    for cell, label in zip(cells, labels, strict=True):
        cell.calc = calculator
        zero = {"Li": -4.0 + 1.0, "Cl": -6.5 + 2.0}
        assert label.arrays["REF_forces"] == pytest.approx(cell.get_forces(), abs=1e-12)
        assert np.abs(cell.get_forces()).max() > 0.01
        stress = voigt_6_to_full_3x3_stress(cell.get_stress())
        assert label.info["REF_stress"] == pytest.approx(stress, abs=1e-13)
        differences.append(label.info["REF_energy"] - cell.get_potential_energy())
        assert differences[-1] == pytest.approx(sum(zero[symbol] for symbol in cell.symbols), abs=1e-10)
    assert differences[0] == pytest.approx(differences[1], abs=1e-10), "same composition, same difference of energy"
    assert "REF_energy" not in cells[0].info


def test_dispersion_that_the_foundation_lacks_is_added_as_labels_have_it(foundation):
    cells = numbered([crystal(seed=1)])
    (without,) = labelled(cells, teacher(foundation))
    (with_it,) = labelled(cells, teacher(foundation, dispersion="D3(BJ) of PBE"))
    energy, forces, stress = by_library_at_cutoff(cells[0])
    assert with_it.info["REF_energy"] - without.info["REF_energy"] == pytest.approx(energy, rel=1e-5)
    assert with_it.arrays["REF_forces"] - without.arrays["REF_forces"] == pytest.approx(forces, abs=1e-6)
    assert with_it.info["REF_stress"] - without.info["REF_stress"] == pytest.approx(stress, rel=1e-4, abs=1e-8)


def test_a_prediction_that_is_no_number_is_refused(foundation):
    (cell,) = numbered([crystal()])
    cell.positions[1] = cell.positions[0]
    with pytest.raises(
        SaltflowError, match=r"replay_structures: .* no finite .* in structure 1, Cl4Li4, .* leave it o"
    ):
        labelled([cell], teacher(foundation))


def test_a_training_that_was_killed_finds_the_very_labels_that_it_learned(foundation, tmp_path):
    structures = read(tmp_path, [crystal(lithium=count, seed=count) for count in (2, 3, 4, 5)])
    asked = Asked("licl", ISOLATED_EV, {"dtype": "float64"}, frames=2, batch=1, resumed_epoch=0)
    valid = labelled(numbered([crystal(seed=9)]), teacher(foundation))
    start = Start(Foundation(foundation, structures.train, structures.heldout, structures), valid, asked, device="cpu")
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


def test_structures_with_elements_that_are_not_learned_are_left_out_and_counted(tmp_path, caplog):
    cells = [crystal(lithium=2), crystal(site0="Zr"), crystal(lithium=3), crystal(site5="Zr")]
    with caplog.at_level(logging.INFO, logger="saltflow"):
        found = read(tmp_path, cells)
    assert found.left_out == 2
    assert "2 of 4 structures to replay hold elements that are not learned" in caplog.text
    assert sorted(each.info["structure_number"] for each in (*found.train, *found.heldout)) == [1, 3]
    assert found.elements == {"Li", "Cl", "Zr"}
    check_known(found, [3, 17, 40])
    with pytest.raises(SaltflowError, match=r"replay_structures: structures hold Zr, which the foundation does not kn"):
        check_known(found, [3, 17])


def test_what_a_file_says_of_its_structures_is_not_read(tmp_path):
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
            r"structure 2 of \S+set\.xyz, Cl4Li4, is not periodic in three directions; leave it o",
        ),
        ([broken()], r"structure 1 of \S+set\.xyz, Cl4Li4, has a position or an edge that is not a number; leave it o"),
        ([crystal(site0="Zr")], r"none of the 1 structures of \S+ holds only Cl, Li, which the potential learns; name"),
    ],
)
def test_structures_that_cannot_be_learned_are_refused(tmp_path, cells, sentence):
    with pytest.raises(SaltflowError, match=r"^learning\.training\.replay_structures: " + sentence):
        read_structures(named(tmp_path / "set.xyz", cells), elements=["Li", "Cl"])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, r"\S+set\.extxyz is not there; correct its path\.$"),
        ("", r"\S+set\.extxyz holds no structures; name a set that does\.$"),
        ("no structures\n", r"\S+set\.extxyz cannot be read as structures \(.*\); give extended XYZ or another format"),
        ("other", r"\S+set\.extxyz has SHA-256 \w{64} where 0{64} is pinned; restore the file\.$"),
    ],
)
def test_a_file_that_is_not_what_was_named_is_refused(tmp_path, foundation, text, sentence):
    """As a training finds it, before it reads the foundation."""
    path = tmp_path / "set.extxyz"
    if text is not None:
        path.write_text(text)
    sha256 = "0" * 64 if text in (None, "other") else sha256_of_file(path)
    training = {"replay_structures": {"path": str(path), "sha256": sha256, "dispersion": "none"}}
    start = {"kind": "file", "path": str(foundation), "sha256": sha256_of_file(foundation)}
    with pytest.raises(SaltflowError, match=r"^learning\.training\.replay_structures: " + sentence):
        started_from(start, {"foundation": str(foundation)}, training=training, elements=["Li", "Cl"])


def test_a_foundation_of_another_hash_stops_before_anything_is_read(tmp_path, foundation):
    training = {"replay_structures": {"path": str(tmp_path / "gone.extxyz"), "sha256": "0" * 64, "dispersion": "none"}}
    start = {"kind": "file", "path": str(foundation), "sha256": "1" * 64}
    with pytest.raises(SaltflowError, match=r"has SHA-256 \w{64} where 1{64} is pinned; it was not loaded"):
        started_from(start, {"foundation": str(foundation)}, training=training, elements=["Li", "Cl"])
